"""No byte of a component's plaintext is on the gateway's disk; titles are in the database and nowhere else."""

from __future__ import annotations

import json
from pathlib import Path

from deploy.onebox.stack import OneBox
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
