"""Promise: a store that does not answer is left alone until a probe finds that it does, whatever happens in which order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.runtime.object_store.circuit import FAILURES, FIRST_PAUSE, LONGEST_PAUSE, SPREAD, Circuit, Era

CALLS = st.tuples(st.sampled_from(["admit", "answered", "failed", "silent"]), st.integers(0, 30))
PROBES = st.tuples(st.sampled_from(["probe answered", "probe failed"]), st.just(0))
STEPS = st.lists(st.tuples(CALLS | PROBES, st.floats(0, 20)), max_size=80)


def admitted(circuit: Circuit) -> Era:
    era = circuit.admit()
    assert era is not None
    return era


def opened(now: float = 0.0, chance: float = 0.0) -> Circuit:
    circuit = Circuit(lambda: chance)
    circuit.failed(admitted(circuit), now, silent=True)
    return circuit


def test_failures_in_a_row_open_it_and_one_answer_between_them_does_not() -> None:
    circuit = Circuit(lambda: 0.0)
    for _ in range(FAILURES - 1):
        circuit.failed(admitted(circuit), 0, silent=False)
    circuit.answered(admitted(circuit))
    for _ in range(FAILURES - 1):
        circuit.failed(admitted(circuit), 0, silent=False)
    assert not circuit.open
    circuit.failed(admitted(circuit), 0, silent=False)
    assert circuit.open
    assert circuit.admit() is None


def test_silence_opens_it_alone() -> None:
    assert opened().admit() is None


def test_pauses_grow_to_a_bound_and_start_anew_after_an_answer() -> None:
    circuit = opened()
    found = []
    for _ in range(6):
        assert circuit.probe_at is not None
        found.append(circuit.probe_at)
        circuit.probed(0, answered=False)
    assert found == [1, 2, 4, 8, 8, 8]
    circuit.probed(0, answered=True)
    circuit.failed(admitted(circuit), 100, silent=True)
    assert circuit.probe_at == 100 + FIRST_PAUSE


def test_what_was_asked_before_it_opened_changes_nothing_once_it_is_closed() -> None:
    circuit = Circuit(lambda: 0.0)
    early = [admitted(circuit) for _ in range(20)]
    circuit.failed(early.pop(), 0, silent=True)
    circuit.probed(1, answered=True)
    for era in early:
        circuit.failed(era, 2, silent=True)
    assert not circuit.open


def test_an_early_answer_does_not_hide_later_failures() -> None:
    circuit = Circuit(lambda: 0.0)
    early = admitted(circuit)
    circuit.failed(admitted(circuit), 0, silent=True)
    circuit.probed(1, answered=True)
    for _ in range(FAILURES - 1):
        circuit.failed(admitted(circuit), 2, silent=False)
    circuit.answered(early)
    circuit.failed(admitted(circuit), 2, silent=False)
    assert circuit.open


@given(STEPS, st.floats(0, 1, exclude_max=True))
def test_in_every_order_of_events(steps: list[tuple[tuple[str, int], float]], chance: float) -> None:
    """Against a model: open exactly from an opening to an answered probe, and never a longer wait than was promised."""
    circuit = Circuit(lambda: chance)
    calls: list[Era] = []
    now, row, is_open = 0.0, 0, False
    opened_after: dict[Era, bool] = {}
    for (what, which), later in steps:
        now += later
        if what == "admit":
            era = circuit.admit()
            assert (era is None) == is_open
            if era is not None:
                calls.append(era)
                opened_after[era] = opened_after.get(era, False)
        elif what.startswith("probe"):
            circuit.probed(now, answered=what == "probe answered")
            if what == "probe answered" and is_open:
                is_open, row = False, 0
        elif calls:
            era = calls.pop(which % len(calls))
            if what == "answered":
                circuit.answered(era)
                row = row if opened_after[era] else 0
            else:
                circuit.failed(era, now, silent=what == "silent")
                if not opened_after[era]:
                    row += 1
                    if what == "silent" or row >= FAILURES:
                        is_open = True
                        opened_after = dict.fromkeys(opened_after, True)
        assert circuit.open == is_open
        if is_open:
            assert circuit.probe_at is not None
            assert circuit.probe_at <= now + LONGEST_PAUSE * (1 + SPREAD)
        assert 1 <= circuit.retry_after(now) <= LONGEST_PAUSE * (1 + SPREAD) + 1
