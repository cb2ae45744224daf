"""The published vectors of the log: they are what the code does, and every invalid one is refused."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from services.kernel.tlog.checkpoints import open_checkpoint
from services.kernel.tlog.notes import NoteInvalid, VerifierKey
from services.kernel.tlog.tree import leaf_hash, verify_consistency, verify_inclusion
from tests.support.log_vectors import FOLDER, files

TREE: dict[str, Any] = json.loads((FOLDER / "log" / "tree.json").read_text(encoding="utf-8"))
CHECKPOINTS = [json.loads(path.read_text(encoding="utf-8")) for path in sorted((FOLDER / "log").glob("checkpoint-*"))]
ROOTS = {int(size): bytes.fromhex(root) for size, root in TREE["roots"].items()}


@pytest.mark.parametrize("path", [pytest.param(path, id=f"{path.parent.name}/{path.stem}") for path in files()])
def test_a_vector_has_not_drifted(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == files()[path]


def test_no_vector_is_left_over() -> None:
    found = {*(FOLDER / "log").iterdir(), *(FOLDER / "receipts").iterdir()}
    assert found == set(files())


def test_the_tree_is_that_of_its_description() -> None:
    for case in TREE["inclusion"]:
        index, size = case["index"], case["size"]
        leaf = leaf_hash(hashlib.sha256(index.to_bytes(8)).digest())
        assert leaf.hex() == case["leaf"]
        verify_inclusion(index, size, leaf, [bytes.fromhex(node) for node in case["path"]], ROOTS[size])
    for case in TREE["consistency"]:
        old, new = case["old"], case["new"]
        verify_consistency(old, new, ROOTS[old], ROOTS[new], [bytes.fromhex(node) for node in case["path"]])


@pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in CHECKPOINTS])
def test_a_checkpoint_opens_exactly_where_it_is_valid(case: dict[str, Any]) -> None:
    keys = [VerifierKey.parse(key) for key in case["keys"]]
    if not case["valid"]:
        with pytest.raises(NoteInvalid):
            open_checkpoint(case["note"], keys)
        return
    opened = open_checkpoint(case["note"], keys)
    checkpoint = opened.checkpoint
    assert (checkpoint.origin, checkpoint.size, checkpoint.root.hex()) == (case["origin"], case["size"], case["root"])
    assert opened.distinct_witnesses == case["witnesses"]
