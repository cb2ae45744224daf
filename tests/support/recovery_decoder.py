"""A second reader of recovery records, written from services/FORMATS.md alone, for the golden vectors.

It shares nothing with the gateway: an object's name and bytes, its opened key and the log's entries go in; the record comes
out, or the one code that says why it is not taken.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import struct
from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from tests.support.lte1_decoder import Refused, read_message

Record = dict[str, Any]
LEVELS: Final = ["none", "mat", "toi_mat", "tuyet_mat"]
PACKAGE: Final = {
    "id", "chain", "version", "supersedes", "agency", "client", "fonds", "fonds_code", "profile", "rules_sha256", "part_size",
    "payload_size", "declared_at", "expires_at", "sealed_at", "state",
}  # fmt: skip
MEMBERS: Final = {
    "format",
    "package",
    "description",
    "manifest",
    "plan",
    "keys",
    "components",
    "parts",
    "seal",
    "writing",
}


def read_record(name: str, data: bytes, key: bytes | None, log: set[str]) -> Record:
    """The record that stands under this name. Raises Refused with the code."""
    package = name.removeprefix("recovery/")
    if name == package or not _is(UUID, package) or str(UUID(package)) != package:
        raise Refused("record-name")
    kek, message = _head(data)
    if str(UUID(bytes=data[4:20])) != package:
        raise Refused("record-swapped")
    if key is None:
        raise Refused("record-key-refused")
    try:
        plain = b"".join(read_message(data[message:], key, b"nopluu/recovery1\0" + data[:message]))
        record = _record(plain)
    except (Refused, ValueError, KeyError, TypeError) as error:
        raise Refused("record-altered") from error
    try:
        agrees = _agrees(record, package, kek)
    except (ValueError, KeyError, TypeError) as error:
        raise Refused("record-inconsistent") from error
    if not agrees:
        raise Refused("record-inconsistent")
    if _entry(_bytes(record["seal"]["salt"]), _bytes(record["seal"]["event"])) not in log:
        raise Refused("record-unlogged")
    number, secret = record["writing"]["number"], _bytes(record["writing"]["secret"])
    for later in range(number + 1, number + 9):
        salt = hmac.digest(secret, b"nopluu/renewal1\0" + struct.pack(">I", later), "sha256")
        event = f'{{"number":{later},"package":"{package}","type":"record_renewed"}}'
        if _entry(salt, event.encode()) in log:
            raise Refused("record-outdated")
    return record


def _head(data: bytes) -> tuple[str, int]:
    """The KEK's name and where the message begins."""
    if data[:4] != b"NLR1" or len(data) < 22:
        raise Refused("record-altered")
    (length,) = struct.unpack(">H", data[20:22])
    kek, at = data[22 : 22 + length], 22 + length
    (length,) = struct.unpack(">H", data[at : at + 2].rjust(2, b"\0"))
    end = at + 2 + length
    uuid = rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    if len(data) < end or not re.fullmatch(uuid + rb"/(none|mat|toi_mat|tuyet_mat)/[0-9]{4}", kek):
        raise Refused("record-altered")
    return kek.decode(), end


def _record(plain: bytes) -> Record:
    """The form alone: members, rows and types."""
    told: Record = json.loads(plain)
    if json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() != plain:
        raise Refused("not canonical")  # enough where member names are ASCII and numbers are integers
    seal, writing = told["seal"], told["writing"]
    forms = set(told) == MEMBERS and set(told["package"]) == PACKAGE and told["format"] == "nopluu/recovery1"
    if not forms or set(seal) != {"id", "salt", "event"} or set(writing) != {"number", "secret"}:
        raise Refused("form")
    if type(writing["number"]) is not int or writing["number"] < 1 or len(_bytes(writing["secret"])) != 32:
        raise Refused("writing")
    for level, kek, wrapped in told["keys"]:
        if level not in LEVELS or not isinstance(kek, str):
            raise Refused("key")
        _bytes(wrapped)
    for row in told["components"]:
        if len(row) not in (11, 12) or row[4] not in LEVELS or type(row[10]) is not bool:
            raise Refused("component")
        if row[3] is not None:
            _bytes(row[3])
    for row in told["parts"]:
        if (
            len(row) != 8
            or not re.fullmatch("(blake3:)?[0-9a-f]{64}", row[6])
            or not re.fullmatch("[0-9a-f]{64}", row[3])
        ):
            raise Refused("part")
    for text in ("manifest", "plan"):
        _bytes(told[text])
    return told


def _agrees(record: Record, package: str, kek: str) -> bool:
    """Whether the parts of a record say the same."""
    facts, rows = record["package"], record["components"]
    manifest, plan = json.loads(_bytes(record["manifest"])), json.loads(_bytes(record["plan"]))
    year = facts["declared_at"][:4]
    highest = max((LEVELS.index(row[4]) for row in rows), default=0)
    held = [key[0] for key in record["keys"]]
    keys = (
        (facts["id"], kek) == (package, f"{facts['fonds']}/{LEVELS[highest]}/{year}")
        and all(key[1] == f"{facts['fonds']}/{key[0]}/{year}" for key in record["keys"])
        and len(held) == len(set(held))
        and {row[4] for row in rows if row[8] == package} <= set(held)
    )
    event = {
        "type": "sealed", "package": package, "version": facts["version"], "supersedes": facts["supersedes"],
        "submitter": facts["agency"], "fonds": facts["fonds"], "rules_sha256": facts["rules_sha256"],
        "manifest_sha256": hashlib.sha256(_bytes(record["manifest"])).hexdigest(),
        "plan_sha256": hashlib.sha256(_bytes(record["plan"])).hexdigest(),
        "sealed_at": facts["sealed_at"], "components": [row[1] for row in rows],
    }  # fmt: skip
    described = (
        (facts["fonds_code"], facts["profile"], facts["supersedes"])
        == (manifest["fonds"], manifest["profile"], manifest.get("supersedes"))
        and facts["part_size"] == plan["part_size"]
        and facts["payload_size"] == sum(length for _, length in plan["components"])
        and (facts["chain"] == package) == (facts["version"] == 1)
        and set(record["description"]) == {"verdicts", "not_planned", "warnings", "levels"}
    )
    logged = json.loads(_bytes(record["seal"]["event"])) == event
    return bool(
        keys and logged and described and _rows_agree(rows, manifest, plan, package) and _parts_agree(record, plan)
    )


def _rows_agree(rows: list[Any], manifest: Any, plan: Any, package: str) -> bool:
    named = {
        component["name"]: (at, component["size"])
        for at, document in enumerate(manifest["documents"])
        for component in document["components"]
    }
    planned: list[list[Any]] = []
    for position, row in enumerate(rows):
        document, size = named.pop(row[6], (-1, -1))
        if (row[0], row[5]) != (position, document) or (len(row) == 12 and row[3] is not None):
            return False
        if (row[7] is None) == (row[8] == package):
            return False
        if row[7] is not None:
            if row[7] != len(planned):
                return False
            planned.append([row[1], size])
    return bool(planned == plan["components"])


def _parts_agree(record: Record, plan: Any) -> bool:
    size, total = plan["part_size"], record["package"]["payload_size"]
    cuts = [[number, min(size, total - number * size)] for number in range(-(-total // size))]
    attempts = [row[1] for row in record["parts"]]
    return [[row[0], row[4]] for row in record["parts"]] == cuts and len(attempts) == len(set(attempts))


def _bytes(text: str) -> bytes:
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text:
        raise ValueError("not canonical base64")
    return data


def _is(kind: Callable[[str], object], text: str) -> bool:
    try:
        kind(text)
    except ValueError:
        return False
    return True


def _entry(salt: bytes, event: bytes) -> str:
    return hashlib.sha256(b"nopluu/leaf1\0" + salt + event).hexdigest()
