"""Promise: a hold placed while others search, read and export lets nothing more leave, and takes nothing else away.

What is held carries one random word: in its subject, its file's name and its content. So raw answers tell of a leak,
whatever form they have.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import threading
import uuid
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urljoin

import pytest

from deploy.onebox.clients import Client
from deploy.onebox.sample import CLIENTS
from deploy.onebox.stack import OneBox
from services.agency.answers import Answer
from services.agency.session import Body
from services.kernel.canonical import canonical
from services.kernel.rules.baseline import baseline_bundle
from services.kernel.tlog.exports import LEAVES, parse_leaf
from tests.support.stack import Clerk, clerk_of, eventually

_ROOT: Final = Path(__file__).parents[2]
_FOLDER: Final = _ROOT / "tests" / "data" / "folder-delivery"
_DOCUMENTS: Final = 11
_HELD: Final = 5
_PAGE: Final = 2
# Who sees incidents sees ids, never words (DECISION-0020).
_FOLLOWING: Final = frozenset({"inspector", "officer", "officer2", "supervisor", "auditor"})
_EXAMPLES: Final = (("positive", "none"), ("negative", "mat"))
_PATIENCE: Final = 240.0  # seconds
_EVER: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Shelved:
    """A dossier in catalog: `word` is in every subject, `secret` only in what will be held."""

    word: str
    secret: str
    sha256: str
    manifest: bytes
    package: str
    dossier: str
    document: str
    component: str
    others: frozenset[str]

    @property
    def words(self) -> tuple[bytes, ...]:
        """What nobody may see after the hold."""
        return (self.secret.encode(), self.sha256.encode())

    @property
    def ids(self) -> tuple[bytes, ...]:
        """What only whoever sees incidents may see."""
        return (self.document.encode(), self.component.encode())


@pytest.fixture
def shelved(box: OneBox, clerk: Clerk, tmp_path: Path) -> Shelved:
    word, secret = _random_word(), _random_word()
    folder = tmp_path / "delivery"
    folder.mkdir()
    description = json.loads((_FOLDER / "ho-so.json").read_bytes())
    number = str(uuid.uuid4().int % 900 + 100)
    description["dossier"] |= {
        "dossier_number": number,
        "dossier_code": f"P012.2020-2025.02.01.{number}",
        "document_count": _DOCUMENTS,
    }
    form = description["documents"][0]
    scan, contents = (_FOLDER / "phu-luc-1.pdf").read_bytes(), {}
    description["documents"] = []
    for at in range(_DOCUMENTS):
        mark = secret if at == _HELD else _random_word()
        contents[at] = scan + f"\n% {word} {mark}\n".encode()
        (folder / f"{mark}.pdf").write_bytes(contents[at])
        own = {"file": f"{mark}.pdf", "subject": f"{word} {mark}", "document_number": str(at + 1)}
        description["documents"].append(form | own | {"issued_on": f"{at + 1:02}/03/2021"})
    (folder / "ho-so.json").write_text(json.dumps(description, ensure_ascii=False), encoding="utf-8")
    done = clerk("push", folder, "--json", seconds=300)
    assert done.code == 0, done.err
    package = str(done.lines("dossier")[0]["package"])
    with Client(box.profile("archivist")) as reading, Client(box.profile("agency")) as agency:
        listed = eventually(lambda: _listed(reading, box, package), seconds=_PATIENCE)
        manifest = agency.ask("GET", f"{box.origins.origin('ingest')}/v1/packages/{package}/manifest")
    assert manifest.status == 200
    documents = {str(entry["id"]): entry for entry in listed["documents"]}
    [held] = [id_ for id_, entry in documents.items() if secret in entry["subject"]]
    [component] = documents[held]["components"]
    assert component["sha256"] == hashlib.sha256(contents[_HELD]).hexdigest()
    return Shelved(
        word=word,
        secret=secret,
        sha256=component["sha256"],
        manifest=manifest.body,
        package=package,
        dossier=str(documents[held]["dossier"]),
        document=held,
        component=str(component["id"]),
        others=frozenset(documents) - {held},
    )


def _random_word() -> str:
    """Letters only, so that all subjects have as many words and none ranks before another for that."""
    return uuid.uuid4().hex.translate(str.maketrans("0123456789", "ghijklmnop"))


def _listed(reading: Client, box: OneBox, package: str) -> Any:
    answer = reading.ask("GET", f"{box.origins.origin('catalog')}/v1/packages/{package}")
    return answer.status == 200 and answer.json()


def hold(box: OneBox, officer: Client, shelved: Shelved) -> str:
    """Place it on the component; the incident's id."""
    body = {"package": shelved.package, "component": shelved.component, "kind": "secret-content"}
    return str(officer.post(f"{box.origins.origin('ingest')}/v1/incidents", body)["incident"])


def hidden_at(box: OneBox, officer: Client, incident: str) -> datetime:
    """When catalog had confirmed; waited for."""
    address = f"{box.origins.origin('ingest')}/v1/incidents/{incident}"
    return datetime.fromisoformat(str(eventually(lambda: officer.get(address)["hidden_at"], seconds=_PATIENCE)))


def raw(answer: Answer) -> bytes:
    """Everything an answer says; the parts of a workbook unpacked."""
    body = answer.body
    if body.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(body)) as packed:
            body = b"\n".join([*map(str.encode, packed.namelist()), *map(packed.read, packed.namelist())])
    return body + b"\n" + "\n".join(f"{name}: {value}" for name, value in answer.headers.items()).encode()


@dataclass(frozen=True, slots=True)
class Seen:
    """One answer: when it was asked for, and whether it told anything of what is held."""

    begun: datetime
    leaked: bool


class Reader(threading.Thread):
    """Asks the same questions again and again until told to stop."""

    def __init__(self, box: OneBox, turn: Callable[[Reader], None]) -> None:
        super().__init__(daemon=True)
        self.seen: list[Seen] = []
        self.catalog = box.origins.origin("catalog")
        self.client = Client(box.profile("archivist"))
        self.turns: list[datetime] = []  # when each whole one began
        self.walks: list[list[str]] = []
        self.failure: BaseException | None = None
        self.enough = threading.Event()
        self._turn = turn

    def run(self) -> None:
        try:
            with self.client:
                while not self.enough.wait(0.02):
                    begun = datetime.now(UTC)
                    self._turn(self)
                    self.turns.append(begun)
        except BaseException as failure:
            self.failure = failure
            raise

    def ask(self, url: str, needles: tuple[bytes, ...]) -> Answer:
        begun = datetime.now(UTC)
        answer = self.client.ask("GET", url)
        told = raw(answer)
        self.seen.append(Seen(begun, any(needle in told for needle in needles)))
        return answer

    def leaks(self, since: datetime) -> list[Seen]:
        """Answers asked for at that moment or later that told something."""
        return [seen for seen in self.seen if seen.leaked and seen.begun >= since]

    def sees_it(self) -> bool:
        """Whether a whole turn told something: before the hold."""
        return self.went_on(_EVER, turns=1) and bool(self.leaks(_EVER))

    def went_on(self, since: datetime, turns: int = 3) -> bool:
        """Whether so many whole turns began at that moment or later."""
        if self.failure is not None:
            raise AssertionError("a reader failed") from self.failure
        return sum(begun >= since for begun in self.turns) >= turns


def pages(
    ask: Callable[[str], Answer], catalog: str, shelved: Shelved, after: str | None = None
) -> Iterator[list[dict[str, Any]]]:
    """The hits of each page of the search, from a cursor on."""
    while True:
        answer = ask(search(catalog, shelved, _PAGE, after))
        assert answer.status == 200, answer.body
        found: Any = answer.json()
        yield found["items"]
        after = found["next"]
        if after is None:
            return


def search(catalog: str, shelved: Shelved, limit: int, after: str | None = None) -> str:
    tail = "" if after is None else f"&after={quote(after, safe='')}"
    return f"{catalog}/v1/search?q={shelved.word}&limit={limit}{tail}"


def test_searching_and_reading_go_on_without_what_is_held(box: OneBox, shelved: Shelved) -> None:
    everything = (*shelved.words, *shelved.ids)

    def walk(reader: Reader) -> None:
        found = pages(lambda url: reader.ask(url, everything), reader.catalog, shelved)
        reader.walks.append([hit["document"] for page in found for hit in page])

    def browse(reader: Reader) -> None:
        for path in (f"packages/{shelved.package}", f"dossiers/{shelved.dossier}"):
            reader.ask(f"{reader.catalog}/v1/{path}", everything)
        # Its own address may stand in the refusal; nothing else of it may.
        reader.ask(f"{reader.catalog}/v1/documents/{shelved.document}", (*shelved.words, shelved.component.encode()))

    def ask_leave(reader: Reader) -> None:
        reader.ask(f"{reader.catalog}/v1/components/{shelved.component}", (b"grant=",))

    def read(reader: Reader) -> None:
        leave = reader.client.ask("GET", f"{reader.catalog}/v1/components/{shelved.component}")
        if leave.status == 307:
            reader.ask(urljoin(reader.catalog, leave.headers["location"]), shelved.words)

    walking, _, _, reading = readers = [Reader(box, turn) for turn in (walk, browse, ask_leave, read)]
    catalog = box.origins.origin("catalog")
    try:
        for reader in readers:
            reader.start()
        for reader in readers:
            eventually(reader.sees_it, seconds=_PATIENCE)
        with Client(box.profile("officer")) as officer, Client(box.profile("archivist")) as own:
            order = [
                hit["document"] for page in pages(lambda url: own.ask("GET", url), catalog, shelved) for hit in page
            ]
            place = order.index(shelved.document)
            last: Any = own.get(search(catalog, shelved, place + 1))  # the page ends with what will be held
            assert last["items"][-1]["document"] == shelved.document
            spare = own.ask("GET", f"{catalog}/v1/components/{shelved.component}")
            assert spare.status == 307
            incident = hold(box, officer, shelved)
            held = datetime.now(UTC)
            # Leave given before is worth nothing from ingest's commit on, whatever catalog knows by then.
            refused = own.ask("GET", urljoin(catalog, spare.headers["location"]))
            assert (refused.status, refused.code) == (404, "component-unknown")
            hidden = hidden_at(box, officer, incident)
            for reader in readers:
                eventually(partial(reader.went_on, hidden), seconds=_PATIENCE)
            rest: list[str] = []

            def ask(url: str) -> Answer:
                answer = own.ask("GET", url)
                assert not any(needle in raw(answer) for needle in everything)
                return answer

            if last["next"] is not None:  # its rank may have been the last
                for page in pages(ask, catalog, shelved, last["next"]):
                    rest += [hit["document"] for hit in page]
            assert rest == order[place + 1 :]
    finally:
        for reader in readers:
            reader.enough.set()
        for reader in readers:
            if reader.ident is not None:
                reader.join(_PATIENCE)
    assert not any(reader.is_alive() for reader in readers)
    for reader in readers:
        assert reader.leaks(hidden) == []
    assert reading.leaks(held) == []
    for walk_found in walking.walks:  # also of those that began before the hold and went on after it
        assert len(set(walk_found)) == len(walk_found)
        assert shelved.others <= set(walk_found) <= shelved.others | {shelved.document}
    assert set(walking.walks[-1]) == shelved.others


def addresses(box: OneBox, shelved: Shelved, incident: str) -> Iterator[tuple[str, bool]]:
    """Every GET of catalog and ingest, by their own description, and whether the address names what is held.

    A parameter that is not known here fails: whoever adds a way out says what it gives of a held item.
    """
    filled: Mapping[str, str] = {
        "package": shelved.package,
        "dossier": shelved.dossier,
        "document": shelved.document,
        "component": shelved.component,
        "sha256": hashlib.sha256(shelved.manifest).hexdigest(),
        "incident": incident,
        "year": str(datetime.now(UTC).year),
        "erasure": str(uuid.uuid4()),
        "inspection": str(uuid.uuid4()),
        "path": "0/000",
    }
    questions: Mapping[str, tuple[str, ...]] = {
        "/v1/search": ("q=", f"q={shelved.word}&limit=200", f"q={shelved.secret}"),
        "/v1/violations": ("since=2020-01-01&until=2100-01-01",),
    }
    for service in ("catalog", "ingest"):
        described = json.loads((_ROOT / "openapi" / f"{service}.json").read_bytes())
        for path, methods in described["paths"].items():
            if "get" not in methods:
                continue
            named = "{document}" in path or "{component}" in path
            for question in questions.get(path, ("",)):
                tail = f"?{question}" if question else ""
                yield f"{box.origins.origin(service)}{path.format_map(filled)}{tail}", named


def questions_with_a_body(box: OneBox, shelved: Shelved, rules: bytes) -> Iterator[tuple[str, Body]]:
    """What is asked by POST and changes nothing."""
    ingest = box.origins.origin("ingest")
    yield f"{ingest}/v1/packages:check", Body.of(shelved.manifest)
    yield f"{ingest}/v1/rules:what-if?since=2020-01-01", Body.of(rules)


def pages_of_answers(client: Client, url: str, body: Body) -> Iterator[Answer]:
    """The answer, and where it is one page of several, those that follow."""
    after = ""
    while True:
        answer = client.ask("POST", url + after, body)
        yield answer
        following = answer.json().get("after") if answer.status == 200 else None
        if not following:
            return
        after = f"&after={following}"


def telling_draft() -> bytes:
    """Rules by which the verdict on every document without a level would be another."""
    draft = json.loads(baseline_bundle(2, date(2026, 1, 1)))
    row = next(row for row in draft["rows"] if row["id"] == "31")
    examples = {kind: [{"today": "2026-11-24", "secrecy": {"level": level}}] for kind, level in _EXAMPLES}
    draft["rows"].append(row | {"id": "99", "cel": 'doc.level == "none"', "examples": examples})
    return canonical(draft)


def sweep(box: OneBox, shelved: Shelved, incident: str) -> set[tuple[str, str]]:
    """Who is told of what is held, and at which address."""
    told: set[tuple[str, str]] = set()
    bodies = list(questions_with_a_body(box, shelved, telling_draft()))
    with ExitStack() as stack:
        for profile in (client.key for client in CLIENTS):
            client = stack.enter_context(Client(box.profile(profile)))
            for url, named in addresses(box, shelved, incident):
                answers = [client.ask("GET", url)]
                while answers[-1].status == 307:
                    answers.append(client.ask("GET", urljoin(url, answers[-1].headers["location"])))
                needles = shelved.words if named or profile in _FOLLOWING else (*shelved.words, *shelved.ids)
                if any(needle in raw(answer) for answer in answers for needle in needles):
                    told.add((profile, url.partition("?")[0]))
            for url, body in bodies:
                answers = list(pages_of_answers(client, url, body))
                if any(needle in raw(answer) for answer in answers for needle in (*shelved.words, *shelved.ids)):
                    told.add((profile, url.partition("?")[0]))
    return told


def test_no_way_out_gives_anything_of_what_is_held(
    box: OneBox, shelved: Shelved, clerk: Clerk, archivist: Clerk, tmp_path: Path
) -> None:
    before = sweep(box, shelved, str(uuid.uuid4()))
    catalog, ingest = (box.origins.origin(service) for service in ("catalog", "ingest"))
    ways_out = {
        ("archivist", f"{catalog}/v1/search"),
        ("archivist", f"{catalog}/v1/documents/{shelved.document}"),
        ("archivist", f"{catalog}/v1/dossiers/{shelved.dossier}"),
        ("archivist", f"{catalog}/v1/packages/{shelved.package}"),
        ("archivist", f"{catalog}/v1/components/{shelved.component}"),
        ("agency", f"{ingest}/v1/packages/{shelved.package}/manifest"),
        ("agency", f"{ingest}/v1/packages/{shelved.package}/plan"),
    }
    assert ways_out <= before, ways_out - before
    with Client(box.profile("officer")) as officer:
        incident = hold(box, officer, shelved)
        hidden_at(box, officer, incident)
    assert sweep(box, shelved, incident) == set()
    with Client(box.profile("author")) as author:  # or the sweep would have asked in vain
        [_, (url, draft)] = questions_with_a_body(box, shelved, telling_draft())
        assert any(shelved.package.encode() in answer.body for answer in pages_of_answers(author, url, draft))

    written = tmp_path / "written"
    written.mkdir()
    got = archivist("get", shelved.package, "-o", written / "got", "--json", seconds=300)
    assert got.code == 0, got.err
    assert len(list((written / "got").rglob("*.pdf"))) == _DOCUMENTS - 1
    # The receipt is made anew on another machine of the agency, which knows nothing of the dossier.
    fresh = clerk_of(box, "agency", tmp_path / "fresh")
    receipt, proof, page = (written / name for name in ("receipt.json", "proof.txt", "receipt.html"))
    renewed = fresh("receipt", shelved.package, "--refresh", "--proof", proof, "-o", receipt, "--page", page)
    assert renewed.code == 0, renewed.err
    event = base64.b64decode(json.loads(receipt.read_bytes())["event"])
    assert shelved.package.encode() in event
    police = clerk_of(box, "officer", tmp_path / "police")
    shown = police("incidents", "show", incident, "--json", "--report", written / "report.html")
    assert shown.code == 0, shown.err
    sheet = police("secrets", "report", str(datetime.now(UTC).year), "-o", written / "report.xlsx")
    assert sheet.code == 0, sheet.err
    box.admin_command("journal", "journal", "export", str(written / "log"))
    said = b"".join(_unpacked(path) for path in written.rglob("*") if path.is_file())
    said += "\n".join(str(path) for path in written.rglob("*")).encode()
    said += "".join(done.out + done.err for done in (got, renewed, shown, sheet)).encode()
    bodies = b"".join(_events(written / "log" / LEAVES))
    for told in (said, event, bodies):
        assert told
        assert shelved.secret.encode() not in told
    assert shelved.package.encode() in bodies


def _unpacked(path: Path) -> bytes:
    return raw(Answer(200, {}, path.read_bytes()))


def _events(path: Path) -> Iterator[bytes]:
    for line in path.read_bytes().splitlines():
        yield parse_leaf(line).body or b""
