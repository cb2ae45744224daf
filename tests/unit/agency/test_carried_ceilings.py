"""What the police allow an agency over the independent LAN, carried to its machine: what its check says there, the gateway says too."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from services.agency.carried_rules import Carried, RuleShelf
from services.agency.cli.main import run
from services.agency.delivery import Delivery, Document, Dossier, Origin
from services.agency.errors import Exit, RejectedError
from services.agency.manifests import manifest_of
from services.agency.preparing import prepare
from services.agency.sheets.paths import DiskFile
from services.ingest.adapters.judgement import judge_manifest
from services.kernel.ceilings import Ceiling
from services.kernel.rules import compile_bundle, load_bundle
from services.kernel.secrecy import DeploymentProfile, Effect, Level
from services.kernel.vietnam import day_in_vietnam
from tests.support.deliveries import make_delivery
from tests.support.lawful import lawful
from tests.unit.agency.test_carried_rules import NOW, SIGNERS, TODAY, envelope, payload

DAY = timedelta(days=1)
LAN = DeploymentProfile.INDEPENDENT_LAN
RULES = compile_bundle(load_bundle(payload(3)))


def ceiling(level: Level, start: date = TODAY - DAY, end: date | None = None) -> Ceiling:
    return Ceiling(level, start, end, "15/QĐ-CAT", start, "Giám đốc Công an tỉnh", NOW)


def take(folder: Path, *ceilings: Ceiling, version: int = 3) -> Carried:
    stated = [entry.as_json() for entry in ceilings]
    return RuleShelf(folder).take(envelope(version), SIGNERS, now=NOW, today=TODAY, ceilings=stated)


def delivery(*levels: str, of_dossier: str | None = None) -> Delivery:
    """Documents that meet every condition 7 to 12."""
    documents = [
        Document(
            at,
            {"subject": "Trích yếu"},
            {"level": level} if level == "none" else lawful(level),
            [DiskFile(f"{at}.pdf", Path(f"{at}.pdf"), 3)],
            Origin("MLHS", 4 + at, {"subject": "AA", "secrecy": "AH", "path": "AQ"}),
        )
        for at, level in enumerate(levels, 1)
    ]
    secrecy: dict[str, object] | None = None
    if of_dossier is not None:
        secrecy = {"level": of_dossier, "classified_on": "2026-01-10"}
    title = Origin("MLHS", 5, {"title": "K"})
    dossier = Dossier("d", "party", "P012", "H47", {"title": "Hồ sơ"}, secrecy, documents, title)
    return Delivery(Path("x.xlsx"), Path(), [dossier])


def fired(checked: Delivery) -> set[str]:
    """The rules by which the check stops."""
    return {rule for finding in checked.findings if finding.blocks for rule in finding.rules}


def test_what_is_carried_is_read_back_and_counts_for_its_days(tmp_path: Path) -> None:
    decided = (ceiling(Level.TOI_MAT, end=TODAY + 5 * DAY), ceiling(Level.MAT, TODAY + 2 * DAY, TODAY + 3 * DAY))
    taken = take(tmp_path, *decided)
    held = RuleShelf(tmp_path).held(TODAY)
    assert held is not None
    assert held.ceilings == taken.ceilings == decided
    days = [TODAY - 2 * DAY, TODAY, TODAY + 2 * DAY, TODAY + 3 * DAY, TODAY + 5 * DAY]
    assert [held.ceiling(day) for day in days] == [Level.NONE, Level.TOI_MAT, Level.MAT, Level.NONE, Level.NONE]


def test_a_newer_decision_replaces_what_was_carried_though_the_rules_are_the_same(tmp_path: Path) -> None:
    before = take(tmp_path, ceiling(Level.MAT))
    after = take(tmp_path, ceiling(Level.MAT), ceiling(Level.NONE, TODAY))
    held = RuleShelf(tmp_path).held(TODAY)
    assert held is not None
    assert held.ceiling(TODAY) is Level.NONE
    assert held.says_as(after)
    assert not held.says_as(before)  # so that a push looks at everything again
    assert not held.says_as(None)
    assert not take(tmp_path, *held.ceilings, version=4).says_as(held)


def test_what_an_older_program_carried_allows_nothing(tmp_path: Path) -> None:
    take(tmp_path, ceiling(Level.TOI_MAT))
    path = tmp_path / "rules.json"
    kept = json.loads(path.read_text("utf-8"))
    del kept["ceilings"]
    path.write_text(json.dumps(kept), "utf-8")
    held = RuleShelf(tmp_path).held(TODAY)
    assert held is not None
    assert (held.ceilings, held.ceiling(TODAY)) == ((), Level.NONE)


@pytest.mark.parametrize("stated", [7, "mat", {"level": "mat"}, [7], [{"level": "mat"}], None])
def test_what_is_no_ceiling_is_refused_and_the_last_good_stays(tmp_path: Path, stated: Any) -> None:
    take(tmp_path, ceiling(Level.MAT))
    with pytest.raises(RejectedError, match="rules-envelope-invalid"):
        RuleShelf(tmp_path).take(envelope(4), SIGNERS, now=NOW, today=TODAY, ceilings=stated)
    held = RuleShelf(tmp_path).held(TODAY)
    assert held is not None
    assert (held.version, held.ceiling(TODAY)) == (3, Level.MAT)


@pytest.mark.parametrize("allowed", [None, Level.NONE, Level.MAT, Level.TOI_MAT])
@pytest.mark.parametrize("level", ["none", "mat", "toi_mat"])
@pytest.mark.parametrize("of_dossier", [None, "mat", "toi_mat"])
def test_the_check_stops_where_the_gateway_would_and_by_the_same_rule(
    tmp_path: Path, allowed: Level | None, level: str, of_dossier: str | None
) -> None:
    carried = take(tmp_path, *([] if allowed is None else [ceiling(allowed)]))
    checked = delivery("none", level, of_dossier=of_dossier)
    sent = manifest_of(delivery("none", level, of_dossier=of_dossier).dossiers[0], submitter="H47.12", digests={})
    prepare(checked, deployment=LAN, today=TODAY, rules=carried)
    gateway = judge_manifest(sent, RULES, rules_sha256=b"", today=TODAY, deployment=LAN, ceiling=allowed or Level.NONE)
    refusing = {verdict.rules[0] for verdict in gateway.verdicts if verdict.effect == Effect.REFUSE.wire}
    highest = max(Level.from_wire(level), Level.from_wire(of_dossier or "none"))
    assert gateway.refused == bool(refusing) == (highest > (allowed or Level.NONE))
    assert refusing <= fired(checked)
    assert bool(fired(checked)) == gateway.refused


def test_without_carried_rules_nothing_protected_leaves() -> None:
    checked = delivery("none", "mat")
    prepare(checked, deployment=LAN, today=TODAY)
    assert "6.ceiling" in fired(checked)
    assert "6.ceiling" not in _of_open()


def _of_open() -> set[str]:
    checked = delivery("none", "mat")
    prepare(checked, deployment=DeploymentProfile.OPEN, today=TODAY)
    return fired(checked)


def test_the_check_command_says_which_ceiling_it_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NOPLUU_CONFIG", str(tmp_path / "config.toml"))
    assert run(["keygen", str(tmp_path / "key.pem")]) == Exit.DONE
    state = tmp_path / "state"
    arguments = ["--gateway", "https://nowhere.invalid", "--client-id", str(UUID(int=7))]
    arguments += ["--key", str(tmp_path / "key.pem"), "--state-dir", str(state)]
    assert run(["profile", "set", "default", *arguments]) == Exit.DONE
    folder = make_delivery(tmp_path / "delivery", files=1, size=1000, seed=90_002).folder

    def told() -> object:
        capsys.readouterr()
        run(["check", str(folder), "--json"])
        lines = [json.loads(line) for line in capsys.readouterr().err.splitlines() if '"rules_used"' in line]
        return lines[0].get("ceiling")

    assert told() is None
    real_today = day_in_vietnam(datetime.now(UTC))
    take(state, ceiling(Level.MAT), replace(ceiling(Level.NONE), valid_from=real_today + DAY))
    assert told() == "mat"
    take(state, ceiling(Level.MAT), replace(ceiling(Level.NONE), valid_from=real_today))
    assert told() == "none"
