"""What a witness decides, what a log takes from its answer, and which cosignatures are enough."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.kernel.tlog.checkpoints import Checkpoint, open_checkpoint
from services.kernel.tlog.notes import LogSigner, Note, NoteInvalid, WitnessSigner
from services.kernel.tlog.policy import PolicyInvalid, parse_policy
from services.kernel.tlog.tiles import Edge, Tile, consistency_path
from services.kernel.tlog.tree import EMPTY_ROOT
from services.kernel.tlog.witnessing import (
    AddCheckpoint,
    WitnessRefused,
    cosignatures,
    decide,
    with_cosignatures,
)

ORIGIN = "nopluu.example/log"
LOG = LogSigner(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
ANOTHER = LogSigner("another.example/log", Ed25519PrivateKey.from_private_bytes(b"a" * 32))
WITNESS = WitnessSigner("witness.example/w1", Ed25519PrivateKey.from_private_bytes(b"w" * 32))
SECOND = WitnessSigner("witness.example/w2", Ed25519PrivateKey.from_private_bytes(b"v" * 32))
KEYS = [LOG.verifier]


def tree(size: int, fork: int | None = None) -> tuple[Checkpoint, dict[Tile, bytes]]:
    entries = [hashlib.sha256(bytes([at == fork]) + at.to_bytes(8)).digest() for at in range(size)]
    edge = Edge()
    resources = [*edge.append(entries), *edge.partial()]
    return Checkpoint(ORIGIN, size, edge.root), {tile: data for tile, data in resources if isinstance(tile, Tile)}


def asked(old: int, new: int, *, fork: int | None = None, signer: LogSigner = LOG) -> AddCheckpoint:
    checkpoint, tiles = tree(new, fork)
    path = consistency_path(old, new, tiles) if old <= new else []
    return AddCheckpoint(old, tuple(path), str(signer.sign(checkpoint.text)))


@pytest.mark.parametrize(("old", "new"), [(0, 0), (0, 5), (5, 5), (5, 6), (255, 257), (256, 1000), (999, 1000)])
def test_a_log_that_grew_is_cosigned(old: int, new: int) -> None:
    request = AddCheckpoint.parse(str(asked(old, new)).encode())
    assert decide(request, tree(old)[0] if old else None, KEYS).checkpoint == tree(new)[0]


@pytest.mark.parametrize(
    ("request_", "known", "status", "size"),
    [
        (asked(0, 7, signer=ANOTHER), None, 403, None),
        (asked(3, 7), None, 409, 0),
        (asked(3, 7), 5, 409, 5),
        (asked(7, 3), 7, 400, None),
        (asked(5, 5, fork=2), 5, 409, 5),
        (asked(5, 7, fork=2), 5, 422, None),
        (asked(4, 300, fork=3), 4, 422, None),
        (AddCheckpoint(0, (bytes(32),), asked(0, 7).note), None, 422, None),
        (AddCheckpoint(5, (), asked(5, 7).note), 5, 422, None),
        (AddCheckpoint(0, (), str(LOG.sign(Checkpoint(ORIGIN, 0, bytes(32)).text))), None, 422, None),
    ],
)
def test_whatever_does_not_continue_what_is_known_is_refused(
    request_: AddCheckpoint, known: int | None, status: int, size: int | None
) -> None:
    with pytest.raises(WitnessRefused) as caught:
        decide(request_, None if known is None else tree(known)[0], KEYS)
    assert (caught.value.status, caught.value.size) == (status, size)


def test_an_unknown_log_is_told_so() -> None:
    text = Checkpoint("stranger.example/log", 0, EMPTY_ROOT).text
    with pytest.raises(WitnessRefused) as caught:
        decide(AddCheckpoint(0, (), str(ANOTHER.sign(text))), None, KEYS)
    assert caught.value.status == 404


@pytest.mark.parametrize(
    "body",
    [
        b"", b"\xff\n\nx", b"old 1", b"old 01\n\n", b"old -1\n\n", b"new 1\n\n", b"old 1\nAAAA\n\n", b"old 1\nx\n\n",
        b"old 1\n" + b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n" * 64 + b"\n",
    ],
)  # fmt: skip
def test_a_request_of_another_form_is_refused(body: bytes) -> None:
    with pytest.raises(WitnessRefused) as caught:
        AddCheckpoint.parse(body)
    assert caught.value.status == 400


def test_a_note_of_another_form_is_refused() -> None:
    with pytest.raises(WitnessRefused) as caught:
        decide(AddCheckpoint.parse(b"old 0\n\nno note\n"), None, KEYS)
    assert caught.value.status == 400


def test_cosignatures_are_taken_once_and_only_of_known_witnesses() -> None:
    note = str(LOG.sign(tree(7)[0].text))
    lines = [WITNESS.cosign(tree(7)[0].text, 1_795_000_000 + at) for at in range(2)]
    stranger = SECOND.cosign(tree(7)[0].text, 1_795_000_000)
    answer = "".join(f"{line}\n" for line in [*lines, stranger])
    taken = cosignatures(answer, note, [WITNESS.verifier])
    assert taken == tuple(lines)
    merged = with_cosignatures(note, taken)
    assert with_cosignatures(merged, taken) == merged
    assert Note.parse(merged).signatures == (*Note.parse(note).signatures, lines[0])
    assert open_checkpoint(merged, [*KEYS, WITNESS.verifier]).witnesses == (WITNESS.verifier,)


@pytest.mark.parametrize(
    "answer",
    ["", "no line\n", f"{SECOND.cosign(tree(7)[0].text, 1)}\n", f"{WITNESS.cosign(tree(8)[0].text, 1)}\n"],
    ids=["nothing", "form", "stranger", "another checkpoint"],
)
def test_an_answer_without_a_true_cosignature_is_refused(answer: str) -> None:
    with pytest.raises(NoteInvalid):
        cosignatures(answer, str(LOG.sign(tree(7)[0].text)), [WITNESS.verifier])


W1, W2 = WITNESS.verifier, SECOND.verifier


@pytest.mark.parametrize(
    ("quorum", "needs_first", "needs_second", "one_is_enough"),
    [("none", False, False, True), ("a", True, False, True), ("any_", False, False, True), ("all_", True, True, False)],
)
def test_the_quorum_says_which_cosignatures_are_enough(
    quorum: str, needs_first: bool, needs_second: bool, one_is_enough: bool
) -> None:
    policy = parse_policy(
        f"# nhân chứng\n\nlog {LOG.verifier}\nwitness a {W1} https://w1.example/\nwitness b {W2}\n"
        f"group any_ any a b\ngroup all_ 2 any_ b\nquorum {quorum}\n".replace("2 any_ b", "2 a b")
    )
    assert policy.witnesses[0].url == "https://w1.example"
    assert policy.satisfied([W1, W2])
    assert policy.satisfied([W2]) is not needs_first
    assert policy.satisfied([W1]) is not needs_second
    assert policy.satisfied([]) is (quorum == "none")
    assert (policy.satisfied([W1]) or policy.satisfied([W2])) is one_is_enough


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"witness a {W1}\n",
        f"witness a {W1}\nwitness a {W2}\nquorum a\n",
        f"witness a {W1}\nwitness b {W1}\nquorum a\n",
        f"witness a {LOG.verifier}\nquorum a\n",
        f"witness a {W1} ftp://w\nquorum a\n",
        f"witness none {W1}\nquorum none\n",
        f"witness a {W1}\nquorum b\n",
        f"witness a {W1}\nquorum a\nquorum a\n",
        f"witness a {W1}\ngroup g 2 a\nquorum g\n",
        f"witness a {W1}\ngroup g 0 a\nquorum g\n",
        f"group g any g\nwitness a {W1}\nquorum g\n",
        "log x\nquorum none\n",
        "something else\n",
    ],
)
def test_a_policy_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(PolicyInvalid):
        parse_policy(text)
