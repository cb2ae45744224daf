"""The golden recovery records: two readers that share no code agree on every one, and on the reason for every refusal."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from services.kernel.canonical import canonical
from services.kernel.sealing.recovered import RecordFault, believe, entries_of, header_of, place
from services.kernel.sealing.recovery_words import WORDS
from tests.support.lte1_decoder import Refused
from tests.support.recovery_decoder import read_record
from tests.support.recovery_vectors import FOLDER, Vector, told, vectors

Told = dict[str, Any]
FILES: Final = sorted(FOLDER.glob("*.json"))
# What only the rebuild of a whole database can find.
OF_A_REBUILD: Final = {"record-missing", "record-conflict"}


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def vector(request: pytest.FixtureRequest) -> Told:
    path: Path = request.param
    found: Told = json.loads(path.read_text("utf-8"))
    found["object"] = base64.b64decode(found["object"])
    found["key"] = None if found["key"] is None else bytes.fromhex(found["key"])
    assert found["valid"] is (found["code"] is None)
    return found


def second(vector: Told) -> tuple[str | None, bytes]:
    """The code of the decoder that is not ours, or the record's bytes."""
    try:
        record = read_record(vector["name"], vector["object"], vector["key"], set(vector["log"]))
    except Refused as refused:
        return str(refused.args[0]), b""
    return None, canonical(record)


def ours(vector: Told) -> tuple[str | None, bytes]:
    """The same of the gateway's reader."""
    log = {bytes.fromhex(entry): index for index, entry in enumerate(vector["log"])}
    try:
        header = header_of(vector["name"], vector["object"])
        if vector["key"] is None:
            raise RecordFault("record-key-refused")
        believed = believe(header, vector["object"], vector["key"])
        place(believed, {entry: log[entry] for entry in entries_of(believed.record) if entry in log})
    except RecordFault as fault:
        return fault.code, b""
    return None, believed.record.build()


@pytest.mark.parametrize("reader", [second, ours])
def test_both_readers_agree_with_the_file(vector: Told, reader: Callable[[Told], tuple[str | None, bytes]]) -> None:
    code, record = reader(vector)
    assert code == vector["code"]
    assert vector["record_sha256"] == (None if code else hashlib.sha256(record).hexdigest())


@pytest.mark.parametrize("made", list(vectors()), ids=lambda made: made.name)
def test_the_files_are_what_the_generator_says(made: Vector) -> None:
    """All but the sealed bytes, whose salts are drawn anew."""
    kept = json.loads((FOLDER / f"{made.name}.json").read_text("utf-8"))
    now = json.loads(json.dumps(told(made)))
    assert len(base64.b64decode(kept.pop("object"))) == len(base64.b64decode(now.pop("object")))
    assert kept == now


def test_every_code_of_a_record_has_a_vector() -> None:
    found = {json.loads(path.read_text("utf-8"))["code"] for path in FILES} - {None}
    assert found == {code for code in WORDS if code.startswith("record-")} - OF_A_REBUILD
