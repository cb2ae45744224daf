"""The house rules hold in the tree, and each of them finds what it is for."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from tests.architecture.house_rules import RULES, breaches

ROOT = Path(__file__).parents[2]

PLANTED = [
    ("ambient_clock", "services/kernel/a.py", '"""Doc."""\nfrom datetime import datetime\nx = datetime.now()\n'),
    ("ambient_clock", "services/ingest/usecases/a.py", '"""Doc."""\nimport time\nx = time.time()\n'),
    ("ambient_chance", "services/kernel/a.py", '"""Doc."""\nimport os\nx = os.urandom(16)\n'),
    ("request_url", "services/ingest/api/a.py", '"""Doc."""\ndef f(request): return request.url\n'),
    ("star_import", "services/kernel/a.py", '"""Doc."""\nfrom os import *\n'),
    ("nameless_module", "services/runtime/utils.py", '"""Doc."""\n'),
    ("no_module_docstring", "services/runtime/a.py", "x = 1\n"),
    ("unfinished", "services/runtime/a.py", '"""Doc."""\ndef f(): raise NotImplementedError("later")\n'),
]


@pytest.mark.parametrize(("rule", "path", "source"), PLANTED)
def test_a_rule_finds_its_fault(rule: str, path: str, source: str) -> None:
    assert rule in {breach.rule for breach in breaches(PurePosixPath(path), source)}


def test_every_rule_has_a_planted_fault() -> None:
    assert {rule.__name__ for rule in RULES} == {rule for rule, _, _ in PLANTED}


def test_the_tree_keeps_the_house_rules() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{breach.line} {breach.rule}"
        for folder in ("services", "deploy", "migrations")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for breach in breaches(PurePosixPath(path.relative_to(ROOT).as_posix()), path.read_text("utf-8"))
    ]
    assert found == []
