"""A police officer's day with the `nopluu` command, against the real gateway: hold, cut, decide by two, file."""

from __future__ import annotations

import os
import shutil
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest

from deploy.onebox.clients import Client
from deploy.onebox.stack import OneBox
from services.agency.wire import NetworkError
from tests.support.stack import Clerk, clerk_of, eventually, texts

FOLDER = Path(__file__).parents[1] / "data" / "folder-delivery"
LARGE = 48 * 1024 * 1024


@pytest.fixture
def officer(box: OneBox, tmp_path: Path) -> Clerk:
    return clerk_of(box, "officer", tmp_path / "officer")


@pytest.fixture
def second(box: OneBox, tmp_path: Path) -> Clerk:
    return clerk_of(box, "officer2", tmp_path / "second")


@pytest.fixture
def delivery(tmp_path: Path) -> Path:
    """A folder whose bytes are in no other test's dossier; one of its files is large."""
    folder = tmp_path / "delivery"
    shutil.copytree(FOLDER, folder)
    for path in folder.glob("*.pdf"):
        size = LARGE if path.name == "phu-luc-1.pdf" else 100
        path.write_bytes(path.read_bytes() + os.urandom(size))
    return folder


def pushed(clerk: Clerk, delivery: Path) -> str:
    done = clerk("push", delivery, "--json", seconds=300)
    assert done.code == 0, done.err
    [dossier] = done.lines("dossier")
    return str(dossier["package"])


def large_component(archivist: Client, box: OneBox, package: str) -> str:
    """The large file's id, once catalog lists it."""
    address = f"{box.origins.origin('catalog')}/v1/packages/{package}"

    def listed() -> Any:
        answer = archivist.ask("GET", address)
        return answer.status == 200 and answer.json()

    for document in eventually(listed, seconds=90)["documents"]:
        for component in document["components"]:
            if component["size"] > LARGE:
                return str(component["id"])
    raise AssertionError("the large file is not listed")


def test_a_hold_cuts_a_running_download_and_hides_until_two_officers_decide(
    box: OneBox, clerk: Clerk, archivist: Clerk, officer: Clerk, second: Clerk, delivery: Path, tmp_path: Path
) -> None:
    package = pushed(clerk, delivery)
    with Client(box.profile("archivist")) as reading:
        component = large_component(reading, box, package)
        download = SlowDownload(box, reading, component)
        download.start()
        eventually(lambda: download.received > 0, seconds=60)
        opened = officer("incidents", "open", package, "--component", component, "--kind", "secret-content", "--json")
        assert opened.code == 0, opened.err
        incident = str(opened.one("incident")["incident"])
        time.sleep(3)  # the bound that decision 0020 states, and a second
        after_the_bound = download.received
        download.hurry.set()
        download.join(60)
        assert not download.is_alive()
        assert download.broken, "a cut answer must never look whole"
        # Nothing more left the gateway; what was in the sockets' buffers by then still arrives.
        assert download.received - after_the_bound <= download.buffers
        assert download.received < LARGE

        hidden = eventually(
            lambda: officer("incidents", "show", incident, "--json").one("incident")["hidden_at"], seconds=90
        )
        assert hidden
        address = f"{box.origins.origin('catalog')}/v1/components/{component}"
        absent = address[:-1] + ("0" if address[-1] != "0" else "1")
        told = [reading.ask("GET", where) for where in (address, absent)]
        assert {(answer.status, answer.json()["code"]) for answer in told} == {(404, "component-unknown")}
    got = archivist("get", package, "-o", tmp_path / "rest", "--json", seconds=120)
    assert got.code == 0, got.err
    assert not list((tmp_path / "rest").rglob("phu-luc-1.pdf"))

    again = clerk("push", delivery, "--json", seconds=300)
    assert again.code != 0

    [proposed] = officer("incidents", "propose", incident, "--decision", "release", "--json").lines("incident_proposed")
    alone = officer("incidents", "confirm", incident, "--step", proposed["step"], "--json")
    assert alone.one("exit_error")["code"] == "incident-same-officer"
    confirmed = second("incidents", "confirm", incident, "--step", proposed["step"], "--json")
    assert confirmed.code == 0, confirmed.err
    for step in (("done", incident, "--what", "report-police", "--instrument", "15/BC-CAT"), ("close", incident)):
        done = officer("incidents", *step, "--json")
        assert done.code == 0, done.err
    listed = texts(officer("incidents", "list", "--state", "closed", "--json").lines("incident"), "incident")
    assert incident in listed
    report = tmp_path / "report.html"
    assert officer("incidents", "show", incident, "--report", report).code == 0
    page = report.read_text("utf-8")
    assert "Phạm Văn Xử" in page
    assert "Hoàng Thị Xác" in page
    assert eventually(lambda: clerk("get", package, "-o", tmp_path / "whole", seconds=120).code == 0, seconds=120)
    assert next((tmp_path / "whole").rglob("phu-luc-1.pdf")).read_bytes() == (delivery / "phu-luc-1.pdf").read_bytes()


class SlowDownload(threading.Thread):
    """Reads a component slowly, counting what arrives, until it is told to hurry; `broken` where it ended short."""

    def __init__(self, box: OneBox, client: Client, component: str) -> None:
        super().__init__(daemon=True)
        self.received = 0
        self.broken = False
        self.hurry = threading.Event()
        self.buffers = 16 * 1024 * 1024
        self._box = box
        catalog = box.origins.origin("catalog")
        self._first = f"{catalog}/v1/components/{component}"
        self._catalog = catalog
        self._client = client

    def run(self) -> None:
        session = self._client._session  # the SDK follows redirects whole; this test reads at its own pace
        with session.download(self._first) as first:
            location = urljoin(self._catalog, first.headers["location"])
        try:
            with session.download(location) as answer:
                for chunk in answer.chunks():
                    self.received += len(chunk)
                    if not self.hurry.is_set():
                        self.hurry.wait(0.4)
        except NetworkError:
            self.broken = True
