"""A bundle that is not exactly right is refused, and told where."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kernel.canonical import canonical
from services.kernel.rules import BundleInvalid, baseline_bundle, compile_bundle, load_bundle
from tests.unit.kernel.manifests import Json, bent

EXAMPLE = {"today": "2026-11-24", "secrecy": {"level": "none"}}
ROW: Json = {
    "id": "r1",
    "basis": [{"text": "Luật", "article": "Điều 1", "from": "2020-07-01", "until": "2026-02-28"}],
    "condition": "không mật",
    "cel": 'doc.level == "none"',
    "effect": "admit",
    "report": False,
    "message": {"vi": "v", "en": "e"},
    "confirmed": True,
    "note": "n",
    "examples": {"positive": [EXAMPLE], "negative": [EXAMPLE | {"secrecy": {"level": "mat"}}]},
}
SOUND: Json = {"format": "nopluu/rules1", "version": 3, "effective_from": "2026-03-01", "rows": [ROW]}


def _problems(value: object) -> list[tuple[str, str]]:
    try:
        compile_bundle(load_bundle(canonical(value)))
    except BundleInvalid as refusal:
        return [(pointer.pointer, pointer.code) for pointer in refusal.pointers]
    return []


def test_a_sound_bundle_is_read() -> None:
    bundle = load_bundle(canonical(SOUND))
    assert (bundle.version, bundle.effective_from, bundle.payload) == (3, date(2026, 3, 1), canonical(SOUND))
    [rule] = bundle.rules
    assert (rule.id, rule.note, rule.confirmed) == ("r1", "n", True)
    assert (rule.basis[0].since, rule.basis[0].until) == (date(2020, 7, 1), date(2026, 2, 28))
    assert _problems(SOUND) == []


@pytest.mark.parametrize(
    ("at", "value", "pointer", "code"),
    [
        ("/format", "nopluu/rules2", "/format", "format-unknown"),
        ("/version", 0, "/version", "version-invalid"),
        ("/version", True, "/version", "version-invalid"),
        ("/effective_from", "1/3/2026", "/effective_from", "date-invalid"),
        ("/rows", [], "/rows", "rows-invalid"),
        ("/rows", [{**ROW, "id": str(at)} for at in range(501)], "/rows", "rows-invalid"),
        ("/more", 1, "", "member-unknown"),
        ("/rows/0/celll", "true", "/rows/0", "member-unknown"),
        ("/rows/0/id", "a b", "/rows/0/id", "id-invalid"),
        ("/rows", [ROW, ROW], "/rows/1/id", "id-invalid"),
        ("/rows/0/basis", [], "/rows/0/basis", "basis-invalid"),
        ("/rows/0/basis/0", {"text": "x"}, "/rows/0/basis/0", "basis-invalid"),
        ("/rows/0/basis/0/from", "x", "/rows/0/basis/0/from", "date-invalid"),
        ("/rows/0/condition", " ", "/rows/0/condition", "text-invalid"),
        ("/rows/0/note", "", "/rows/0/note", "text-invalid"),
        ("/rows/0/effect", "reject", "/rows/0/effect", "effect-unknown"),
        ("/rows/0/report", 0, "/rows/0/report", "flag-invalid"),
        ("/rows/0/confirmed", ..., "/rows/0/confirmed", "flag-invalid"),
        ("/rows/0/message", {"vi": "v"}, "/rows/0/message", "message-invalid"),
        ("/rows/0/message/en", "{x.__class__}", "/rows/0/message", "message-invalid"),
        ("/rows/0/examples/positive", [], "/rows/0/examples", "examples-invalid"),
        ("/rows/0/examples/negative", ..., "/rows/0/examples", "examples-invalid"),
        ("/rows/0/examples/positive/0/today", "x", "/rows/0/examples/positive/0", "example-invalid"),
        (
            "/rows/0/examples/positive/0/secrecy",
            {"level": "none", "x": 1},
            "/rows/0/examples/positive/0",
            "example-invalid",
        ),
        ("/rows/0/examples/positive/0/deployment", "wan", "/rows/0/examples/positive/0", "example-invalid"),
        ("/rows/0/examples/positive/0/components", -1, "/rows/0/examples/positive/0", "example-invalid"),
        ("/rows/0/examples/positive/0/more", 1, "/rows/0/examples/positive/0", "example-invalid"),
        ("/rows/0/examples/positive/0/secrecy/level", "mat", "/rows/0/examples/positive/0", "example-not-matched"),
        ("/rows/0/examples/negative/0/secrecy/level", "none", "/rows/0/examples/negative/0", "example-matched"),
        ("/rows/0/cel", "", "/rows/0/cel", "text-invalid"),
        ("/rows/0/cel", "doc.levl == 'none'", "/rows/0/cel", "cel-invalid"),
        ("/rows/0/cel", "doc.level == 1", "/rows/0/cel", "cel-invalid"),
        ("/rows/0/cel", "doc.issued_on > '2020'", "/rows/0/cel", "cel-invalid"),
        ("/rows/0/cel", "doc.level ==", "/rows/0/cel", "cel-invalid"),
        ("/rows/0/cel", "doc.level", "/rows/0/cel", "cel-not-bool"),
        ("/rows/0/cel", "[1, 2].all(x, x > 0)", "/rows/0/cel", "cel-invalid"),
        ("/rows/0/cel", "[1].// \n exists(x, x > 0)", "/rows/0/cel", "cel-invalid"),
        ("/rows/0/cel", "doc.issued_on < env.today", "/rows/0/examples/positive/0", "example-error"),
    ],
)
def test_each_fault_is_told_where_it_stands(at: str, value: object, pointer: str, code: str) -> None:
    assert (pointer, code) in _problems(bent(SOUND, at, value))


def test_all_faults_come_at_once() -> None:
    rows = [{**ROW, "id": f"r{at}", "effect": "?"} for at in range(9)]
    assert len(_problems(SOUND | {"rows": rows, "version": 0})) == 10


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        json.dumps(SOUND).encode(),
        canonical(SOUND) + b"\n",
        canonical(SOUND).replace(b'"version":3', b'"version":3,"version":4'),
        b'{"format":"\\ud800"}',
    ],
)
def test_another_spelling_of_a_bundle_is_refused(payload: bytes) -> None:
    with pytest.raises(BundleInvalid):
        load_bundle(payload)


@given(
    st.recursive(
        st.none() | st.integers(-5, 5) | st.text(max_size=5),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(list(ROW)), inner),
        max_leaves=10,
    ),
    st.sampled_from(
        [
            "/rows",
            "/rows/0",
            "/rows/0/basis",
            "/rows/0/basis/0",
            "/rows/0/examples",
            "/rows/0/examples/positive/0",
            "/rows/0/examples/positive/0/secrecy",
            "/rows/0/message",
            "/rows/0/cel",
            "/rows/0/id",
            "/version",
        ]
    ),
)
def test_anything_in_any_place_is_read_or_refused(value: Any, at: str) -> None:
    _problems(bent(SOUND, at, value))


def test_the_cost_of_the_largest_expression_is_bounded_by_its_text() -> None:
    long = " || ".join(["doc.level == 'none'"] * 180)[:3990].rpartition(" ||")[0]
    assert _problems(bent(SOUND, "/rows/0/cel", long)) == []
    assert ("/rows/0/cel", "text-invalid") in _problems(bent(SOUND, "/rows/0/cel", long + " " * 4000))


def test_the_baseline_passes_its_own_gate() -> None:
    assert _problems(json.loads(baseline_bundle(9, date(2026, 1, 1)))) == []
