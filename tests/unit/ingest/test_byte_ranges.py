"""Range headers: what is read, what is refused, what means the whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.domain.byte_ranges import MAX_RANGES, parse_ranges, resolve
from services.kernel.refusals.reading import RangesRefused


@pytest.mark.parametrize(
    ("header", "asked"),
    [
        ("bytes=0-0", ((0, 0),)),
        ("Bytes=5-", ((5, None),)),
        (" bytes=-7 ", ((None, 7),)),
        ("bytes=0-1 ,\t3-,", ((0, 1), (3, None))),
        ("", None),
        ("bytes", None),
        ("bytes=", None),
        ("bytes=,", None),
        ("bytes=2-1", None),
        ("bytes=0-1,x", None),
        ("bytes=0-1;2-3", None),
        ("bytes=\u0661-2", None),
        ("pages=1-2", None),
        ("bytes=1-9999999999999999999", None),
    ],
)
def test_a_header_is_read(header: str, asked: object) -> None:
    assert parse_ranges(header) == asked


def test_too_many_are_refused_without_being_read() -> None:
    assert parse_ranges("bytes=" + ",".join(f"{2 * n}-{2 * n}" for n in range(MAX_RANGES))) is not None
    for header in ("bytes=" + "0-0," * MAX_RANGES, "bytes=" + "0" * 5000 + "-1"):
        with pytest.raises(RangesRefused):
            parse_ranges(header)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    for header in (text, f"bytes={text}"):
        try:
            asked = parse_ranges(header)
        except RangesRefused:
            continue
        assert asked is None or 0 < len(asked) <= MAX_RANGES


_NUMBERS = st.integers(0, 60)
_ASKED = st.one_of(
    st.tuples(st.none(), _NUMBERS),
    st.tuples(_NUMBERS, st.none()),
    st.tuples(_NUMBERS, _NUMBERS).map(lambda pair: (min(pair), max(pair))),
)


@given(st.lists(_ASKED, max_size=6), st.integers(0, 50))
def test_what_is_resolved_lies_inside_and_never_overlaps(asked: list[tuple[int | None, int | None]], size: int) -> None:
    data = bytes(range(size))

    def meant(one: tuple[int | None, int | None]) -> bytes:
        first, last = one
        if first is None:
            return data[max(0, size - (last or 0)) :]
        return data[first : size if last is None else last + 1]

    wanted = [meant(one) for one in asked if meant(one)]
    everything = b"".join(wanted)
    if len(set(everything)) < len(everything):
        with pytest.raises(RangesRefused):
            resolve(asked, size)
    else:
        assert [data[start:end] for start, end in resolve(asked, size)] == wanted
