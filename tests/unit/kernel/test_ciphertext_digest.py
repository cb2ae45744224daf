"""The digest of stored bytes, against the values that BLAKE3's authors publish."""

from __future__ import annotations

import pytest

from services.kernel.sealing.ciphertext_digest import CiphertextDigest, CiphertextHash

# test_vectors.json of the BLAKE3 team: the input is the bytes 0 … 250, repeated.
PUBLISHED = {
    0: "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
    1: "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213",
    1024: "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7",
    102400: "bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085",
}


@pytest.mark.parametrize("length", PUBLISHED)
@pytest.mark.parametrize("cut", [1000, 65_536])
def test_published_values_in_any_pieces(length: int, cut: int) -> None:
    data = bytes(n % 251 for n in range(length))
    taken = CiphertextHash()
    for start in range(0, length, cut):
        taken.update(memoryview(data)[start : start + cut])
    assert str(taken.digest()) == f"blake3:{PUBLISHED[length]}"


def test_it_reads_what_it_writes() -> None:
    for digest in (CiphertextDigest("blake3", bytes(32)), CiphertextDigest("sha256", bytes(range(32)))):
        assert CiphertextDigest.parse(str(digest)) == digest


@pytest.mark.parametrize(
    "text",
    [
        "",
        "00" * 32,
        "md5:" + "00" * 16,
        "sha512:" + "00" * 32,
        "blake3:" + "00" * 31,
        "blake3:" + "AB" * 32,
        "blake3:" + "00" * 32 + "\n",
    ],
)
def test_what_is_no_digest(text: str) -> None:
    with pytest.raises(ValueError, match="not a digest"):
        CiphertextDigest.parse(text)
