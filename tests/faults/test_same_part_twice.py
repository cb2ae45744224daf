"""Two clients send the same part at the same moment: one attempt wins, the part decrypts, the other is reaped."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from deploy.onebox.clients import Client
from deploy.onebox.stack import OneBox
from services.agency import Profile
from services.agency.answers import Answer
from services.agency.folder import read_folder
from services.agency.manifests import declare
from services.agency.session import Body
from services.agency.state import State
from tests.support.deliveries import make_delivery
from tests.support.pushing import objects, package_of, standing
from tests.support.stack import Clerk, clerk_of, eventually

MIB = 1024 * 1024


def test_of_two_at_once_one_wins_and_the_other_is_reaped(box: OneBox, clerk: Clerk, tmp_path: Path) -> None:
    delivery = make_delivery(tmp_path / "delivery", files=1, size=2 * MIB, seed=901_001)
    payload = delivery.files[0].read_bytes()
    profile = Profile.load(None, clerk.config)
    origin = box.origins.origin("ingest")
    with Client(profile) as first, Client(profile) as second:
        declared = first.ask("POST", f"{origin}/v1/packages?part_size={2 * MIB}", Body.of(_manifest(delivery.folder)))
        assert declared.status == 201, declared.body
        package = declared.json()["package"]
        both_are_under_way = threading.Barrier(2, timeout=20)

        def chunks() -> Iterator[bytes]:
            yield payload[:MIB]
            both_are_under_way.wait()
            yield payload[MIB:]

        body = Body(hashlib.sha256(payload).digest(), len(payload), "application/octet-stream", chunks)
        address = f"{origin}/v1/packages/{package}/parts/0"

        def send(client: Client) -> Answer:
            return client.ask("PUT", address, body)

        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(send, (first, second)))
    assert sorted(answer.status for answer in answers) == [200, 201]
    assert len({answer.body for answer in answers if answer.status == 200}) == 1

    assert standing(box)["attempts"]["lost"] >= 1
    box.admin_command("ingest", "ingest", "reap")
    assert standing(box)["attempts"]["lost"] == 0
    target = tmp_path / "back"
    assert eventually(lambda: clerk("get", str(package), "-o", target).code == 0)
    assert (target / "000" / "van-ban-000000.pdf").read_bytes() == payload


def test_two_whole_pushes_at_once_make_one_package(box: OneBox, clerk: Clerk, tmp_path: Path) -> None:
    delivery = make_delivery(tmp_path / "delivery", files=40, size=150_000, seed=901_002)
    other = clerk_of(box, "agency", tmp_path / "other")
    pushers = [one.begin("push", delivery.folder, "--part-size", "1") for one in (clerk, other)]
    assert [pusher.wait(60) for pusher in pushers] == [0, 0]
    package = package_of(clerk)
    assert package_of(other) == package
    receipts = [next((one.state / "receipts").iterdir()).read_bytes() for one in (clerk, other)]
    events = {json.loads(receipt)["event"] for receipt in receipts}
    assert len(events) == 1


async def test_the_reaped_object_is_gone_from_the_store(box: OneBox, clerk: Clerk, tmp_path: Path) -> None:
    """As many part objects as parts, once the losers are reaped."""
    delivery = make_delivery(tmp_path / "delivery", files=4, size=700_000, seed=901_003)
    before = set(await objects(box, ""))
    other = clerk_of(box, "agency", tmp_path / "other")
    pushers = [one.begin("push", delivery.folder, "--part-size", "1", "--jobs", "1") for one in (clerk, other)]
    assert [pusher.wait(60) for pusher in pushers] == [0, 0]
    box.admin_command("ingest", "ingest", "reap")
    made = [name for name in set(await objects(box, "")) - before if not name.startswith("log/")]
    parts = [name for name in made if "part" in name]
    assert len(parts) == -(-delivery.size // MIB), sorted(made)


def _manifest(folder: Path) -> bytes:
    """The manifest of a described folder, by the SDK itself."""
    [delivery] = read_folder(folder)
    state = State(folder.parent / f"state-{os.getpid()}")
    try:
        dossier = delivery.dossiers[0]
        return declare(dossier, submitter=dossier.creator, state=state, advance=lambda _: None).manifest
    finally:
        state.close()
