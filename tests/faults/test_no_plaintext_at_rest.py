"""No byte of a component's plaintext is on the gateway's disk; titles are in the database and nowhere else."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from uuid import UUID

import psycopg

from deploy.onebox.postgres import OWNER
from deploy.onebox.stack import OneBox
from services.kernel.sealing.keys import unwrap_component_key
from services.runtime.kms.keyring import FileKeyring
from tests.support.deliveries import make_delivery
from tests.support.pushing import files_with, package_of
from tests.support.stack import Clerk, eventually


def test_the_disk_holds_ciphertext_and_only_the_database_knows_titles(
    box: OneBox, clerk: Clerk, tmp_path: Path
) -> None:
    delivery = make_delivery(tmp_path / "delivery", files=30, size=100_000, seed=902_001)
    description = json.loads((delivery.folder / "ho-so.json").read_text("utf-8"))
    subject = "TRICHYEU-khong-duoc-lot-ra-ngoai-902001"
    description["documents"][0]["subject"] = subject
    (delivery.folder / "ho-so.json").write_text(json.dumps(description, ensure_ascii=False), "utf-8")
    assert clerk("push", delivery.folder).code == 0
    assert eventually(lambda: clerk("get", package_of(clerk), "-o", tmp_path / "back").code == 0)
    assert eventually(lambda: clerk("search", subject, "--json").lines("document"))

    root = box.folder.path
    for marker in (delivery.markers[0], delivery.markers[17], delivery.markers[-1]):
        assert files_with(tmp_path / "back", marker), "the marker is in the content"
        assert files_with(root, marker) == []
    # That the search finds what is there: the subject lies in the clear in the database, as it must.
    assert files_with(root / "postgres", subject.encode())
    for place in (root / "seaweedfs", root / "logs", root / "secrets"):
        assert files_with(place, subject.encode()) == []
        assert files_with(place, b"van-ban-000000.pdf") == []
    assert files_with(root / "postgres" / "log", subject.encode()) == []


def test_no_key_is_on_the_disk_but_in_the_kms(box: OneBox, clerk: Clerk, tmp_path: Path) -> None:
    """Component keys, package keys and KEKs, as bytes, hex and base64; the write-ahead log and the logs are files, too."""
    assert clerk("push", make_delivery(tmp_path / "delivery", files=3, size=50_000, seed=902_002).folder).code == 0
    root = box.folder.path
    keyring = root / "secrets" / "keyring.json"
    keks, package_keys, component_keys = asyncio.run(_keys(box, keyring, package_of(clerk)))
    for key in (*component_keys, *package_keys):
        assert forms_in(root, key) == []
    for kek in keks:
        assert {path.name for path in forms_in(root, kek)} == {keyring.name}  # that the search finds what is there
    planted = root / "logs" / "planted"
    planted.write_text(f"key={component_keys[0].hex()}", "ascii")
    try:
        assert forms_in(root, component_keys[0]) == [planted]
    finally:
        planted.unlink()


def forms_in(folder: Path, key: bytes) -> list[Path]:
    """Files that hold the key in any form that code writes bytes in."""
    forms = {key, key.hex().encode(), key.hex().upper().encode()}
    forms |= {base64.b64encode(key).rstrip(b"="), base64.urlsafe_b64encode(key).rstrip(b"=")}
    return sorted({path for form in forms for path in files_with(folder, form)})


async def _keys(box: OneBox, keyring: Path, package: UUID) -> tuple[list[bytes], list[bytes], list[bytes]]:
    """KEKs, and the package's keys opened as the services open them."""
    kms = FileKeyring(keyring, environment="development")
    with psycopg.connect(box.postgres.url_for(OWNER)) as owner:
        owner.execute("CHECKPOINT")  # what is only in memory gets onto the disk
        rows = owner.execute("SELECT level, kek, wrapped FROM ingest.package_key WHERE package = %s", [package])
        opened = {level: await kms.unwrap(kek, bytes(wrapped)) for level, kek, wrapped in rows.fetchall()}
        wrapped = owner.execute("SELECT level, wrapped_key FROM ingest.component WHERE package = %s", [package])
        components = [unwrap_component_key(opened[level], bytes(key)) for level, key in wrapped.fetchall()]
    keks = [key for versions in kms._current().keks.values() for key in versions.values() if key]
    assert keks
    assert components
    return keks, list(opened.values()), components
