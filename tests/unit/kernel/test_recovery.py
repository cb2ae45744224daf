"""A recovery record comes back as it was written, under its own key and in its own form only."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from services.kernel.canonical import canonical
from services.kernel.identifiers import AgencyId, AttemptId, ClientId, ComponentId, EventId, FondsId, KeyId, PackageId
from services.kernel.sealing.ciphertext_digest import CiphertextDigest
from services.kernel.sealing.open import SealBroken
from services.kernel.sealing.recovery import (
    ComponentFacts,
    ErasureFacts,
    PackageFacts,
    PackageKeyFacts,
    PartFacts,
    RecordHeader,
    RecordInvalid,
    RecoveryRecord,
    SealFacts,
    Writing,
    open_sealed,
    renewal_event,
    renewal_salt,
    seal,
)
from services.kernel.secrecy import Level
from services.kernel.strict_json import parse

AT = datetime(2026, 11, 24, 5, 2, 3, 123456, tzinfo=UTC)
PACKAGE = PackageId(UUID(int=1))
COMPONENT = ComponentFacts(
    0,
    ComponentId(UUID(int=6)),
    KeyId(UUID(int=7)),
    b"k" * 40,
    Level.MAT,
    0,
    "Hồ sơ/Tờ trình.pdf",
    0,
    PACKAGE,
    AT,
    held=False,
)
RECORD = RecoveryRecord(
    package=PackageFacts(
        id=PACKAGE,
        chain=PACKAGE,
        version=1,
        supersedes=None,
        agency=AgencyId(UUID(int=2)),
        client=ClientId(UUID(int=3)),
        fonds=FondsId(UUID(int=4)),
        fonds_code="000.00.47.A47",
        profile="tt05",
        rules_sha256=b"r" * 32,
        part_size=1024 * 1024,
        payload_size=9,
        declared_at=AT,
        expires_at=AT,
        sealed_at=AT,
        state="sealed",
    ),
    description={"verdicts": [], "not_planned": [["/documents/1", "withhold"]], "warnings": []},
    manifest=b'{"format":"nopluu/manifest1"}',
    plan=b"{}",
    keys=(PackageKeyFacts(Level.MAT, f"{UUID(int=4)}/mat/2026", b"w" * 60),),
    components=(
        COMPONENT,
        replace(
            COMPONENT, position=1, id=ComponentId(UUID(int=8)), wrapped_key=None, plan_position=None, checked_at=None
        ),
    ),
    parts=(
        PartFacts(0, AttemptId(UUID(int=9)), "version-1", b"p" * 32, 9, 145, CiphertextDigest("blake3", b"c" * 32), AT),
    ),
    seal=SealFacts(EventId(UUID(int=10)), b"s" * 32, b'{"type":"sealed"}'),
    writing=Writing(1, b"q" * 32),
)
HEADER = RecordHeader(PACKAGE, f"{UUID(int=4)}/mat/2026", b"wrapped by the KMS")
KEY = bytes(range(32))


def test_a_record_comes_back_whole() -> None:
    assert RecoveryRecord.parse(RECORD.build()) == RECORD


def test_an_erasure_is_told_and_a_record_without_one_reads_as_ever() -> None:
    erased = tuple(replace(component, erasure=ErasureFacts(AT, expelled=True)) for component in RECORD.components)
    assert RecoveryRecord.parse(replace(RECORD, components=erased).build()).components == erased
    assert [len(row) for row in parse(RECORD.build(), max_bytes=1 << 20)["components"]] == [11, 11]  # type: ignore[index]  # JSON


def test_a_record_of_before_blake3_is_read_as_what_it_was() -> None:
    old = RECORD.build().replace(b"blake3:", b"")
    assert old != RECORD.build()
    [part] = RecoveryRecord.parse(old).parts
    assert part.ciphertext_digest == CiphertextDigest("sha256", b"c" * 32)
    assert replace(RECORD, parts=(part,)).build() == old


def test_store_and_kms_alone_open_it() -> None:
    sealed = seal(RECORD.build(), KEY, HEADER)
    header = RecordHeader.unpack(sealed)
    assert header == HEADER  # the KEK's name and the wrapped key: all that the KMS needs
    assert RecoveryRecord.parse(open_sealed(sealed, KEY)) == RECORD


def test_nothing_of_it_is_clear_but_the_header() -> None:
    sealed = seal(RECORD.build(), KEY, HEADER)
    assert sealed.startswith(HEADER.pack())
    for secret in ("Tờ trình".encode(), b"nopluu/manifest1", b"withhold", b"version-1"):
        assert secret not in sealed


def test_the_same_record_is_never_sealed_to_the_same_bytes() -> None:
    assert seal(b"{}", KEY, HEADER) != seal(b"{}", KEY, HEADER)


def test_every_flipped_byte_and_every_cut_is_refused() -> None:
    sealed = seal(b'{"short": "record"}', KEY, HEADER)
    for at in range(len(sealed)):
        altered = sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]
        with pytest.raises((SealBroken, RecordInvalid)):
            open_sealed(altered, KEY)
        with pytest.raises((SealBroken, RecordInvalid)):
            open_sealed(sealed[:at], KEY)
    with pytest.raises(SealBroken):
        open_sealed(sealed + b"\0", KEY)


@pytest.mark.parametrize("key", [bytes(32), KEY[:-1], KEY + b"\0", b""])
def test_another_key_opens_nothing(key: bytes) -> None:
    with pytest.raises(SealBroken):
        open_sealed(seal(b"{}", KEY, HEADER), key)


def test_a_key_of_another_length_seals_nothing() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        seal(b"{}", KEY[:16], HEADER)


def test_the_next_writings_event_follows_from_any_earlier_one_and_from_nothing_public() -> None:
    first = RECORD.writing
    assert first.next == Writing(2, first.secret)
    assert renewal_event(PACKAGE, 2) == b'{"number":2,"package":"%s","type":"record_renewed"}' % str(PACKAGE).encode()
    assert renewal_salt(first.secret, 2) == renewal_salt(first.next.secret, 2)
    assert len({renewal_salt(first.secret, 2), renewal_salt(first.secret, 3), renewal_salt(b"r" * 32, 2)}) == 3
    assert b"q" * 32 not in repr(RECORD).encode()


def _without(name: str) -> bytes:
    value = parse(RECORD.build(), max_bytes=10**6)
    assert isinstance(value, dict)
    del value[name]
    return canonical(value)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        RECORD.build() + b"\n",
        RECORD.build().replace(b"recovery1", b"recovery2"),
        RECORD.build().replace(b'"version":1', b'"version":true'),
        RECORD.build().replace(b'"number":1', b'"number":0'),
        RECORD.build().replace(b'"number":1', b'"number":true'),
        RECORD.build().replace(b",false]", b",0]"),
        RECORD.build().replace(b'"mat"', b'"secret"'),
        RECORD.build().replace(b'"2026-11-24T05:02:03.123456Z"', b'"2026-11-24 05:02:03"'),
        RECORD.build().replace(b"72" * 32, b"72" * 31),
        RECORD.build().replace(b"blake3:", b"sha512:"),
        RECORD.build().replace(b"blake3:", b"sha256:"),
        RECORD.build().replace(b"63" * 32, b"63" * 31),
        RECORD.build()[:-1] + b',"more":1}',
        *(
            _without(name)
            for name in ("package", "manifest", "keys", "components", "parts", "seal", "description", "writing")
        ),
    ],
)
def test_what_is_no_record(data: bytes) -> None:
    assert data != RECORD.build()
    with pytest.raises(RecordInvalid):
        RecoveryRecord.parse(data)
