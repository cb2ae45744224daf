"""An independent LAN in use: two officers decide what an agency may hand in, its own check says what the gateway says, and who reads.

A gateway of its own, for the profile is that of a whole deployment; archivists here read up to Mật and nobody else does.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from deploy.onebox.clients import Client
from deploy.onebox.console import Console
from deploy.onebox.services import Deployment
from deploy.onebox.signals import Signals
from deploy.onebox.stack import OneBox
from deploy.onebox.state import StateFolder
from services.agency.folder import read_folder
from services.agency.manifests import manifest_of
from services.agency.session import Body
from services.kernel.vietnam import day_in_vietnam
from tests.support.components import took_part
from tests.support.lawful import lawful
from tests.support.stack import Clerk, clerk_of, eventually

FOLDER = Path(__file__).parents[1] / "data" / "folder-delivery"
LONG = 120.0  # the machine may be busy with other tests
DAY = timedelta(days=1)
HOMES = {"agency": ("P012", "000.00.47.A47"), "stranger": ("P099", "000.00.48.A47")}
CEILING, PERMISSION = "6.ceiling", "7"


def _first(rules: object) -> object:
    assert isinstance(rules, list)
    return rules[0]


def today() -> date:
    return day_in_vietnam(datetime.now(UTC))


@pytest.fixture(scope="module")
def lan() -> Iterator[OneBox]:
    folder = Path(tempfile.mkdtemp(prefix="nopluu-lan-"))
    state = StateFolder(folder)
    deployment = Deployment("independent-lan", {"archivist": "mat"})
    try:
        with OneBox(state, Console(), Signals(), deployment=deployment) as started:
            started.start()
            took_part("the services over HTTPS", "seven processes, independent-lan")
            yield started
    finally:
        state.close()
        shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Agency:
    """An agency's clerk, and beside it one session at the gateway whose token is as old as the test."""

    key: str
    clerk: Clerk
    session: Client
    box: OneBox
    folder: Path
    made: int = field(default=0)

    def delivery(self, *secrecies: dict[str, object]) -> Path:
        """A dossier with bytes that are nowhere else, a document for each."""
        self.made += 1
        folder = self.folder / f"{self.key}-{self.made}"
        folder.mkdir(parents=True)
        value = json.loads((FOLDER / "ho-so.json").read_text("utf-8"))
        value["fonds"], value["creator"] = HOMES[self.key]
        value["dossier"] |= {
            "fonds_number": value["fonds"],
            "dossier_number": f"{self.made:03}",
            "dossier_code": f"{value['fonds']}.2020-2025.02.01.{self.made:03}",
            "document_count": len(secrecies),
        }
        [pattern, *_] = value["documents"]
        source = FOLDER / pattern["file"]
        value["documents"] = []
        for at, secrecy in enumerate(secrecies):
            name = f"{at}.pdf"
            (folder / name).write_bytes(source.read_bytes() + os.urandom(100))
            subject = f"Trích yếu số {self.made} {secrecy['level']}"
            value["documents"].append(pattern | {"file": name, "subject": subject, "secrecy": secrecy})
        (folder / "ho-so.json").write_text(json.dumps(value, ensure_ascii=False), "utf-8")
        return folder

    def offline(self, delivery: Path) -> set[str]:
        """The rules by which this machine's own check stops; it asks nobody."""
        done = self.clerk("check", delivery, "--json")
        found = [line for line in done.lines("finding") if line["severity"] == "error"]
        assert (done.code == 0) == (not found), done.out + done.err
        assert not {line["code"] for line in found} - {"rule", "rule-held", "secrecy-stub-only"}, found
        return {str(_first(line["rules"])) for line in found}

    def at_gateway(self, delivery: Path) -> set[str]:
        """The rules by which the gateway refuses."""
        [read] = read_folder(delivery)
        sent = manifest_of(read.dossiers[0], submitter=HOMES[self.key][1], digests={})
        address = f"{self.box.origins.origin('ingest')}/v1/packages:check"
        answer = self.session.ask("POST", address, Body.of(sent))
        if answer.status == 200:
            return set()
        assert answer.status == 422, answer.body
        errors = answer.json()["errors"]
        assert isinstance(errors, list)
        return {str(error["code"]).split(",")[0] for error in errors}

    def fetch(self) -> None:
        done = self.clerk("rules", "fetch")
        assert done.code == 0, done.err

    def both(self, *secrecies: dict[str, object]) -> set[str]:
        """What both say of one delivery, which is the same."""
        delivery = self.delivery(*secrecies)
        offline, gateway = self.offline(delivery), self.at_gateway(delivery)
        assert offline == gateway
        return gateway


@dataclass(frozen=True)
class Police:
    """The two officers of rules, at their own machines."""

    author: Clerk
    approver: Clerk
    agency: str

    def propose(self, level: str, start: date) -> str:
        done = self.author(
            "ceiling", "propose", self.agency, "--level", level, "--from", start, "--number", "15/QĐ-CAT",
            "--decided-on", min(start, today()), "--authority", "Giám đốc Công an tỉnh", "--json",
        )  # fmt: skip
        assert done.code == 0, done.out + done.err
        return str(done.one("ceiling")["id"])

    def decide(self, level: str, start: date) -> None:
        done = self.approver("ceiling", "approve", self.propose(level, start), "--json")
        assert done.code == 0, done.out + done.err
        assert done.one("ceiling")["outcome"] == "approved"


@pytest.fixture
def agency(lan: OneBox, tmp_path: Path) -> Iterator[Agency]:
    with Client(lan.profile("agency")) as session:
        yield Agency("agency", clerk_of(lan, "agency", tmp_path / "clerk"), session, lan, tmp_path / "deliveries")


@pytest.fixture
def stranger(lan: OneBox, tmp_path: Path) -> Iterator[Agency]:
    with Client(lan.profile("stranger")) as session:
        yield Agency("stranger", clerk_of(lan, "stranger", tmp_path / "other"), session, lan, tmp_path / "deliveries")


@pytest.fixture
def police(lan: OneBox, tmp_path: Path) -> Police:
    with Client(lan.profile("registrar")) as registrar:
        page = registrar.get(f"{lan.origins.origin('auth')}/v1/agencies?limit=500")
    entries = page["agencies"]
    assert isinstance(entries, list)
    [found] = [entry["id"] for entry in entries if entry["name"] == "Huyện ủy Mẫu"]
    return Police(
        clerk_of(lan, "author", tmp_path / "author"), clerk_of(lan, "approver", tmp_path / "approver"), str(found)
    )


@pytest.mark.timeout(900)  # many commands, each a process of its own, on a machine that may be busy
def test_a_ceiling_from_its_proposal_to_its_end(
    lan: OneBox, agency: Agency, stranger: Agency, police: Police, tmp_path: Path
) -> None:
    none: dict[str, object] = {"level": "none"}
    mat, top = lawful("mat"), lawful("toi_mat")
    unpermitted = {name: value for name, value in mat.items() if name != "permission"}

    # Nothing is decided: what is protected stays where it is, what is not goes in.
    agency.fetch()
    stranger.fetch()
    assert agency.both(none) == set()
    assert agency.both(none, mat) == {CEILING}

    # A proposal is nothing, its author cannot approve it, and a decision for tomorrow is none today.
    waiting = police.propose("mat", today())
    assert police.author("ceiling", "approve", waiting).code != 0
    police.decide("toi_mat", today() + DAY)
    agency.fetch()
    assert agency.both(none, mat) == {CEILING}

    # Approved by another officer: the token that was refused before is not asked for anew, its next request is allowed.
    assert police.approver("ceiling", "approve", waiting).code == 0
    delivery = agency.delivery(none, mat)
    eventually(lambda: agency.at_gateway(delivery) == set(), seconds=LONG, pause=0.5)
    assert agency.offline(delivery) == {CEILING}  # what is carried is older
    agency.fetch()
    assert agency.offline(delivery) == set()
    assert agency.both(none, top) == {CEILING}
    assert agency.both(none, unpermitted) == {PERMISSION}
    stranger.fetch()
    assert stranger.both(none, mat) == {CEILING}  # another agency's ceiling is not its own

    done = agency.clerk("push", delivery, "--json", seconds=300)
    assert done.code == 0, done.out + done.err
    package = str(done.one("dossier")["package"])

    # Who reads: archivists up to Mật, and no word of what it is about. To the agency that handed it in, to officers of
    # incidents and to other agencies it is absent.
    archivist = clerk_of(lan, "archivist", tmp_path / "archivist")
    catalog = f"{lan.origins.origin('catalog')}/v1"

    def listed(who: Client) -> list[dict[str, object]]:
        answer = who.ask("GET", f"{catalog}/packages/{package}")
        found = answer.json()["documents"] if answer.status == 200 else []
        assert isinstance(found, list)
        return found

    with Client(lan.profile("archivist")) as reading, Client(lan.profile("officer")) as officer:
        shown = eventually(lambda: listed(reading), seconds=LONG, pause=0.5)
        assert [(entry["level"], entry["subject"] is None) for entry in shown] == [("none", False), ("mat", True)]
        document = shown[1]["id"]
        components = shown[1]["components"]
        assert isinstance(components, list)
        [component] = [str(entry["id"]) for entry in components]
        for other in (agency.session, officer):
            assert [entry["level"] for entry in listed(other)] == ["none"]
        assert listed(stranger.session) == []
        for other in (agency.session, officer, stranger.session):
            there = other.ask("GET", f"{catalog}/documents/{document}")
            assert (there.status, there.json()["code"]) == (404, "document-unknown")
            bytes_ = other.ask("GET", f"{catalog}/components/{component}")
            assert (bytes_.status, bytes_.json()["code"]) == (404, "component-unknown")
    got = tmp_path / "got"
    read = archivist("get", component, "-o", got)
    assert read.code == 0, read.err
    [file] = got.iterdir()
    assert file.read_bytes() == (delivery / "1.pdf").read_bytes()
    assert agency.clerk("get", component, "-o", tmp_path / "nothing").code != 0
    assert not [*(tmp_path / "nothing").glob("*")]

    # Withdrawn from today: the old check still says yes, the push fetches and refuses before a byte; what is held stays.
    police.decide("none", today())
    late = agency.delivery(none, mat)
    eventually(lambda: agency.at_gateway(late) == {CEILING}, seconds=LONG, pause=0.5)
    assert agency.offline(late) == set()
    refused = agency.clerk("push", late, "--json", seconds=300)
    assert refused.code != 0
    assert refused.uploaded() == 0
    assert agency.offline(late) == {CEILING}  # the push carried the decision here
    again = archivist("get", component, "-o", tmp_path / "again")
    assert again.code == 0, again.err
    page = police.approver("ceiling", "list", "--agency", police.agency, "--json").lines("ceiling")
    assert [(entry["level"], entry["outcome"]) for entry in page] == [
        ("mat", "approved"),
        ("toi_mat", "approved"),
        ("none", "approved"),
    ]
