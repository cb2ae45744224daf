"""What goes to a store and what comes back, byte for byte: framing, checksums, listings, rules. No sockets."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.runtime.object_store import aws_chunked
from services.runtime.object_store.port import VersionEntry
from services.runtime.object_store.s3_answers import StoreAnswer, keeps_versions, read_page
from services.runtime.object_store.s3_requests import RequestSigner, S3Settings
from services.runtime.object_store.seaweed_rules import FSYNC_RULE, waits_for_disk

FRAME = aws_chunked.FRAME
TRAILER = b"x-amz-checksum-crc32c:"


def framed(data: bytes, cuts: list[int], length: int | None = None) -> bytes:
    async def chunks() -> AsyncIterator[bytes]:
        edges = [0, *sorted(cuts), len(data)]
        for number in range(len(edges) - 1):
            yield data[edges[number] : edges[number + 1]]

    async def run() -> bytes:
        announced = len(data) if length is None else length
        return b"".join([bytes(piece) async for piece in aws_chunked.frame(announced, chunks())])

    return asyncio.run(run())


def unframed(body: bytes) -> tuple[bytes, list[int], bytes]:
    """Data, frame sizes and the checksum, read as a store reads them."""
    data, sizes = b"", list[int]()
    while True:
        head, _, body = body.partition(b"\r\n")
        size = int(head, 16)
        if not size:
            trailer, _, rest = body.partition(b"\r\n")
            assert rest == b"\r\n"
            return data, sizes, trailer.removeprefix(TRAILER)
        data, body = data + body[:size], body[size:]
        sizes.append(size)
        assert body[:2] == b"\r\n"
        body = body[2:]


@given(st.integers(0, 3 * FRAME + 10), st.data())
@settings(max_examples=40, deadline=None)
def test_a_body_has_the_announced_length_however_it_comes(length: int, data: st.DataObject) -> None:
    content = bytes(range(256)) * (length // 256 + 1)
    content = content[:length]
    cuts = data.draw(st.lists(st.integers(0, length), max_size=8))
    body = framed(content, cuts)
    assert len(body) == aws_chunked.framed_length(length) == int(aws_chunked.headers(length)["Content-Length"])
    found, sizes, checksum = unframed(body)
    assert found == content
    assert sizes == [FRAME] * (length // FRAME) + ([length % FRAME] if length % FRAME else [])
    assert checksum.decode() == aws_chunked.checksum(content)


def test_the_checksum_is_crc32c_as_rfc_3720_gives_it() -> None:
    assert base64.b64decode(aws_chunked.checksum(b"123456789")).hex() == "e3069283"
    assert base64.b64decode(aws_chunked.checksum(bytes(32))).hex() == "8a9136aa"


@pytest.mark.parametrize(("announced", "word"), [(9, "more"), (11, "fewer")])
def test_another_length_than_announced_never_reaches_its_end(announced: int, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        framed(b"0123456789", [3], announced)


def listing(inside: str, *, more: str = "") -> bytes:
    truncated = "true" if more else "false"
    return (
        '<?xml version="1.0" encoding="UTF-8"?><R xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<IsTruncated>{truncated}</IsTruncated>{more}{inside}</R>"
    ).encode()


def test_a_page_of_objects_is_read() -> None:
    page = read_page(
        listing(
            "<Contents><Key>parts%2Fa%20b</Key><Size>7</Size></Contents>",
            more="<NextContinuationToken>t</NextContinuationToken>",
        )
    )
    assert page.objects == (("parts/a b", 7),)
    assert page.after == {"continuation-token": "t"}


def test_a_page_of_versions_is_read_markers_too() -> None:
    page = read_page(
        listing(
            "<Version><Key>a</Key><VersionId>1</VersionId><Size>7</Size></Version>"
            "<DeleteMarker><Key>a</Key><VersionId>2</VersionId></DeleteMarker>",
            more="<NextKeyMarker>a</NextKeyMarker><NextVersionIdMarker>2</NextVersionIdMarker>",
        )
    )
    assert page.versions == (
        VersionEntry("a", "1", 7, newest=False, marker=False),
        VersionEntry("a", "2", 0, newest=False, marker=True),
    )
    assert page.after == {"key-marker": "a", "version-id-marker": "2"}
    assert read_page(listing("")).after == {}


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"not xml",
        b"<R>",
        listing("<Contents><Size>7</Size></Contents>"),
        listing("<Version><Key>a</Key></Version>"),
        listing("<Contents><Key>a</Key><Size>many</Size></Contents>"),
        listing("", more=" "),
        b'<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa">'
        + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9))
        + b"]><R><Contents><Key>&j;</Key><Size>1</Size></Contents></R>",
    ],
    ids=["empty", "text", "cut", "no key", "no version", "no number", "no way on", "entities"],
)
def test_a_malformed_listing_is_refused(answer: bytes) -> None:
    with pytest.raises(StoreAnswer):
        read_page(answer)


@pytest.mark.parametrize(
    ("inside", "kept"), [("<Status>Enabled</Status>", True), ("<Status>Suspended</Status>", False), ("", False)]
)
def test_versions_are_kept_only_where_the_bucket_says_enabled(inside: str, kept: bool) -> None:
    assert keeps_versions(f"<VersioningConfiguration>{inside}</VersioningConfiguration>".encode()) is kept


def rules(*locations: dict[str, object]) -> bytes:
    content = json.dumps({"version": 1, "locations": locations}).encode()
    return json.dumps({"Content": base64.b64encode(content).decode()}).encode()


def test_seaweedfs_waits_where_the_longest_rule_says_so() -> None:
    own = json.dumps({"Content": base64.b64encode(FSYNC_RULE).decode()}).encode()
    assert waits_for_disk(own, "nopluu")
    assert waits_for_disk(rules({"locationPrefix": "/buckets/nopluu/", "fsync": True}), "nopluu")
    assert not waits_for_disk(rules({"locationPrefix": "/buckets/other/", "fsync": True}), "nopluu")
    assert not waits_for_disk(
        rules({"locationPrefix": "/buckets/", "fsync": True}, {"locationPrefix": "/buckets/nopluu/"}), "nopluu"
    )
    for nothing in (b"", b"{}", b'{"Content":""}', b'{"Content":"e30="}', rules(), b"[]", rules({"fsync": True})):
        assert not waits_for_disk(nothing, "nopluu")


@pytest.fixture
def signer(tmp_path: Path) -> RequestSigner:
    (tmp_path / "access").write_text("AKIAIOSFODNN7EXAMPLE\n")
    (tmp_path / "secret").write_text("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n")
    return RequestSigner(S3Settings("http://127.0.0.1:9000", "nopluu", tmp_path / "access", tmp_path / "secret"))


def test_a_request_names_the_object_and_shows_no_secret(signer: RequestSigner) -> None:
    request = signer.sign("GET", "parts/ab/x y", query={"versionId": "a/b+c", "list": ""})
    assert str(request.url) == "http://127.0.0.1:9000/nopluu/parts/ab/x%20y?list=&versionId=a%2Fb%2Bc"
    assert "wJalr" not in repr(request) + repr(request.headers)
    assert "Authorization" not in repr(request)
    signed = request.headers["Authorization"].partition("SignedHeaders=")[2].partition(",")[0]
    assert signed == "host;x-amz-content-sha256;x-amz-date"


@pytest.mark.parametrize("endpoint", ["127.0.0.1:9000", "ftp://store", "http://store/path", ""])
def test_an_endpoint_is_an_origin(tmp_path: Path, endpoint: str) -> None:
    (tmp_path / "key").write_text("k")
    with pytest.raises(ValueError, match="origin"):
        RequestSigner(S3Settings(endpoint, "nopluu", tmp_path / "key", tmp_path / "key"))
