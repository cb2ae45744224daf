"""Signed notes, checkpoints and cosignatures: what passes, and everything near it that does not."""

from __future__ import annotations

import struct

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from services.kernel.canonical import b64, unb64
from services.kernel.tlog.checkpoints import Checkpoint, SignedCheckpoint, open_checkpoint, parse_decimal
from services.kernel.tlog.notes import (
    KeyInvalid,
    KeyType,
    LogSigner,
    Note,
    NoteInvalid,
    Signature,
    VerifierKey,
    WitnessSigner,
    signers,
)

ORIGIN = "log.example.gov.vn/log"
LOG = LogSigner(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
WITNESS = WitnessSigner("thanh-tra.example.gov.vn/w1", Ed25519PrivateKey.from_private_bytes(b"w" * 32))
SECOND = WitnessSigner("mat-tran.example.gov.vn/w2", Ed25519PrivateKey.from_private_bytes(b"v" * 32))
CHECKPOINT = Checkpoint(ORIGIN, 3, b"r" * 32)
KEYS = [LOG.verifier, WITNESS.verifier, SECOND.verifier]


def signed(*more: Signature, text: str = CHECKPOINT.text) -> str:
    return str(Note(text, (*LOG.sign(text).signatures, *more)))


def test_a_checkpoint_signed_by_its_log_opens() -> None:
    opened = open_checkpoint(signed(), KEYS)
    assert opened == SignedCheckpoint(CHECKPOINT, LOG.verifier, ())


def test_the_published_example_of_a_note_verifies() -> None:
    # The note and the key with which Go's golang.org/x/mod/sumdb/note documents itself.
    key = VerifierKey.parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    note = Note.parse(
        "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n"
        "\N{EM DASH} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
    )
    assert signers(note, [key]) == [key]


def test_a_verifier_key_is_written_as_it_was_read() -> None:
    for key in KEYS:
        assert VerifierKey.parse(str(key)) == key


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a+b",
        "a+00000000+",
        str(LOG.verifier).replace(LOG.verifier.id.hex(), "00000000"),
        str(LOG.verifier).replace(LOG.verifier.id.hex(), LOG.verifier.id.hex().upper() + " "),
        str(LOG.verifier).removeprefix(ORIGIN),
        str(LOG.verifier).replace(ORIGIN, "with space"),
        str(LOG.verifier)[:-1],
        f"a+00000000+{b64(bytes([2]) + bytes(32))}",  # ECDSA, which no one uses here
        f"a+00000000+{b64(bytes([1]) + bytes(31))}",
        f"a+00000000+{b64(bytes([6]) + bytes(32))}",
    ],
)
def test_what_is_no_verifier_key(text: str) -> None:
    with pytest.raises(KeyInvalid):
        VerifierKey.parse(text)


def test_witnesses_are_counted_once_each_and_never_the_log_itself() -> None:
    lines = [WITNESS.cosign(CHECKPOINT.text, 1_679_315_147), WITNESS.cosign(CHECKPOINT.text, 1_679_315_148)]
    assert open_checkpoint(signed(*lines), KEYS).distinct_witnesses == 1
    lines.append(SECOND.cosign(CHECKPOINT.text, 0))
    assert open_checkpoint(signed(*lines), KEYS).distinct_witnesses == 2
    renamed = WitnessSigner("other.example/w3", Ed25519PrivateKey.from_private_bytes(b"w" * 32))
    lines.append(renamed.cosign(CHECKPOINT.text, 5))
    assert open_checkpoint(signed(*lines), [*KEYS, renamed.verifier]).distinct_witnesses == 2
    own = WitnessSigner("friend.example/w4", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
    under_origin = WitnessSigner(ORIGIN, Ed25519PrivateKey.from_private_bytes(b"x" * 32))
    lines += [own.cosign(CHECKPOINT.text, 5), under_origin.cosign(CHECKPOINT.text, 5)]
    keys = [*KEYS, renamed.verifier, own.verifier, under_origin.verifier]
    opened = open_checkpoint(signed(*lines), keys)
    assert (len(opened.witnesses), opened.distinct_witnesses) == (5, 2)


def test_an_ml_dsa_cosignature_commits_to_name_time_origin_size_and_root() -> None:
    key = MLDSA44PrivateKey.generate()
    name, time = "luong-tu.example.vn/w", 1_800_000_000
    verifier = VerifierKey(name, KeyType.WITNESS_ML_DSA_44, key.public_key().public_bytes_raw())
    message = b"".join(
        (
            b"subtree/v1\n\0", bytes([len(name)]), name.encode(), struct.pack(">Q", time), bytes([len(ORIGIN)]),
            ORIGIN.encode(), struct.pack(">QQ", 0, 3), b"r" * 32,
        )
    )  # fmt: skip
    line = Signature(name, verifier.id, struct.pack(">Q", time) + key.sign(message))
    assert open_checkpoint(signed(line), [*KEYS, verifier]).witnesses == (verifier,)
    later = Signature(name, verifier.id, struct.pack(">Q", time + 1) + line.data[8:])
    with pytest.raises(NoteInvalid, match="signature"):
        open_checkpoint(signed(later), [*KEYS, verifier])


def test_a_signature_type_that_cannot_be_verified_here_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    verifier = VerifierKey("w.example", KeyType.WITNESS_ML_DSA_44, bytes(1312))

    class Unsupported:
        @staticmethod
        def from_public_bytes(data: bytes) -> object:
            raise UnsupportedAlgorithm("an older OpenSSL")

    monkeypatch.setattr("services.kernel.tlog.notes.MLDSA44PublicKey", Unsupported)
    line = Signature(verifier.name, verifier.id, bytes(8 + 2420))
    with pytest.raises(NoteInvalid, match="unsupported"):
        open_checkpoint(signed(line), [*KEYS, verifier])


def test_a_bad_signature_of_any_known_key_refuses_the_whole() -> None:
    good = WITNESS.cosign(CHECKPOINT.text, 7)
    for data in (
        good.data[:-1] + bytes([good.data[-1] ^ 1]),
        struct.pack(">Q", 8) + good.data[8:],
        good.data[:-1],
        struct.pack(">Q", 2**63) + good.data[8:],
    ):
        with pytest.raises(NoteInvalid, match="signature"):
            open_checkpoint(signed(Signature(good.name, good.key_id, data)), KEYS)


def test_signatures_of_unknown_keys_are_passed_over() -> None:
    stranger = Signature("stranger.example", b"abcd", b"anything")
    same_name = Signature(ORIGIN, b"abcd", bytes(64))
    same_id = Signature("stranger.example", LOG.verifier.id, bytes(64))
    assert open_checkpoint(signed(stranger, same_name, same_id), KEYS).log == LOG.verifier


def test_a_log_key_counts_only_for_its_own_origin() -> None:
    foreign = Checkpoint("another.example/log", 3, b"r" * 32)
    with pytest.raises(NoteInvalid, match="no known log"):
        open_checkpoint(signed(text=foreign.text), KEYS)
    only_witness = str(Note(CHECKPOINT.text, (WITNESS.cosign(CHECKPOINT.text, 7),)))
    with pytest.raises(NoteInvalid, match="no known log"):
        open_checkpoint(only_witness, KEYS)
    with pytest.raises(NoteInvalid, match="no known log"):
        open_checkpoint(signed(), [])


def test_a_witness_key_does_not_sign_as_a_log() -> None:
    as_witness = VerifierKey(ORIGIN, KeyType.WITNESS_ED25519, LOG.verifier.public)
    with pytest.raises(NoteInvalid):
        open_checkpoint(signed(), [as_witness])


def test_every_flipped_bit_of_a_checkpoint_is_refused() -> None:
    note = signed().encode()
    for at in range(len(note)):
        for bit in (1, 0x20):
            altered = note[:at] + bytes([note[at] ^ bit]) + note[at + 1 :]
            with pytest.raises((NoteInvalid, UnicodeDecodeError)):
                open_checkpoint(altered.decode(), KEYS)


LINE = str(LOG.sign(CHECKPOINT.text).signatures[0])


@pytest.mark.parametrize(
    "note",
    [
        "",
        "\n",
        "\n\n",
        CHECKPOINT.text,
        CHECKPOINT.text + "\n",
        CHECKPOINT.text + LINE + "\n",
        CHECKPOINT.text + "\n" + LINE,
        CHECKPOINT.text + "\n" + LINE + "\n\n",
        CHECKPOINT.text + "\n" + LINE + "\nx\n",
        CHECKPOINT.text + "\n" + LINE.replace("\N{EM DASH}", "-") + "\n",
        CHECKPOINT.text + "\n" + LINE.replace(" ", "  ", 1) + "\n",
        CHECKPOINT.text + "\n" + LINE + " \n",
        CHECKPOINT.text + "\n" + LINE + "=\n",
        CHECKPOINT.text + "\n" + LINE + "\r\n",
        CHECKPOINT.text + "\n\N{EM DASH} a+b AAAAAAA=\n",
        CHECKPOINT.text + "\n\N{EM DASH} a AAAAAA==\n",
        "\n" + LINE + "\n",
        "\t" + CHECKPOINT.text + "\n" + LINE + "\n",
        CHECKPOINT.text + "\n" + (LINE + "\n") * 129,
    ],
)
def test_what_is_no_signed_note(note: str) -> None:
    with pytest.raises(NoteInvalid):
        Note.parse(note)


def test_sixteen_signatures_and_more_are_taken() -> None:
    strangers = [Signature(f"stranger.example/{at}", b"abcd", bytes(2420)) for at in range(100)]
    assert open_checkpoint(signed(*strangers), KEYS).checkpoint == CHECKPOINT


@pytest.mark.parametrize(
    "text",
    [
        "a\n1\n",
        f"a\n1\n{b64(b'r' * 31)}\n",
        f"a\n1\n{b64(b'r' * 32)[:-1]}\n",
        f"a\n01\n{b64(b'r' * 32)}\n",
        f"a\n-1\n{b64(b'r' * 32)}\n",
        f"a\n\N{ARABIC-INDIC DIGIT ONE}\n{b64(b'r' * 32)}\n",
        f"a\n{2**63}\n{b64(b'r' * 32)}\n",
        f"\n1\n{b64(b'r' * 32)}\n",
        f"a\n1\n{b64(b'r' * 32)}",
        f"a\n1\n{b64(b'r' * 32)}\n\nx\n",
    ],
)
def test_what_is_no_checkpoint(text: str) -> None:
    with pytest.raises(NoteInvalid):
        Checkpoint.parse(text)


def test_extension_lines_are_allowed_and_say_nothing() -> None:
    assert Checkpoint.parse(CHECKPOINT.text + "anything\n") == CHECKPOINT
    assert open_checkpoint(signed(text=CHECKPOINT.text + "anything\n"), KEYS).checkpoint == CHECKPOINT


def test_numbers_are_plain_decimals() -> None:
    assert [parse_decimal(text) for text in ("0", "7", str(2**63 - 1))] == [0, 7, 2**63 - 1]
    for text in ("", "00", "+1", " 1", "1 ", "1e3", "0x1", "1_0"):
        with pytest.raises(NoteInvalid):
            parse_decimal(text)


def test_binary_in_notes_is_canonical_base64() -> None:
    assert unb64(b64(b"r" * 32)) == b"r" * 32
