"""Promise: hostile JSON is refused, and a secrecy term ends on the day the law says."""

from datetime import date

import pytest

from services.kernel.secrecy import Level, Secrecy
from services.kernel.strict_json import StrictJsonError, parse


@pytest.mark.parametrize(
    "data", [b'{"a":1,"a":2}', b"NaN", b"1.5", b"\xef\xbb\xbf{}", b"\xff", b"[" * 40 + b"]" * 40, b"9007199254740993"]
)
def test_what_languages_read_differently_is_refused(data: bytes) -> None:
    with pytest.raises(StrictJsonError):
        parse(data, max_bytes=1000)


def test_brackets_inside_strings_do_not_nest() -> None:
    assert parse(b'"' + b'[\\"' * 40 + b'"', max_bytes=1000) == '["' * 40


def test_a_term_ends_with_its_anniversary_day() -> None:
    leap = Secrecy(Level.MAT, issued_on=date(2012, 2, 29))
    assert leap.protected_until() == date(2022, 2, 28)
    assert leap.protected_on(date(2022, 2, 28))
    assert not leap.protected_on(date(2022, 3, 1))
    assert Secrecy(Level.TOI_MAT).protected_on(date(2090, 1, 1)), "an expiry that cannot be computed is unexpired"
