"""Rules on the agency's machine: the gateway's verdicts without a network, and nothing less than two officers signed."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from services.agency.carried_rules import RuleShelf
from services.agency.cli.main import run
from services.agency.errors import Exit, RejectedError
from services.kernel import dsse
from services.kernel.canonical import canonical
from services.kernel.rules import baseline_bundle
from services.kernel.rules.model import PAYLOAD_TYPE
from services.kernel.signing.keys import PrivateKey, thumbprint, to_jwk
from tests.support.deliveries import make_delivery
from tests.support.enrolled import ed25519

NOW = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)
TODAY = date(2026, 11, 24)
AUTHOR, APPROVER, ALSO_AUTHOR = (ed25519() for _ in range(3))
STRICT: dict[str, Any] = {
    "id": "90",
    "basis": [{"text": "Thử", "article": "1"}],
    "condition": "Mọi tài liệu có tệp.",
    "cel": "doc.components > 0",
    "effect": "refuse",
    "report": True,
    "message": {"vi": "Không nhận tài liệu có tệp.", "en": "No document with a file is taken."},
    "confirmed": False,
    "examples": {
        "positive": [{"today": "2026-01-01", "secrecy": {"level": "none"}}],
        "negative": [{"today": "2026-01-01", "secrecy": {"level": "none"}, "components": 0}],
    },
}


def _stated(key: PrivateKey, client: int, scope: str) -> dict[str, object]:
    public = key.public_key()
    return {"kid": thumbprint(public), "client": str(UUID(int=client)), "scopes": [scope], "jwk": to_jwk(public)}


SIGNERS = [_stated(AUTHOR, 1, "rule-author"), _stated(APPROVER, 2, "rule-approver")]


def payload(version: int, since: str = "2020-07-01", rows: tuple[dict[str, Any], ...] = ()) -> bytes:
    value = json.loads(baseline_bundle(version, date.fromisoformat(since)))
    value["rows"] += rows
    return canonical(value)


def envelope(version: int, *keys: PrivateKey, **options: Any) -> bytes:
    return dsse.sign(payload(version, **options), PAYLOAD_TYPE, keys or (AUTHOR, APPROVER))


@dataclass
class Machine:
    """A state folder."""

    folder: Path
    pinned: tuple[str, ...] = ()
    shelf: RuleShelf = field(init=False)

    def __post_init__(self) -> None:
        self.shelf = RuleShelf(self.folder, self.pinned)

    def take(self, data: bytes, signers: list[dict[str, object]] = SIGNERS, *, today: date = TODAY) -> None:
        self.shelf.take(data, signers, now=NOW, today=today)

    def version(self) -> int | None:
        held = RuleShelf(self.folder, self.pinned).held(TODAY)
        return None if held is None else held.version


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_what_is_carried_is_read_back_with_its_age(machine: Machine) -> None:
    assert machine.version() is None
    machine.take(envelope(3))
    held = machine.shelf.held(TODAY)
    assert held is not None
    assert (held.version, held.age_days(NOW + timedelta(days=9, hours=1))) == (3, 9)
    machine.take(envelope(3))
    machine.take(envelope(4))
    assert machine.version() == 4
    assert (machine.folder / "rules.json").stat().st_mode & 0o077 == 0


def _altered() -> bytes:
    read = dsse.parse(envelope(9))
    changed = read.payload.replace(b'"effect":"refuse"', b'"effect":"admit"', 1)
    return dsse.Envelope(changed, read.payload_type, read.signatures).to_bytes()


BAD: dict[str, tuple[bytes, list[dict[str, object]], str]] = {
    "unsigned": (dsse.sign(payload(9), PAYLOAD_TYPE, []), SIGNERS, "rules-unsigned"),
    "single-signed": (envelope(9, AUTHOR), SIGNERS, "rules-single-signed"),
    "twice by one officer": (
        envelope(9),
        [_stated(AUTHOR, 1, "rule-author"), _stated(APPROVER, 1, "rule-approver")],
        "rules-same-officer",
    ),
    "by two authors": (
        envelope(9, AUTHOR, ALSO_AUTHOR),
        [*SIGNERS, _stated(ALSO_AUTHOR, 3, "rule-author")],
        "rules-signer-scope",
    ),
    "by an unknown key": (envelope(9, AUTHOR, ALSO_AUTHOR), SIGNERS, "rules-signer-unknown"),
    "altered": (_altered(), SIGNERS, "rules-signature-wrong"),
    "rolled back": (envelope(2), SIGNERS, "rules-not-newer"),
    "the same version with other rows": (envelope(3, rows=(STRICT,)), SIGNERS, "rules-not-newer"),
    "not yet in force": (envelope(9, since="2026-11-25"), SIGNERS, "rules-not-in-force"),
    "no envelope": (b"{}", SIGNERS, "rules-envelope-invalid"),
}


@pytest.mark.parametrize("name", BAD)
def test_anything_less_is_refused_and_the_last_good_stays(machine: Machine, name: str) -> None:
    machine.take(envelope(3))
    data, signers, code = BAD[name]
    with pytest.raises(RejectedError) as refused:
        machine.take(data, signers)
    assert refused.value.code == code
    assert machine.version() == 3


def test_pinned_officers_count_whatever_the_gateway_states(tmp_path: Path) -> None:
    stranger = _stated(ALSO_AUTHOR, 3, "rule-author")
    machine = Machine(tmp_path, pinned=tuple(str(entry["kid"]) for entry in SIGNERS))
    machine.take(envelope(3))
    with pytest.raises(RejectedError, match="rules-signer-unknown"):
        machine.take(envelope(4, ALSO_AUTHOR, APPROVER), [*SIGNERS, stranger])
    Machine(tmp_path).take(envelope(4, ALSO_AUTHOR, APPROVER), [*SIGNERS, stranger])


@pytest.mark.parametrize(
    "spoil",
    [
        lambda kept: kept | {"envelope": kept["envelope"][:-8] + "AAAAAAA="},
        lambda kept: kept | {"signers": []},
        lambda kept: kept | {"signers": [7, {"kid": 1, "client": "x", "jwk": 3}]},
        lambda kept: kept | {"format": "x"},
        lambda kept: {name: value for name, value in kept.items() if name != "fetched_at"},
        lambda kept: [kept],
    ],
)
def test_what_was_spoilt_on_the_machine_is_refused_and_good_rules_replace_it(machine: Machine, spoil: Any) -> None:
    machine.take(envelope(3))
    path = machine.folder / "rules.json"
    path.write_text(json.dumps(spoil(json.loads(path.read_text("utf-8")))), "utf-8")
    with pytest.raises(RejectedError):
        machine.version()
    machine.take(envelope(3))
    assert machine.version() == 3


def test_check_judges_offline_by_what_is_carried_and_tells_its_age(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NOPLUU_CONFIG", str(tmp_path / "config.toml"))
    assert run(["keygen", str(tmp_path / "key.pem")]) == Exit.DONE
    state = tmp_path / "state"
    arguments = ["--gateway", "https://nowhere.invalid", "--client-id", str(UUID(int=7))]
    arguments += ["--key", str(tmp_path / "key.pem"), "--state-dir", str(state)]
    assert run(["profile", "set", "default", *arguments]) == Exit.DONE
    folder = make_delivery(tmp_path / "delivery", files=1, size=1000, seed=90_001).folder

    def check() -> tuple[set[str], dict[str, Any]]:
        capsys.readouterr()
        run(["check", str(folder), "--json"])
        captured = capsys.readouterr()
        used = [json.loads(line) for line in captured.err.splitlines() if '"rules_used"' in line]
        found = [json.loads(line) for line in captured.out.splitlines()]
        return {
            str(line)
            for line in found
            if line["message_type"] == "finding" and "Không nhận tài liệu có tệp" in str(line)
        }, used[0]

    before, used = check()
    assert before == set()
    assert used["version"] is None
    RuleShelf(state).take(envelope(5, rows=(STRICT,)), SIGNERS, now=datetime.now(UTC) - timedelta(days=40), today=TODAY)
    after, used = check()
    assert after
    assert (used["version"], used["age_days"]) == (5, 40)
