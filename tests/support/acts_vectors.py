"""The golden vectors of the act book, for whoever writes a reader of their own.

`python -m tests.support.acts_vectors` writes `tests/vectors/acts/` anew. Every message has a salt drawn inside the library,
so a second run gives other files that are as good; the committed ones stay. `README.md` beside them says what each member means.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from services.kernel.canonical import b64, canonical
from services.kernel.sealing.act_book import (
    Act,
    ActPage,
    Book,
    PageHeader,
    PageRef,
    acts_kek,
    page_name,
    seal_page,
)
from services.kernel.sealing.act_pages import book_entry, page_entry

FOLDER: Final = Path(__file__).parents[1] / "vectors" / "acts"
BOOK: Final = Book(UUID("01900000-0000-7000-8000-0000000000b1"), hashlib.sha256(b"nopluu acts vector secret").digest())
OTHER: Final = Book(UUID("01900000-0000-7000-8000-0000000000b2"), hashlib.sha256(b"nopluu acts vector other").digest())
SEALED_AT: Final = datetime(2026, 11, 25, 6, 0, 0, 123456, tzinfo=UTC)
KEYS: Final[Mapping[str, list[str]]] = {"hold": ["id"], "incident_step": ["incident", "number"]}
HOLD: Final = "01900000-0000-7000-8000-00000000c001"
LIFTED: Final = "01900000-0000-7000-8000-00000000c002"


def hold(id_: int, hold_id: str = HOLD, lifted_at: str | None = None) -> Act:
    """A hold as it stands."""
    row = {"id": hold_id, "placed_at": "2026-11-25T05:00:00.5+00:00", "lifted_at": lifted_at}
    return Act(id_, "hold", False, json.dumps(row))


def step(id_: int, number: int, *, removed: bool = False) -> Act:
    """A step of one incident."""
    key = {"incident": HOLD, "number": number}
    facts = {} if removed else {"facts": {"place": "Phòng số hóa, tầng 2"}, "bundle_sha256": "\\x00ff"}
    return Act(id_, "incident_step", removed, json.dumps(key | facts, ensure_ascii=False))


@dataclass
class Vector:
    """A store as it gives its pages out, the log, and what is to be made of both."""

    name: str
    reason: str = ""
    objects: dict[str, bytes] = field(default_factory=dict)
    keys: dict[str, bytes | None] = field(default_factory=dict)
    log: list[bytes] = field(default_factory=list)
    counting: Sequence[int] = ()
    refused: dict[str, str] = field(default_factory=dict)
    pages: dict[int, ActPage] = field(default_factory=dict)

    def put(self, page: ActPage, *, plain: bytes | None = None, number: int | None = None, **head: Any) -> None:
        """Seal a page, or `plain` in its place, under its number's name or another's."""
        key = hashlib.sha256(f"nopluu acts vector key {page.number}".encode()).digest()
        at = page.number if number is None else number
        header = replace(PageHeader(page.book.id, page.number, acts_kek(2026), b"\0\0\0\1" + key[:8]), **head)
        self.objects[page_name(at)] = seal_page(page.build() if plain is None else plain, key, header)
        self.keys[page_name(at)] = key
        self.pages[at] = page


def ref(page: ActPage) -> PageRef:
    """How the next page names this one."""
    return PageRef(page.number, hashlib.sha256(page.build()).digest())


def chain(book: Book = BOOK, last: int = 4) -> list[ActPage]:
    """Pages 1 to `last`; the last act about a row stands before an older one of it, and one row is removed."""
    acts = [
        [hold(3), step(1, 1), step(2, 2)],
        [hold(7, LIFTED, "2026-11-25T06:00:00+00:00")],
        [hold(6, LIFTED), step(8, 3)],
    ]
    acts += [[step(9, 2, removed=True)]] + [[step(number, number)] for number in range(10, 10 + last)]
    pages: list[ActPage] = []
    for number in range(1, last + 1):
        before = ref(pages[-1]) if pages else None
        pages.append(ActPage(book, number, before, SEALED_AT, sorted(acts[number - 1], key=lambda act: act.id)))
    return pages


def sound(name: str, reason: str = "", *, last: int = 4, logged: int | None = None) -> Vector:
    """A book of which everything is true."""
    made = Vector(name, reason, counting=range(1, last + 1))
    for page in chain(last=last):
        made.put(page)
    made.log = [book_entry(), *(page_entry(BOOK, number) for number in range(1, (logged or last) + 1))]
    return made


def vectors() -> Iterator[Vector]:
    """All of them."""
    yield sound("sound")
    yield Vector("empty", "no book was ever begun")
    yield sound("unlogged-tail", "the last two pages are not in the log yet", last=6, logged=4)
    given_up = sound("loss-accepted", "page 5 was lost; page 6 says that it follows page 4")
    four = given_up.pages[4]
    given_up.put(ActPage(BOOK, 6, ref(four), SEALED_AT, [step(20, 9)]))
    given_up.log += [page_entry(BOOK, 5), page_entry(BOOK, 6)]
    given_up.counting = [1, 2, 3, 4, 6]
    yield given_up
    yield from (*_hidden(), *_altered(), *_foreign())


def _hidden() -> Iterator[Vector]:
    for name, gone in (("hidden-newest", [4]), ("hidden-middle", [2]), ("hidden-first", [1]), ("hidden-two", [3, 4])):
        made = sound(name, "the store gives no such page")
        for number in gone:
            del made.objects[page_name(number)]
        made.counting = [number for number in made.counting if number not in gone]
        made.refused = dict.fromkeys(map(page_name, gone), "acts-missing")
        yield made
    made = sound("hidden-book", "the store gives no page at all")
    made.objects.clear()
    made.counting, made.refused = [], {"acts/": "acts-book-missing"}
    yield made


def _altered() -> Iterator[Vector]:
    def flip(at: int) -> Callable[[bytes], bytes]:
        return lambda data: data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]

    changes: dict[str, tuple[str, Callable[[bytes], bytes], str]] = {
        "bad-magic": ("the first byte", flip(0), "acts-altered"),
        "changed-book": ("a byte of the book's id in the head", flip(12), "acts-altered"),
        "changed-number": ("a byte of the number in the head", flip(26), "acts-swapped"),
        "changed-kek": ("a letter of the KEK's name", flip(33), "acts-altered"),
        "changed-wrapped": ("a byte of the wrapped key", flip(52), "acts-altered"),
        "changed-salt": ("a byte of the message's salt", flip(55), "acts-altered"),
        "changed-tag": ("the last byte", flip(-1 % 10**9), "acts-altered"),
        "truncated": ("the last 16 bytes are missing", lambda data: data[:-16], "acts-altered"),
        "appended": ("one byte more", lambda data: data + b"\0", "acts-altered"),
        "cut-head": ("only 29 bytes", lambda data: data[:29], "acts-altered"),
        "nothing": ("no bytes", lambda _: b"", "acts-altered"),
    }
    for name, (reason, change, code) in changes.items():
        made = sound(name, reason)
        data = made.objects[page_name(3)]
        made.objects[page_name(3)] = data[:-1] + bytes([data[-1] ^ 1]) if name == "changed-tag" else change(data)
        made.counting, made.refused = [1, 2, 4], {page_name(3): code}
        yield made
    refused = sound("key-refused", "the KMS does not open the page's key")
    refused.keys[page_name(3)] = None
    refused.counting, refused.refused = [1, 2, 4], {page_name(3): "acts-key-refused"}
    yield refused
    yield from _malformed()


def _malformed() -> Iterator[Vector]:
    """Pages that are sealed as they should be, over what is no page."""
    page = chain()[3]
    value = json.loads(page.build())
    before = value["before"]
    act = value["acts"][0]
    plains: dict[str, tuple[str, bytes]] = {
        "not-json": ("not JSON", b"acts"),
        "not-canonical": ("a space after a colon", page.build().replace(b'":', b'": ', 1)),
        "other-format": ("another format", canonical(value | {"format": "nopluu/acts2"})),
        "member-more": ("a member more", canonical(value | {"more": 1})),
        "member-less": ("a member less", canonical({name: value[name] for name in value if name != "sealed_at"})),
        "short-secret": ("a secret of 31 bytes", canonical(value | {"secret": b64(BOOK.secret[1:])})),
        "other-number": ("another number than the head's", canonical(value | {"number": 5})),
        "other-book": ("another book than the head's", canonical(value | {"book": str(OTHER.id)})),
        "follows-itself": ("it follows itself", canonical(value | {"before": before | {"number": 4}})),
        "short-digest": (
            "a digest of 31 bytes",
            canonical(value | {"before": before | {"sha256": before["sha256"][2:]}}),
        ),
        "act-zero": ("an act with the id 0", canonical(value | {"acts": [[0, *act[1:]]]})),
        "act-true": ("an act with the id true", canonical(value | {"acts": [[True, *act[1:]]]})),
        "act-table": ("a table with a capital", canonical(value | {"acts": [[act[0], "Hold", *act[2:]]]})),
        "act-flag": ("removed is a number", canonical(value | {"acts": [[*act[:2], 1, act[3]]]})),
        "act-row": ("a row that is no text", canonical(value | {"acts": [[*act[:3], {}]]})),
        "act-long": ("an act of five members", canonical(value | {"acts": [[*act, 1]]})),
    }
    for name, (reason, plain) in plains.items():
        made = sound(name, reason)
        made.put(page, plain=plain)
        made.counting, made.refused = [1, 2, 3], {page_name(4): "acts-altered"}
        yield made


def _foreign() -> Iterator[Vector]:
    swapped = sound("swapped", "pages 2 and 3 under each other's names")
    two, three = page_name(2), page_name(3)
    swapped.objects[two], swapped.objects[three] = swapped.objects[three], swapped.objects[two]
    swapped.keys[two], swapped.keys[three] = swapped.keys[three], swapped.keys[two]
    swapped.counting, swapped.refused = [1, 4], {two: "acts-swapped", three: "acts-swapped"}
    yield swapped
    named = sound("bad-name", "a number of 13 digits")
    named.objects["acts/0000000000005"] = named.objects[page_name(4)]
    named.refused = {"acts/0000000000005": "acts-name"}
    yield named
    for name, number in (("foreign-middle", 2), ("foreign-later", 5)):
        made = sound(name, "a page of another deployment that shares the KMS")
        made.put(chain(OTHER, 5)[number - 1])
        made.counting = [at for at in made.counting if at != number]
        made.refused = {page_name(number): "acts-foreign"}
        yield made
    all_of_it = sound("foreign-book", "all pages are another deployment's that shares the KMS")
    for page in chain(OTHER):
        all_of_it.put(page)
    all_of_it.counting, all_of_it.refused = [], dict.fromkeys(all_of_it.objects, "acts-unlogged")
    yield all_of_it
    forked = sound("forked", "page 3 is not the one that page 4 follows: the book was continued twice")
    forked.put(replace(forked.pages[3], acts=[step(30, 7)]))
    forked.counting, forked.refused = [1, 2, 4], {page_name(3): "acts-forked"}
    yield forked
    loose = sound("unlogged-loose", "page 5 is not in the log and follows another page 4")
    loose.put(ActPage(BOOK, 5, PageRef(4, bytes(32)), SEALED_AT, [step(31, 7)]))
    loose.refused = {page_name(5): "acts-unlogged"}
    yield loose


def told(vector: Vector) -> dict[str, Any]:
    """A vector as its file says it."""
    rows: dict[tuple[str, str], Any] = {}
    counted = sorted((act for at in vector.counting for act in vector.pages[at].acts), key=lambda act: act.id)
    for act in counted:
        row = json.loads(act.row)
        key = (act.table, json.dumps([row[column] for column in KEYS[act.table]]))
        rows.pop(key, None)
        if not act.removed:
            rows[key] = row
    return {
        "valid": not vector.refused,
        "reason": vector.reason,
        "objects": {name: b64(data) for name, data in sorted(vector.objects.items())},
        "keys": {name: None if key is None else key.hex() for name, key in sorted(vector.keys.items())},
        "log": [entry.hex() for entry in vector.log],
        "primary_keys": dict(KEYS),
        "counting": list(vector.counting),
        "refused": dict(sorted(vector.refused.items())),
        "rows": [[table, row] for (table, _), row in sorted(rows.items(), key=lambda found: found[0])],
    }


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for made in vectors():
        text = json.dumps(told(made), indent=1, ensure_ascii=False, sort_keys=True)
        (FOLDER / f"{made.name}.json").write_text(text + "\n", encoding="utf-8")
