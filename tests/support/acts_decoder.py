"""A second reader of the act book, written from services/FORMATS.md alone, for the golden vectors.

It shares nothing with the gateway: objects by name, opened keys by name and the log's entries go in; rows and codes come out.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tests.support.lte1_decoder import Refused, read_message

Rows = dict[tuple[str, str], dict[str, Any]]


@dataclass(frozen=True)
class Page:
    """A page that opened."""

    book: tuple[str, bytes]
    number: int
    before: tuple[int, str] | None
    digest: str
    acts: list[Any]


def read_book(
    objects: Mapping[str, bytes], keys: Mapping[str, bytes | None], log: set[str]
) -> tuple[set[int], dict[str, str], list[Any]]:
    """Numbers that count, the code of every other name, and the acts that hold. `keys` has None where the KMS refuses."""
    pages: dict[int, Page] = {}
    codes: dict[str, str] = {}
    for name, data in objects.items():
        try:
            page = _open(name, data, keys.get(name))
        except Refused as refused:
            codes[name] = str(refused.args[0])
        else:
            pages[page.number] = page
    logged = [number for number, page in pages.items() if _entry(page.book[1], number) in log]
    if not logged:
        codes |= {_name(number): "acts-unlogged" for number in pages}
        begun = _leaf(bytes(32), b'{"type":"act_book_begun"}')
        if not objects and begun in log:
            codes["acts/"] = "acts-book-missing"
        return set(), codes, []
    book = pages[max(logged)].book
    codes |= {_name(number): "acts-foreign" for number, page in pages.items() if page.book != book}
    own = {number: page for number, page in pages.items() if page.book == book}
    counting, passed = _down(own, book, log, codes)
    _up(own, counting, codes, passed)
    number = 1
    while number <= max(own) or any(_entry(book[1], found) in log for found in range(number, number + 512)):
        gone = _entry(book[1], number) in log and number not in counting | passed
        if gone and _name(number) not in codes:
            codes[_name(number)] = "acts-missing"
        number += 1
    acts = sorted((act for at in counting for act in own[at].acts), key=lambda act: int(act[0]))
    return counting, codes, acts


def _down(
    own: dict[int, Page], book: tuple[str, bytes], log: set[str], codes: dict[str, str]
) -> tuple[set[int], set[int]]:
    counting: set[int] = set()
    passed: set[int] = set()
    limit = max(own) + 1
    while True:
        starts = [at for at in own if at < limit and _name(at) not in codes and _entry(book[1], at) in log]
        if not starts:
            return counting, passed
        at = max(starts)
        while True:
            counting.add(at)
            limit = at
            before = own[at].before
            if before is None:
                passed |= set(range(1, at))
                return counting, passed
            passed |= set(range(before[0] + 1, at))
            limit = before[0]
            if before[0] not in own:
                break
            if own[before[0]].digest != before[1]:
                codes[_name(before[0])] = "acts-forked"
                break
            at = before[0]


def _up(own: dict[int, Page], counting: set[int], codes: dict[str, str], passed: set[int]) -> None:
    for at in sorted(own):
        if at in counting | passed or _name(at) in codes:
            continue
        top = own[max(counting)]
        if at > top.number and own[at].before == (top.number, top.digest):
            counting.add(at)
        else:
            codes[_name(at)] = "acts-unlogged"


def rows_of(acts: list[Any], keys: Mapping[str, list[str]]) -> Rows:
    """The rows that the acts leave; `keys` are the columns of each table's primary key."""
    rows: Rows = {}
    for _, table, removed, text in acts:
        row = json.loads(text)
        key = (table, json.dumps([row[column] for column in keys[table]]))
        if removed:
            rows.pop(key, None)
        else:
            rows[key] = row
    return rows


def _open(name: str, data: bytes, key: bytes | None) -> Page:
    if not re.fullmatch("acts/[0-9]{12}", name) or int(name[5:]) == 0:
        raise Refused("acts-name")
    if data[:4] != b"NLA1" or len(data) < 30:
        raise Refused("acts-altered")
    book, number = str(UUID(bytes=data[4:20])), int.from_bytes(data[20:28], "big")
    (length,) = struct.unpack(">H", data[28:30])
    kek, at = data[30 : 30 + length], 30 + length
    (length,) = struct.unpack(">H", data[at : at + 2].rjust(2, b"\0"))
    end = at + 2 + length
    if len(data) < end or not re.fullmatch(rb"acts/[0-9]{4}", kek):
        raise Refused("acts-altered")
    if number != int(name[5:]):
        raise Refused("acts-swapped")
    if key is None:
        raise Refused("acts-key-refused")
    try:
        plain = b"".join(read_message(data[end:], key, b"nopluu/acts1\0" + data[:end]))
        page = _page(plain)
    except (Refused, ValueError, KeyError, TypeError) as error:
        raise Refused("acts-altered") from error
    if (page.book[0], page.number) != (book, number):
        raise Refused("acts-altered")
    return page


def _page(plain: bytes) -> Page:
    told = json.loads(plain)
    if json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() != plain:
        raise Refused("not canonical")  # enough where member names are ASCII and numbers are integers
    members = {"format", "book", "secret", "number", "before", "sealed_at", "acts"}
    secret = base64.b64decode(told["secret"], validate=True)
    before = told["before"]
    if set(told) != members or told["format"] != "nopluu/acts1" or len(secret) != 32:
        raise Refused("form")
    numbers = [told["number"], *(act[0] for act in told["acts"]), *([] if before is None else [before["number"]])]
    if any(type(number) is not int or number < 1 for number in numbers):
        raise Refused("number")
    if before is not None and (
        set(before) != {"number", "sha256"} or not re.fullmatch("[0-9a-f]{64}", before["sha256"])
    ):
        raise Refused("before")
    if before is not None and before["number"] >= told["number"]:
        raise Refused("before")
    for act in told["acts"]:
        _, table, removed, row = act
        if not re.fullmatch("[a-z][a-z0-9_]{0,62}", table) or type(removed) is not bool or not isinstance(row, str):
            raise Refused("act")
    named = None if before is None else (before["number"], before["sha256"])
    return Page((told["book"], secret), told["number"], named, hashlib.sha256(plain).hexdigest(), told["acts"])


def _name(number: int) -> str:
    return f"acts/{number:012}"


def _entry(secret: bytes, number: int) -> str:
    salt = hmac.digest(secret, b"nopluu/acts-page1\0" + number.to_bytes(8, "big"), "sha256")
    return _leaf(salt, f'{{"number":{number},"type":"acts_sealed"}}'.encode())


def _leaf(salt: bytes, event: bytes) -> str:
    """The log's entry, which stands under a leaf hash of its own."""
    return hashlib.sha256(b"nopluu/leaf1\0" + salt + event).hexdigest()
