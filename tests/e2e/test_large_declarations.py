"""Very large manifests against the real gateway: bounded memory, a health check that answers, every problem at once."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from deploy.onebox.stack import OneBox
from services.agency import keys
from services.agency.answers import Answer
from services.agency.folder import read_folder
from services.agency.manifests import manifest_of
from services.agency.observing import Silent
from services.agency.session import Body, Session
from services.agency.wire import Wire
from tests.support.stack import eventually

FOLDER: Final = Path(__file__).parents[1] / "data" / "folder-delivery"
MIB: Final = 1024 * 1024
HEALTH_SECONDS: Final = 2.0  # a probe that waits longer takes the instance for dead
MEMORY: Final = 700 * MIB  # of the serving process; the manifest itself has some 20 MiB


@pytest.fixture
def session(box: OneBox) -> Iterator[Session]:
    profile = box.profile("agency")
    wire = Wire(profile, connections=2)
    yield Session(
        wire,
        gateway=profile.gateway,
        client_id=str(profile.client_id),
        key=keys.load(profile.key_file),
        observer=Silent(),
        language="en",
    )
    wire.close()


def sample() -> dict[str, Any]:
    [delivery] = read_folder(FOLDER)
    dossier = delivery.dossiers[0]
    made: dict[str, Any] = json.loads(manifest_of(dossier, submitter=dossier.creator, digests={}))
    return made


def large(documents: int, components: int) -> dict[str, Any]:
    """The sample's first document again and again, each with so many files of its own."""
    manifest = sample()
    first = manifest["documents"][0]
    manifest["dossier"]["metadata"]["document_count"] = documents
    manifest["documents"] = [
        {
            **first,
            "ordinal": at + 1,
            "components": [
                {
                    "name": f"{at}/{number}.pdf",
                    "media_type": "application/pdf",
                    "size": 1000,
                    "sha256": hashlib.sha256(b"%d/%d" % (at, number)).hexdigest(),
                }
                for number in range(components)
            ],
        }
        for at in range(documents)
    ]
    return manifest


def post(session: Session, address: str, manifest: dict[str, Any]) -> Answer:
    body = Body.of(json.dumps(manifest, ensure_ascii=False).encode())
    return session.request("POST", f"{session.endpoints().ingest}{address}", body)


@contextmanager
def health_watched(box: OneBox) -> Iterator[list[float]]:
    """Asks ingest's /healthz all the while; seconds that each answer took."""
    waits: list[float] = []
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(0.05):
            begun = time.monotonic()
            box.admin("ingest", "/healthz")
            waits.append(time.monotonic() - begun)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield waits
    finally:
        stop.set()
        watcher.join()


def highest_memory(pid: int) -> int:
    """The most bytes that the process ever had resident."""
    status = Path(f"/proc/{pid}/status").read_text("ascii")
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


def test_a_hundred_thousand_components_are_declared_while_health_answers(box: OneBox, session: Session) -> None:
    manifest = large(documents=1_000, components=100)
    with health_watched(box) as waits:
        answer = post(session, f"/v1/packages?part_size={16 * MIB}", manifest)
        assert answer.status == 202, answer.problem
        package = answer.json()["package"]

        def judged() -> dict[str, object] | None:
            told = session.request("GET", f"{session.endpoints().ingest}/v1/packages/{package}").json()
            return None if told["state"] == "judging" else told

        status = eventually(judged, seconds=90, pause=0.2) or {}
    assert status.get("state") == "declared", status
    assert status.get("missing") == [[0, 5]]  # 100,000,000 bytes
    assert len(waits) > 10
    assert max(waits) < HEALTH_SECONDS
    assert highest_memory(box.child("ingest").pid) < MEMORY
    ended = session.request("DELETE", f"{session.endpoints().ingest}/v1/packages/{package}")
    assert ended.status in (200, 204)


def test_a_thousand_wrong_rows_of_twenty_thousand_are_told_in_one_answer(session: Session) -> None:
    manifest = large(documents=20_000, components=1)
    wrong = list(range(0, 20_000, 20))
    for at in wrong:
        manifest["documents"][at] = {
            **manifest["documents"][at],
            "metadata": {**manifest["documents"][at]["metadata"], "issued_on": "31/02/2008"},
        }
    answer = post(session, "/v1/packages:check", manifest)
    assert answer.status == 422
    errors = answer.problem["errors"]
    assert isinstance(errors, list)
    assert [entry["pointer"] for entry in errors] == [f"/documents/{at}/metadata/issued_on" for at in wrong]
