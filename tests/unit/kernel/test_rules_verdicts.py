"""Verdicts: every matching row fires, the strongest wins, what cannot be evaluated never admits."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from services.kernel.rules import CompiledBundle, DocumentVerdict, baseline_bundle, compile_bundle, load_bundle
from services.kernel.rules.baseline import baseline_rows
from services.kernel.rules.compiling import HELD_AS_STUB
from services.kernel.rules.model import bundle_payload
from services.kernel.rules.situations import Situation
from services.kernel.secrecy import BASE_TERM_YEARS, DeploymentProfile, Effect, Level
from tests.unit.kernel.manifests import Json, component, document, manifest, parsed, stub
from tests.unit.kernel.situations import SITUATIONS

TODAY = date(2026, 11, 24)
OPEN, LAN = DeploymentProfile.OPEN, DeploymentProfile.INDEPENDENT_LAN
BASELINE = compile_bundle(load_bundle(baseline_bundle(1, TODAY)))
PLAIN: Json = {"today": "2026-11-24", "secrecy": {"level": "none"}}
STUB: Json = {"today": "2026-11-24", "secrecy": {"level": "mat", "stub": True}}
NEVER_SEEN: Json = {
    "today": "2026-11-24",
    "secrecy": {"level": "tuyet_mat", "issued_on": "2020-01-01"},
    "components": 77,
}
PERMISSION: Json = {"number": "12/QĐ", "date": "2026-04-01", "authority": "A", "rank": "department_head", "copies": 2}
LAWFUL: Json = {
    "level": "mat",
    "classified_on": "2026-01-10",
    "permission": PERMISSION,
    "register_entry": "45/2026",
    "capture_network": "none",
    "copies_made": 1,
    "list_item": "1630/QĐ-TTg:2.1",
}


def row(
    id_: str, cel: str, effect: str, *, report: bool = False, positive: Json = PLAIN, negative: Json = NEVER_SEEN
) -> Json:
    return {
        "id": id_,
        "basis": [{"text": "x", "article": "1"}],
        "condition": "thử",
        "cel": cel,
        "effect": effect,
        "report": report,
        "message": {"vi": f"vi {id_}", "en": f"en {id_}"},
        "confirmed": False,
        "examples": {"positive": [positive], "negative": [negative]},
    }


def compiled(*rows: Json) -> CompiledBundle:
    return compile_bundle(load_bundle(bundle_payload(1, TODAY, list(rows))))


def judged(
    *documents: Json,
    rules: CompiledBundle = BASELINE,
    deployment: DeploymentProfile = OPEN,
    today: date = TODAY,
    ceiling: Level = Level.NONE,
    **head: Any,
) -> list[DocumentVerdict]:
    return rules.judge(parsed(manifest(*documents, **head)), today=today, deployment=deployment, ceiling=ceiling)


def one(
    entry: Json,
    *,
    deployment: DeploymentProfile = OPEN,
    today: date = TODAY,
    ceiling: Level = Level.NONE,
    **head: Any,
) -> DocumentVerdict:
    [verdict] = judged(entry, deployment=deployment, today=today, ceiling=ceiling, **head)
    return verdict


def secret(level: str = "mat", **secrecy: object) -> Json:
    return document(secrecy={"level": level, **secrecy})


FEW = "doc.components < 50"
BACKWARD = compiled(*baseline_rows()[::-1])


def test_no_rule_matched_is_admit() -> None:
    assert one(document()) == DocumentVerdict(0, Effect.ADMIT, False, (), None, ())


def test_all_matching_rows_fire_the_strongest_first_and_reports_add_up() -> None:
    rules = compiled(
        row("a", FEW, "admit", report=True),
        row("w", FEW, "withhold"),
        row("c", FEW, "conditional"),
        row("w2", FEW, "withhold"),
        row("silent", "doc.stub", "refuse", positive=STUB, negative=PLAIN),
    )
    [verdict] = judged(document(), rules=rules)
    assert verdict.effect is Effect.WITHHOLD
    assert verdict.report
    assert verdict.rules == ("w", "w2", "c", "a")
    assert [message.vi for message in verdict.messages] == ["vi w", "vi w2", "vi c", "vi a"]


def test_an_evaluation_error_quarantines_and_reports() -> None:
    rules = compiled(
        row("fails", "doc.components == 77 ? false : (doc.components == 1 || doc.issued_on > env.today)", "admit"),
        row("divides", "doc.components == 77 ? false : (doc.components == 1 || 1 / doc.copies_made > 0)", "admit"),
    )
    two = document(components=[])
    [verdict] = judged(two, rules=rules)
    assert (verdict.effect, verdict.report, verdict.rules) == (Effect.QUARANTINE, True, ("fails", "divides"))
    assert "vi fails" not in verdict.messages[0].vi


def test_verdicts_are_by_document_in_order_with_the_record_s_own_date() -> None:
    verdicts = judged(
        document(1, secrecy={"level": "none", "issued_on": "2008-01-03"}),
        stub(2, issued_on="2020-03-04", classified_on="2020-03-05"),
        document(3, secrecy={"level": "mat", "issued_on": "2008-01-03"}),
    )
    assert [verdict.index for verdict in verdicts] == [0, 1, 2]
    assert [verdict.effect for verdict in verdicts] == [Effect.ADMIT, Effect.WITHHOLD, Effect.ADMIT]
    assert [verdict.rules for verdict in verdicts] == [(), ("22",), ("13",)]
    assert [verdict.relevant_date for verdict in verdicts] == [date(2008, 1, 3), date(2020, 3, 5), date(2008, 1, 3)]


@pytest.mark.parametrize(
    ("entry", "effect", "report", "rules"),
    [
        (document(secrecy={}), Effect.REFUSE, False, {"1"}),
        (secret("mật"), Effect.REFUSE, False, {"1"}),
        (secret("mat", issued_on="2020-03-04"), Effect.REFUSE, True, {"4", "4.stub"}),
        (secret("toi_mat", issued_on="2006-11-24"), Effect.REFUSE, True, {"4"}),
        (secret("toi_mat", issued_on="2006-11-23"), Effect.ADMIT, False, {"13"}),
        (secret("mat"), Effect.REFUSE, True, {"4", "15"}),
        (secret("tuyet_mat", issued_on="1950-01-01"), Effect.REFUSE, True, {"2", "3"}),
        (stub(level="tuyet_mat", issued_on="2020-01-01"), Effect.WITHHOLD, False, {"22"}),
        (stub(level="tuyet_mat", issued_on="1990-01-01"), Effect.QUARANTINE, False, {"14", "22"}),
        (stub(level="mat"), Effect.QUARANTINE, False, {"15"}),
        (stub(issued_on="2020-03-04") | {"components": [component()]}, Effect.REFUSE, True, {"4", "22.content"}),
        (stub(issued_on="2020-03-04") | {"metadata": {"subject": "x"}}, Effect.REFUSE, True, {"4", "22.content"}),
        (stub(issued_on="2020-03-04") | {"metadata": {"issuer": "x"}}, Effect.REFUSE, True, {"22.content"}),
        (stub(issued_on="2020-03-04") | {"metadata": {"original_location": "x"}}, Effect.WITHHOLD, False, {"22"}),
        (stub(issued_on="2008-03-04") | {"metadata": {"subject": "x"}}, Effect.REFUSE, False, {"22.ended"}),
        (stub(issued_on="2008-03-04"), Effect.WITHHOLD, False, {"13", "22"}),
        (stub(level="none"), Effect.QUARANTINE, False, {"22.none"}),
        (
            secret("mat", issued_on="2018-01-01", classified_on="2015-01-01"),
            Effect.REFUSE,
            False,
            {"13", "16", HELD_AS_STUB},
        ),
        (document(metadata={"subject": "x", "access_mode": "Mật"}), Effect.QUARANTINE, False, {"31"}),
        (
            secret(
                "mat",
                issued_on="2020-03-04",
                declassified={"on": "2024-05-01", "authority": "A", "relation": "originator"},
            ),
            Effect.ADMIT,
            False,
            {"20"},
        ),
        (
            secret("mat", issued_on="2020-03-04", declassified={"on": "2024-05-01", "authority": "A"}),
            Effect.REFUSE,
            False,
            {"19", HELD_AS_STUB},
        ),
        (
            secret(
                "mat",
                issued_on="2020-03-04",
                declassified={"on": "2026-11-25", "authority": "A", "relation": "originator"},
            ),
            Effect.REFUSE,
            True,
            {"4"},
        ),
    ],
)
def test_open_deployment(entry: Json, effect: Effect, report: bool, rules: set[str]) -> None:
    verdict = one(entry)
    assert (verdict.effect, verdict.report) == (effect, report)
    assert rules <= set(verdict.rules)


@pytest.mark.parametrize(
    ("entry", "today", "effect", "rules"),
    [
        (secret(**LAWFUL), TODAY, Effect.CONDITIONAL, {"6"}),
        (secret(**LAWFUL | {"list_item": "960/QĐ-TTg"}), date(2026, 3, 1), Effect.CONDITIONAL, {"6"}),
        (secret(**LAWFUL), date(2026, 2, 28), Effect.REFUSE, {"4"}),
        (secret(**LAWFUL | {"register_entry": ""}), TODAY, Effect.QUARANTINE, {"6", "10"}),
        (secret(**LAWFUL | {"copies_made": 3}), TODAY, Effect.QUARANTINE, {"12"}),
        (secret(**LAWFUL | {"capture_network": "internet"}), TODAY, Effect.REFUSE, {"11"}),
        (secret(**LAWFUL | {"copying_forbidden": True}), TODAY, Effect.REFUSE, {"9"}),
        (secret(**LAWFUL | {"permission": {}}), TODAY, Effect.REFUSE, {"7"}),
        (
            secret(**LAWFUL | {"permission": PERMISSION | {"rank": "district_secretary"}}),
            TODAY,
            Effect.REFUSE,
            {"8.2025"},
        ),
        (secret(**LAWFUL | {"level": "tuyet_mat"}), TODAY, Effect.REFUSE, {"2", "3"}),
    ],
)
def test_independent_lan(entry: Json, today: date, effect: Effect, rules: set[str]) -> None:
    verdict = one(entry, deployment=LAN, today=today, ceiling=Level.TOI_MAT)
    assert verdict.effect is effect
    assert rules <= set(verdict.rules)


def test_the_ceiling_of_the_agency_binds_each_document_by_itself() -> None:
    lower, higher = secret(**LAWFUL), document(2, secrecy=LAWFUL | {"level": "toi_mat"})
    found = judged(lower, higher, document(3), deployment=LAN, ceiling=Level.MAT)
    assert [verdict.effect for verdict in found] == [Effect.CONDITIONAL, Effect.REFUSE, Effect.ADMIT]
    assert [verdict.rules[0] for verdict in found[:2]] == ["6", "6.ceiling"]
    assert found[1].report
    assert {verdict.effect for verdict in judged(lower, higher, deployment=LAN)} == {Effect.REFUSE}


def test_a_state_cipher_admits_under_conditions_before_the_new_law() -> None:
    value = parsed(manifest(secret(**LAWFUL)))
    day = date(2026, 2, 1)
    [with_it] = BASELINE.judge(value, today=day, deployment=LAN, state_cipher=True)
    [without] = BASELINE.judge(value, today=day, deployment=LAN)
    [in_the_open] = BASELINE.judge(value, today=day, deployment=OPEN, state_cipher=True)
    assert "5" in with_it.rules
    assert "4" not in with_it.rules
    assert without.effect is in_the_open.effect is Effect.REFUSE


@pytest.mark.parametrize(
    ("dossier", "effect", "rule"),
    [
        (
            {"metadata": {"title": "x"}, "secrecy": {"level": "mat", "issued_on": "2020-03-04"}},
            Effect.REFUSE,
            "4.dossier",
        ),
        ({"metadata": {"title": "x"}, "secrecy": {"level": "mat", "issued_on": "2008-03-04"}}, Effect.ADMIT, None),
        (
            {"metadata": {"title": "x"}, "secrecy": {"level": "tuyet_mat", "issued_on": "1950-01-01"}},
            Effect.REFUSE,
            "3.dossier",
        ),
        ({"metadata": {"title": "x"}, "secrecy": {"level": "?"}}, Effect.REFUSE, "1.dossier"),
        ({"metadata": {}, "secrecy": {"level": "mat", "issued_on": "2020-03-04", "stub": True}}, Effect.ADMIT, None),
        ({"metadata": {"title": "x", "access_mode": "Mật"}}, Effect.QUARANTINE, "31.dossier"),
    ],
)
def test_a_dossier_s_own_label_covers_its_title(dossier: Json, effect: Effect, rule: str | None) -> None:
    verdict = one(document(), dossier=dossier)
    assert verdict.effect is effect
    assert rule is None or rule in verdict.rules


@settings(deadline=None)
@given(st.sampled_from([Level.MAT, Level.TOI_MAT]), st.dates(date(1900, 1, 1), date(2020, 12, 31)), st.integers(-1, 1))
def test_a_term_ends_at_the_end_of_its_anniversary_day(level: Level, issued: date, shift: int) -> None:
    year = issued.year + BASE_TERM_YEARS[level]
    last = (
        date(year, 2, 28)
        if (issued.month, issued.day) == (2, 29) and year % 4
        else date(year, issued.month, issued.day)
    )
    assume(last.year != 1900)
    verdict = one(secret(level.wire, issued_on=issued.isoformat()), today=last + timedelta(days=shift))
    assert ("13" in verdict.rules) is (shift > 0)
    assert ("4" in verdict.rules) is (shift <= 0)


@settings(max_examples=200, deadline=None)
@given(SITUATIONS)
def test_in_the_open_nothing_protected_passes_but_an_empty_stub(situation: Situation) -> None:
    assume(situation.circumstances.deployment is OPEN)
    judgement = BASELINE.judge_situation(situation)
    level, secrecy = situation.secrecy.level, situation.secrecy
    if level is None:
        assert judgement.effect is Effect.REFUSE
    elif level is not Level.NONE and secrecy.protected_on(situation.circumstances.today):
        content = situation.components > 0 or situation.revealing or situation.beyond_stub or not secrecy.stub
        assert (judgement.effect is Effect.REFUSE) or not content
        assert judgement.effect >= Effect.WITHHOLD
    elif judgement.effect is Effect.QUARANTINE:
        assert level is Level.NONE or secrecy.stub


@settings(max_examples=100, deadline=None)
@given(
    SITUATIONS,
    st.lists(st.sampled_from([*range(len(baseline_rows()))]), min_size=1, max_size=6, unique=True),
    st.sampled_from(["refuse", "quarantine", "withhold", "conditional", "admit"]),
    st.booleans(),
)
def test_adding_a_row_never_weakens(situation: Situation, chosen: list[int], effect: str, report: bool) -> None:
    rows: list[Json] = [baseline_rows()[at] for at in chosen]
    added = row("more", FEW, effect, report=report)
    before = compiled(*rows).judge_situation(situation)
    after = compiled(*rows, added).judge_situation(situation)
    assert after.effect >= before.effect
    assert after.report >= before.report
    assert set(before.rules) <= set(after.rules)
    assert after.effect >= Effect.from_wire(effect)


@settings(max_examples=100, deadline=None)
@given(SITUATIONS)
def test_the_order_of_rows_decides_nothing_but_the_order_of_messages(situation: Situation) -> None:
    one_way, other_way = BASELINE.judge_situation(situation), BACKWARD.judge_situation(situation)
    assert (one_way.effect, one_way.report, set(one_way.rules)) == (
        other_way.effect,
        other_way.report,
        set(other_way.rules),
    )


def test_equal_situations_get_equal_verdicts_whatever_is_remembered() -> None:
    entries = [document(at, secrecy={"level": "mat", "issued_on": f"20{at % 30:02d}-01-01"}) for at in range(1, 200)]
    together = judged(*entries)
    for at in (0, 5, 16, 17, 18, 150):
        [alone] = judged(entries[at])
        assert (alone.effect, alone.rules) == (together[at].effect, together[at].rules)
