"""Rules against real processes: what two officers did not sign never holds; what is secret never crosses the wire."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from deploy.onebox.stack import OneBox
from services.agency import AgencyError, Gateway, Profile, keys
from services.agency.cli.main import run
from services.agency.gateway import today
from services.agency.rule_bundles import read_bytes
from services.agency.session import Body
from services.kernel import dsse
from services.kernel.canonical import canonical
from services.kernel.rules import baseline_bundle
from services.kernel.rules.model import PAYLOAD_TYPE
from services.kernel.signing.keys import PrivateKey
from tests.support.deliveries import CREATOR, FONDS, make_delivery
from tests.support.enrolled import ed25519
from tests.support.pushing import files_with
from tests.support.stack import Clerk, clerk_of, eventually


class Desk:
    """The two officers at the running gateway."""

    def __init__(self, box: OneBox, gateway: Gateway) -> None:
        self.box, self.gateway = box, gateway
        self.author, self.approver = (keys.load(box.profile(name).key_file) for name in ("author", "approver"))
        self.version = max(read_bytes(gateway.rules(), "now").bundle.version, 1)

    def envelope(self, version: int, *signers: PrivateKey, since: str = "2020-07-01") -> bytes:
        value = json.loads(baseline_bundle(version, today()))
        value["effective_from"] = since
        return dsse.sign(canonical(value), PAYLOAD_TYPE, signers or (self.author, self.approver))

    def refused(self, envelope: bytes) -> str:
        with pytest.raises(AgencyError) as refusal:
            self.gateway.publish_rules(envelope)
        return refusal.value.code

    def in_force(self) -> int:
        return read_bytes(self.gateway.rules(), "now").bundle.version

    def start_anew(self) -> None:
        """Ingest, killed and started: it takes up rules as after any start."""
        self.box.child("ingest").process.kill()
        self.box.child("ingest").process.wait()
        self.box.restart("ingest")

    def put_row(self, version: int, envelope: bytes) -> None:
        """A row as whoever owns the database could write it."""
        payload = dsse.parse(envelope).payload
        with psycopg.connect(self.box.postgres.admin_url) as connection:
            connection.execute(
                "INSERT INTO ingest.rule_bundle VALUES (%s, sha256(%s), %s, '2020-07-01', now(), gen_random_uuid())",
                (version, payload, envelope),
            )

    def remove_row(self, version: int) -> None:
        with psycopg.connect(self.box.postgres.admin_url) as connection:
            connection.execute("DELETE FROM ingest.rule_bundle WHERE version = %s", (version,))


@pytest.fixture
def desk(box: OneBox) -> Iterator[Desk]:
    with Gateway(box.profile("approver"), language="en") as gateway:
        yield Desk(box, gateway)


def test_publication_refuses_what_two_officers_did_not_sign_and_takes_what_is_for_later(desk: Desk) -> None:
    held, following = desk.in_force(), desk.version + 1
    read = dsse.parse(desk.envelope(following))
    altered = dsse.Envelope(
        read.payload.replace(b'"effect":"refuse"', b'"effect":"admit"', 1), read.payload_type, read.signatures
    )
    assert desk.refused(dsse.sign(read.payload, PAYLOAD_TYPE, [])) == "rules-unsigned"
    assert desk.refused(desk.envelope(following, desk.author)) == "rules-single-signed"
    assert desk.refused(desk.envelope(following, desk.author, ed25519())) == "rules-signer-unknown"
    assert desk.refused(altered.to_bytes()) == "rules-signature-wrong"
    assert desk.in_force() == held

    day = today() + timedelta(days=400)
    desk.gateway.publish_rules(desk.envelope(following, since=day.isoformat()))
    assert desk.in_force() == held
    assert desk.refused(desk.envelope(following)) == "rules-not-newer"
    desk.remove_row(following)  # so that the other tests of this session find the version they expect


@pytest.mark.parametrize("kind", ["single-signed", "altered", "old bundle under a new number"])
def test_a_row_that_was_not_signed_is_not_taken_up_running_or_after_a_start(desk: Desk, kind: str) -> None:
    held, bad = desk.in_force(), desk.version + 50
    read = dsse.parse(desk.envelope(bad))
    envelopes = {
        "single-signed": desk.envelope(bad, desk.author),
        "altered": dsse.Envelope(
            read.payload.replace(b'"effect":"refuse"', b'"effect":"admit"', 1), read.payload_type, read.signatures
        ).to_bytes(),
        "old bundle under a new number": desk.envelope(held),
    }
    desk.put_row(bad, envelopes[kind])
    try:
        assert desk.in_force() == held
        desk.start_anew()
        assert eventually(lambda: desk.in_force()) == held
        log = (desk.box.folder.path / "logs" / "ingest.log").read_text("utf-8")
        assert '"rules-not-taken-up"' in log
    finally:
        desk.remove_row(bad)
        desk.start_anew()
        assert eventually(lambda: desk.in_force()) == held


def _manifest(secrecy: dict[str, object], subject: str, name: str) -> bytes:
    return canonical(
        {
            "format": "nopluu/manifest1",
            "profile": "party",
            "fonds": FONDS,
            "creator": CREATOR,
            "submitter": CREATOR,
            "dossier": {
                "metadata": {"dossier_code": "P012.0001", "retention": "Vĩnh viễn", "title": f"Ho so {subject}"}
            },
            "documents": [
                {
                    "ordinal": 1,
                    "metadata": {"issued_on": "03/01/2020", "subject": subject, "type_name": "Báo cáo"},
                    "secrecy": secrecy,
                    "components": [{"name": name, "media_type": "application/pdf", "size": 5, "sha256": "ab" * 32}],
                }
            ],
        }
    )


@pytest.mark.parametrize("level", ["mat", "toi_mat", "tuyet_mat"])
def test_a_hand_made_manifest_with_a_secret_subject_leaves_its_text_nowhere(
    box: OneBox, clerk: Clerk, level: str
) -> None:
    subject, name = f"TRICHYEU-BI-MAT-{level}-771903", f"TEP-BI-MAT-{level}-771903.pdf"
    manifest = _manifest({"level": level, "issued_on": "2020-01-03"}, subject, name)
    with Gateway(Profile.load(None, clerk.config), language="en") as gateway:
        session = gateway._session
        ingest = session.endpoints().ingest
        for address in ("/v1/packages?part_size=1048576", "/v1/packages:check"):
            answer = session.request("POST", ingest + address, Body.of(manifest))
            assert (answer.status, answer.code) == (422, "package-refused-by-rules"), answer.body
            assert subject.encode() not in answer.body
            assert name.encode() not in answer.body
    with psycopg.connect(box.postgres.admin_url) as connection:
        connection.execute("CHECKPOINT")
    for text in (subject, name):
        assert files_with(box.folder.path, text.encode()) == []


class Wiretap:
    """Every plaintext byte that this process gives to TLS, which is what crosses the wire."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sent = bytearray()
        for name in ("send", "sendall", "write"):
            monkeypatch.setattr(ssl.SSLSocket, name, self._tapped(getattr(ssl.SSLSocket, name)))

    def _tapped(self, method: Any) -> Any:
        def tapped(socket: ssl.SSLSocket, data: Any, *rest: Any) -> Any:
            self.sent += bytes(data)
            return method(socket, data, *rest)

        return tapped


def test_of_a_mixed_delivery_not_one_byte_of_what_is_secret_crosses_the_wire(
    box: OneBox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clerk = clerk_of(box, "agency", tmp_path / "clerk")
    delivery = make_delivery(tmp_path / "delivery", files=4, size=20_000, seed=771_904)
    path = delivery.folder / "ho-so.json"
    description = json.loads(path.read_text("utf-8"))
    secrets = {1: {"level": "mat", "issued_on": "2020-03-04"}, 2: {"level": "tuyet_mat", "issued_on": "1950-01-01"}}
    for at, document in enumerate(description["documents"]):
        document["subject"] = f"TRICHYEU-771904-{at}"
        if at in secrets:
            document["secrecy"] = secrets[at]
    path.write_text(json.dumps(description, ensure_ascii=False), "utf-8")

    monkeypatch.setenv("NOPLUU_CONFIG", str(clerk.config))
    tap = Wiretap(monkeypatch)
    code = run(["--lang", "en", "push", str(delivery.folder), "--json"])
    told = capsys.readouterr()
    assert code == 0, told.out + told.err
    [outcome] = [json.loads(line) for line in told.out.splitlines() if '"message_type":"dossier"' in line]
    assert (outcome["stubs"], outcome["components"]) == (2, 2)

    sent = bytes(tap.sent)
    for at in range(4):
        there = at not in secrets
        content = delivery.files[at].read_bytes()
        assert (delivery.markers[at] in sent) is there
        assert (f"TRICHYEU-771904-{at}".encode() in sent) is there
        assert (delivery.files[at].name.encode() in sent) is there
        # Not even a piece: any 64 bytes of the file would do.
        pieces = [content[start : start + 64] for start in range(0, len(content) - 64, 64)]
        assert sum(piece in sent for piece in pieces) == (len(pieces) if there else _common(pieces, delivery, secrets))


LISTED = "Danh mục thử 771905"
"""Only the documents of the test below name this list, so the row disturbs nobody else."""


def _with_a_new_row(version: int) -> bytes:
    value = json.loads(baseline_bundle(version, date(2020, 7, 1)))
    value["rows"].append(
        {
            "id": "91",
            "basis": [{"text": "Thử", "article": "1"}],
            "condition": "Tài liệu thuộc danh mục thử.",
            "cel": f'doc.list_item == "{LISTED}"',
            "effect": "refuse",
            "report": True,
            "message": {"vi": "Thuộc danh mục thử.", "en": "It is on the test's list."},
            "confirmed": False,
            "examples": {
                "positive": [{"today": "2026-01-01", "secrecy": {"level": "none", "list_item": LISTED}}],
                "negative": [{"today": "2026-01-01", "secrecy": {"level": "none"}}],
            },
        }
    )
    return canonical(value)


def _listed_delivery(folder: Path, seed: int) -> Path:
    delivery = make_delivery(folder, files=2, size=1000, seed=seed)
    path = delivery.folder / "ho-so.json"
    description = json.loads(path.read_text("utf-8"))
    description["documents"][1]["secrecy"] = {"level": "none", "list_item": LISTED}
    path.write_text(json.dumps(description, ensure_ascii=False), "utf-8")
    return delivery.folder


def test_officers_see_what_a_draft_would_change_and_the_holdings_are_judged_after_it(
    box: OneBox, desk: Desk, clerk: Clerk, tmp_path: Path
) -> None:
    pushed = clerk("push", _listed_delivery(tmp_path / "before", 771_905), "--json")
    assert pushed.code == 0, pushed.err
    package = str(pushed.one("dossier")["package"])
    approver = clerk_of(box, "approver", tmp_path / "approver")
    draft, sheet = tmp_path / "draft.json", tmp_path / "draft.xlsx"
    draft.write_bytes(_with_a_new_row(desk.version + 1))
    assert approver("rules", "export", draft, "-o", sheet).code == 0

    compared = approver("rules", "diff", sheet, "--json")
    assert compared.code == 0, compared.err
    assert (compared.one("rules_diff")["added"], compared.one("rules_diff")["removed"]) == (1, 0)
    asked = approver("rules", "what-if", sheet, "--months", "1", "--json")
    assert asked.code == 0, asked.err
    [changed] = [entry for entry in asked.lines("rules_what_if_package") if entry["package"] == package]
    assert changed["documents"] == [
        {"document": 1, "was": "admit", "was_rules": [], "would": "refuse", "would_rules": ["91"]}
    ]

    payload = _with_a_new_row(desk.version + 1)
    desk.gateway.publish_rules(dsse.sign(payload, PAYLOAD_TYPE, [desk.author, desk.approver]))

    def found() -> list[tuple[int, str, str]]:
        with psycopg.connect(box.postgres.admin_url) as connection:
            query = "SELECT document, was, effect FROM ingest.rejudged WHERE package = %s"
            return list(connection.execute(query, (package,)).fetchall())

    assert eventually(found, seconds=90) == [(1, "admit", "refuse")]

    # The clerk's machine has the older rules; before anything leaves, the newer ones are carried there and judge.
    refused = clerk("push", _listed_delivery(tmp_path / "after", 771_906), "--json")
    assert refused.code == 6, refused.out + refused.err
    assert any("91" in str(entry) for entry in refused.lines("finding"))
    offline = clerk("check", tmp_path / "after", "--json")
    assert offline.code == 6
    assert offline.one("rules_used")["version"] == desk.version + 1


def _common(pieces: list[bytes], delivery: Any, secrets: dict[int, Any]) -> int:
    """Pieces of the PDF's frame, which the public files have too."""
    public = b"".join(path.read_bytes() for at, path in enumerate(delivery.files) if at not in secrets)
    return sum(piece in public for piece in pieces)
