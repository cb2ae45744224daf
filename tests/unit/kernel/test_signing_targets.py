"""The address that is signed: as sent, and only where every layer reads it alike."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kernel.refusals.identity import TargetRefused
from services.kernel.signing.targets import target_uri

ORIGIN = "https://ingest.example"


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/", ""),
        ("/v1/packages", "part_size=8388608"),
        ("/v1/packages:check", ""),
        ("/log/tile/0/x001/234.p/7", ""),
        ("/v1/search", "q=h%E1%BB%93+s%C6%A1&limit=5&after="),
        ("/a..b/.well-known/...", "a&b&c"),
        ("/v1/x", "a[0]=1".replace("[", "%5B").replace("]", "%5D")),
    ],
)
def test_an_address_stands_as_it_was_sent(path: str, query: str) -> None:
    assert target_uri(ORIGIN, path.encode(), query.encode()) == ORIGIN + path + (f"?{query}" if query else "")


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("", ""),
        ("v1", ""),
        ("/v1/a%2fb", ""),
        ("/v1/a%2Fb", ""),
        ("/v1/a%5cb", ""),
        ("/v1/a\\b", ""),
        ("/v1/../b", ""),
        ("/v1/./b", ""),
        ("/v1/..", ""),
        ("/v1/%2e%2e/b", ""),
        ("/v1/%2E./b", ""),
        ("/v1/a b", ""),
        ("/v1/a%", ""),
        ("/v1/a%zz", ""),
        ("/v1/é", ""),
        ("/v1/a\nb", ""),
        ("/v1/a#b", ""),
        ("/v1/a", "x=1&x=2"),
        ("/v1/a", "x=1&%78=2"),
        ("/v1/a", "x&x=1"),
        ("/v1/a", "a+b=1&a%20b=2"),
        ("/v1/a", "q= "),
        ("/v1/a", "q=#"),
        ("/" + "a" * 9000, ""),
    ],
)
def test_an_address_that_layers_read_differently_is_refused(path: str, query: str) -> None:
    with pytest.raises(TargetRefused):
        target_uri(ORIGIN, path.encode("latin-1"), query.encode("latin-1"))


@given(path=st.binary(max_size=50), query=st.binary(max_size=50))
def test_any_bytes_are_taken_as_they_are_or_refused(path: bytes, query: bytes) -> None:
    try:
        uri = target_uri(ORIGIN, path, query)
    except TargetRefused:
        return
    assert uri.encode() == ORIGIN.encode() + path + (b"?" + query if query else b"")
