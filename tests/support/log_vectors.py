"""The golden vectors of the log and of receipts, for whoever writes a verifier of their own.

`python -m tests.support.log_vectors` writes `tests/vectors/log/` and `tests/vectors/receipts/` anew; a test holds the
files and this module equal. Every key is made from a published seed, and Ed25519 signs the same bytes alike each time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.kernel.canonical import b64, canonical, unb64
from services.kernel.tlog.checkpoints import Checkpoint
from services.kernel.tlog.notes import LogSigner, Note, Signature, WitnessSigner
from services.kernel.tlog.tiles import Edge, Tile, consistency_path, inclusion_path
from services.kernel.tlog.tree import leaf_hash
from tests.support.deposits import LOG, ORIGIN, WITNESS, Deposit

FOLDER: Final = Path(__file__).parents[1] / "vectors"
SECOND: Final = WitnessSigner("witness.example/w2", Ed25519PrivateKey.from_private_bytes(b"v" * 32))
ANOTHER: Final = LogSigner(ORIGIN, Ed25519PrivateKey.from_private_bytes(b"o" * 32))
SIZES: Final = (0, 1, 2, 3, 255, 256, 257, 600)

Vector = dict[str, object]


def entry_of(index: int) -> bytes:
    """Entry `index` of the tree in the vectors: SHA-256 of the index as u64be."""
    return hashlib.sha256(index.to_bytes(8)).digest()


def tree_of(size: int) -> tuple[Edge, dict[Tile, bytes]]:
    """The tree of this size and all of its tiles."""
    edge = Edge()
    resources = [*edge.append(entry_of(at) for at in range(size)), *edge.partial()]
    return edge, {place: data for place, data in resources if isinstance(place, Tile)}


def tree_vectors() -> Vector:
    """Roots, tiles and proofs of trees whose entry `i` is SHA-256(i as u64be)."""
    trees = {size: tree_of(size) for size in SIZES}
    inclusions = [
        {
            "size": size,
            "index": index,
            "leaf": leaf_hash(entry_of(index)).hex(),
            "path": [node.hex() for node in inclusion_path(index, size, trees[size][1])],
        }
        for size in SIZES
        for index in sorted({0, 1, size // 2, size - 1})
        if 0 <= index < size
    ]
    consistencies = [
        {"old": old, "new": new, "path": [node.hex() for node in consistency_path(old, new, trees[new][1])]}
        for new in SIZES
        for old in SIZES
        if old <= new
    ]
    return {
        "name": "tree",
        "why": "entry i is SHA-256(i as u64be); hashes as in RFC 9162, tiles as in C2SP tlog-tiles",
        "roots": {str(size): edge.root.hex() for size, (edge, _) in trees.items()},
        "tiles_sha256": {
            str(size): {tile.path: hashlib.sha256(data).hexdigest() for tile, data in sorted(tiles.items())}
            for size, (_, tiles) in trees.items()
        },
        "inclusion": inclusions,
        "consistency": consistencies,
    }


def checkpoint_vectors() -> Iterator[Vector]:
    """Signed checkpoints: those that open, and one for each reason why one does not."""
    checkpoint = Checkpoint(ORIGIN, 600, tree_of(600)[0].root)
    text = checkpoint.text
    own = LOG.sign(text).signatures[0]
    cosigned = WITNESS.cosign(text, 1_795_000_000)

    def vector(name: str, why: str, note: str, *, valid: bool, witnesses: int = 0) -> Vector:
        keys = [str(key) for key in (LOG.verifier, WITNESS.verifier, SECOND.verifier)]
        return {
            "name": f"checkpoint-{name}",
            "why": why,
            "keys": keys,
            "note": note,
            "valid": valid,
            **({"origin": ORIGIN, "size": 600, "root": checkpoint.root.hex(), "witnesses": witnesses} if valid else {}),
        }

    def note(*signatures: Signature, of: str = text) -> str:
        return str(Note(of, signatures))

    foreign = Checkpoint("another.example/log", 600, checkpoint.root).text
    stranger = Signature("stranger.example", b"abcd", b"anything")
    spoilt = Signature(cosigned.name, cosigned.key_id, cosigned.data[:-1] + bytes([cosigned.data[-1] ^ 1]))
    yield vector("valid", "signed by its log", note(own), valid=True)
    yield vector("cosigned", "and by one witness", note(own, cosigned), valid=True, witnesses=1)
    yield vector(
        "cosigned-twice",
        "one witness twice is one",
        note(own, cosigned, WITNESS.cosign(text, 1_795_000_001)),
        valid=True,
        witnesses=1,
    )
    yield vector(
        "two-witnesses", "two names", note(own, cosigned, SECOND.cosign(text, 1_795_000_002)), valid=True, witnesses=2
    )
    yield vector("unknown-signature", "signatures of unknown keys are passed over", note(stranger, own), valid=True)
    yield vector("not-signed-by-log", "only a witness signed", note(cosigned), valid=False)
    yield vector(
        "other-origin",
        "a log key counts only for its own origin",
        note(*LOG.sign(foreign).signatures, of=foreign),
        valid=False,
    )
    yield vector("bad-cosignature", "a bad signature by a known key refuses the whole", note(own, spoilt), valid=False)
    yield vector("other-size", "the size was changed", note(own).replace("\n600\n", "\n601\n"), valid=False)
    yield vector("leading-zero", "a number with a leading zero", note(own).replace("\n600\n", "\n0600\n"), valid=False)
    yield vector("no-newline", "the last newline is missing", note(own)[:-1], valid=False)
    yield vector("no-signature", "no signature line", text + "\n", valid=False)
    yield vector("hyphen", "a hyphen for the em dash", note(own).replace("\N{EM DASH}", "-"), valid=False)


def receipt_vectors() -> Iterator[Vector]:
    """A receipt with all that belongs to it; one true, and one false for each code."""
    true = Deposit()
    cosigned = true.but(witnesses=(WITNESS,))
    yield _receipt_vector("valid", "proved", true)
    yield _receipt_vector("valid-first-leaf", "proved", true.but(index=0, leaves=1))
    yield _receipt_vector("valid-cosigned", "proved", cosigned, witnesses=1)
    yield _receipt_vector("valid-not-covered", "proved", true.but(covered=(0, 2, 3)))
    yield _receipt_vector("valid-nothing-held", "proved", true.but(files={}, covered=()))
    changes: Mapping[str, tuple[str, Callable[[dict[str, str]], None]]] = {
        "other-format": ("receipt-form", lambda value: value.update(format="nopluu/receipt2")),
        "more-members": ("receipt-form", lambda value: value.update(more="x")),
        "without-salt": ("receipt-form", lambda value: value.__delitem__("salt")),
        "salt-short": ("receipt-salt", lambda value: value.update(salt=b64(b"s" * 31))),
        "salt-other": ("not-in-log", lambda value: value.update(salt=b64(b"t" * 32))),
        "event-other": ("not-in-log", lambda value: value.update(event=b64(_later(value["event"])))),
        "event-not-json": ("event-form", lambda value: value.update(event=b64(b"{"))),
        "event-not-canonical": ("event-not-canonical", lambda value: value.update(event=b64(b" " + unb64(value["event"])))),
        "proof-extra-line": ("proof-form", lambda value: _proof(value, "\nindex", "\nextra eA==\nindex")),
        "proof-index-other": ("not-in-log", lambda value: _proof(value, "index 5", "index 4")),
        "proof-index-beyond": ("not-in-log", lambda value: _proof(value, "index 5", "index 300")),
        "proof-size-other": ("signature-wrong", lambda value: _proof(value, "\n300\n", "\n301\n")),
        "proof-trailing-line": ("checkpoint-form", lambda value: value.update(proof=value["proof"] + "\n")),
    }  # fmt: skip
    for name, (code, change) in changes.items():
        value = json.loads(true.receipt)
        change(value)
        yield _receipt_vector(name, code, true, receipt=canonical(value))
    yield _receipt_vector("trailing-newline", "receipt-not-canonical", true, receipt=true.receipt + b"\n")
    yield _receipt_vector("leading-space", "receipt-not-canonical", true, receipt=b" " + true.receipt)
    yield _receipt_vector("not-a-seal", "event-not-seal", true.but(event_type="read"))
    yield _receipt_vector("unknown-log", "log-unknown", true.but(signer=ANOTHER))
    yield _receipt_vector("witnesses-missing", "witnesses-missing", cosigned, witnesses=2)
    yield _receipt_vector("manifest-other", "manifest-mismatch", true, manifest=true.manifest + b"\n")
    yield _receipt_vector("plan-other", "plan-mismatch", true, plan=true.plan + b"\n")
    yield _receipt_vector("file-altered", "file-digest", true, files={**true.files, "ảnh.jpg": b"\xff\xd8 bb"})
    yield _receipt_vector("file-longer", "file-size", true, files={**true.files, "ảnh.jpg": b"\xff\xd8 ba\n"})
    short = {name: data for name, data in true.files.items() if name != "ảnh.jpg"}
    yield _receipt_vector("file-missing", "file-missing", true, files=short)
    yield _receipt_vector("name-leaves-folder", "manifest-form", true.but(files={"../x": b"x"}, covered=(0,)), files={})


def _receipt_vector(
    name: str,
    code: str,
    deposit: Deposit,
    *,
    receipt: bytes | None = None,
    manifest: bytes | None = None,
    plan: bytes | None = None,
    files: Mapping[str, bytes] | None = None,
    witnesses: int = 0,
) -> Vector:
    return {
        "name": name,
        "code": code,
        "exit": 0 if code == "proved" else 1,
        "keys": [str(LOG.verifier), str(WITNESS.verifier)],
        "witnesses": witnesses,
        "receipt": b64(deposit.receipt if receipt is None else receipt),
        "manifest": b64(deposit.manifest if manifest is None else manifest),
        "plan": b64(deposit.plan if plan is None else plan),
        "files": {path: b64(data) for path, data in (deposit.files if files is None else files).items()},
    }


def _later(event: str) -> bytes:
    return unb64(event).replace(b"05:02:03", b"05:02:04")


def _proof(value: dict[str, str], old: str, new: str) -> None:
    value["proof"] = value["proof"].replace(old, new)


def files() -> dict[Path, str]:
    """Every vector's file with its content."""
    vectors = [("log", tree_vectors()), *(("log", vector) for vector in checkpoint_vectors())]
    vectors += [("receipts", vector) for vector in receipt_vectors()]
    return {
        FOLDER / folder / f"{vector['name']}.json": json.dumps(vector, ensure_ascii=False, indent=1) + "\n"
        for folder, vector in vectors
    }


def main() -> None:
    """Write the vectors anew."""
    for folder in ("log", "receipts"):
        (FOLDER / folder).mkdir(parents=True, exist_ok=True)
        for old in (FOLDER / folder).glob("*.json"):
            old.unlink()
    for path, content in files().items():
        path.write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
