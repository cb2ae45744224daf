"""The golden act books: two readers that share no code agree on every one, on its pages, its codes and its rows."""

from __future__ import annotations

import base64
import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from services.kernel.sealing.act_book import ActPage, page_name
from services.kernel.sealing.act_pages import (
    PageFacts,
    book_entry,
    book_of,
    judge_pages,
    opened_page,
    page_entry,
    page_header_of,
    page_number_of,
)
from services.kernel.sealing.recovered import RecordFault
from services.kernel.sealing.recovery_words import WORDS
from tests.support.acts_decoder import read_book, rows_of
from tests.support.acts_vectors import BOOK, FOLDER, OTHER, Vector, chain, ref, step, told, vectors

Told = dict[str, Any]
FILES: Final = sorted(FOLDER.glob("*.json"))


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def vector(request: pytest.FixtureRequest) -> Told:
    path: Path = request.param
    found: Told = json.loads(path.read_text("utf-8"))
    found["objects"] = {name: base64.b64decode(data) for name, data in found["objects"].items()}
    found["keys"] = {name: None if key is None else bytes.fromhex(key) for name, key in found["keys"].items()}
    return found


def compare(vector: Told, counting: set[int], refused: dict[str, str], acts: list[Any]) -> None:
    assert refused == vector["refused"]
    assert sorted(counting) == vector["counting"]
    rows = [[table, row] for (table, _), row in sorted(rows_of(acts, vector["primary_keys"]).items())]
    assert rows == vector["rows"]
    assert vector["valid"] is not bool(refused)


def test_the_second_decoder_agrees(vector: Told) -> None:
    compare(vector, *read_book(vector["objects"], vector["keys"], set(vector["log"])))


def ours(vector: Told) -> tuple[set[int], dict[str, str], list[Any]]:
    """What the gateway's reader makes of a store and a log."""
    log = {bytes.fromhex(entry) for entry in vector["log"]}
    refused: dict[str, str] = {}
    pages: dict[int, PageFacts] = {}
    whole: dict[int, ActPage] = {}
    for name, data in vector["objects"].items():
        try:
            page_number_of(name)
            header, key = page_header_of(name, data), vector["keys"][name]
            if key is None:
                raise RecordFault("acts-key-refused")
            page, facts = opened_page(header, data, key)
        except RecordFault as fault:
            refused[name] = fault.code
        else:
            pages[facts.number], whole[facts.number] = facts, page
    logged = {number for number, facts in pages.items() if page_entry(facts.book, number) in log}
    book = book_of(pages, logged, admit_unlogged=False)
    leaves = set() if book is None else {number for number in range(1, 1000) if page_entry(book, number) in log}
    failed = {page_number_of(name) for name in refused if len(name) == len("acts/") + 12}
    judged = judge_pages(pages, book, leaves, begun=book_entry() in log, failed=failed)
    refused |= {found.name: found.code for found in judged.refused}
    assert set(refused.values()) <= set(WORDS)
    acts = [[act.id, act.table, act.removed, act.row] for at in judged.believed for act in whole[at].acts]
    return set(judged.believed), refused, sorted(acts, key=lambda act: int(act[0]))


def test_the_gateways_reader_agrees(vector: Told) -> None:
    compare(vector, *ours(vector))


@pytest.mark.parametrize("seed", range(300))
def test_both_readers_agree_on_any_store(seed: int) -> None:
    """A book of nine pages, its log cut off anywhere, and a store that hides, forks, swaps and adds as it likes."""
    chance = random.Random(seed)  # noqa: S311 - the same stores on each run
    made, logged = Vector("any"), chance.randint(0, 9)
    own, other = chain(last=9), chain(OTHER, 9)
    gap = chance.choice([0, 0, chance.randint(2, 8)])
    if gap:  # lost and given up: the page behind says that it follows the one before
        own[gap] = replace(own[gap], before=ref(own[gap - 2]))
        for at in range(gap + 1, 9):
            own[at] = replace(own[at], before=ref(own[at - 1]))
    for page in own:
        if page.number != gap or chance.random() < 0.3:
            made.put(page)
    made.log = [book_entry(), *(page_entry(BOOK, number) for number in range(1, logged + 1))]
    for _ in range(chance.randint(0, 3)):
        number, turn = chance.randint(1, 9), chance.randint(0, 4)
        if turn == 0:
            made.objects.pop(page_name(number), None)
        elif turn == 1:
            made.put(other[number - 1])
        elif turn == 2:
            made.put(replace(own[number - 1], acts=[step(99, number)]))
        elif turn == 3:
            made.put(own[number - 1], number=chance.randint(1, 12))
        else:
            made.keys[page_name(number)] = None
    log = {entry.hex() for entry in made.log}
    assert ours({"objects": made.objects, "keys": made.keys, "log": sorted(log)}) == read_book(
        made.objects, made.keys, log
    )


@pytest.mark.parametrize("made", list(vectors()), ids=lambda made: made.name)
def test_the_files_are_what_the_generator_says(made: Vector) -> None:
    """All but the sealed bytes, whose salts are drawn anew."""
    kept = json.loads((FOLDER / f"{made.name}.json").read_text("utf-8"))
    now = json.loads(json.dumps(told(made)))
    assert {name: kept[name] for name in kept if name != "objects"} == {
        name: now[name] for name in now if name != "objects"
    }
    assert set(kept["objects"]) == set(now["objects"])


def test_every_code_of_a_page_has_a_vector() -> None:
    found = {code for path in FILES for code in json.loads(path.read_text("utf-8"))["refused"].values()}
    assert found == {code for code in WORDS if code.startswith("acts-")}


def test_no_number_is_used_twice_although_its_page_does_not_count() -> None:
    made = chain(last=8)
    pages = {page.number: PageFacts(BOOK, ref(page), page.before, 0) for page in made if page.number != 7}
    judged = judge_pages(pages, BOOK, set(range(1, 8)), begun=True)
    assert [(found.name, found.code) for found in judged.refused] == [
        (page_name(7), "acts-missing"),
        (page_name(8), "acts-unlogged"),
    ]
    assert (judged.newest, judged.highest) == (pages[6], 8)
