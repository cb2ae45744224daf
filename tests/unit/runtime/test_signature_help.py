"""Comparing signature bases: the first line that differs is found, and nothing secret is shown."""

from __future__ import annotations

import pytest

from services.runtime.signature_help import KEPT, KEPT_SECONDS, RefusedBases, compare

SECRET = "eyJhbGciOiJFUzI1NiJ9.secret.signature"
BASE = (
    '"@method": POST\n"@target-uri": https://ingest.example/v1/packages?part_size=8388608\n'
    f'"authorization": Bearer {SECRET}\n"x-other": also-secret\n"content-type": application/json\n'
    '"@signature-params": ("@method" "@target-uri" "authorization");created=1'
).encode()


def test_equal_bases_are_equal() -> None:
    told = compare(BASE, BASE)
    assert (told.equal, told.first_difference, told.client, told.hints) == (True, None, None, [])
    assert all(line.same for line in told.lines)


@pytest.mark.parametrize(
    ("old", "new", "line", "hints"),
    [
        (b"https://ingest", b"http://ingest", 2, []),
        (b"?part_size=8388608", b"", 2, []),
        (b"Bearer ", b"bearer ", 3, []),
        (b"application/json", b"application/json; charset=utf-8", 5, []),
        (b"\n", b"\r\n", 1, ["has-carriage-returns"]),
        (b"created=1", b"created=1\n", 7, ["ends-with-a-line-feed", "more-lines"]),
        (b'"content-type": application/json\n', b"", 5, ["fewer-lines"]),
    ],
)
def test_the_first_line_that_differs_is_told(old: bytes, new: bytes, line: int, hints: list[str]) -> None:
    told = compare(BASE, BASE.replace(old, new))
    assert (told.equal, told.first_difference) == (False, line)
    expected = {"ends-with-a-line-feed"} if old == b"created=1" else set()
    assert set(told.hints) == set(hints) | expected


def test_another_order_is_said_so() -> None:
    first, second, *rest = BASE.split(b"\n")
    assert compare(BASE, b"\n".join([second, first, *rest])).hints == ["another-order"]


def test_no_token_and_no_other_field_is_shown_of_either_side() -> None:
    for client in (b"", BASE, BASE.replace(b"Bearer", b"bearer"), BASE.replace(b"also-", b"ALSO-")):
        told = compare(BASE, client).model_dump_json()
        assert SECRET not in told
        assert "also-secret" not in told.lower()
    assert f"({len(SECRET) + 7} characters)" in compare(BASE, b"").lines[2].server


def test_what_is_remembered_is_bounded_in_number_and_time() -> None:
    now = [0.0]
    bases = RefusedBases(monotonic=lambda: now[0])
    for number in range(KEPT + 1):
        assert bases.remember(f"{number:032x}", BASE) == f"/v1/signature-bases/{number:032x}"
    assert bases.find(f"{0:032x}") is None
    assert bases.find(f"{1:032x}") == BASE
    now[0] = KEPT_SECONDS
    assert bases.find(f"{1:032x}") is None
