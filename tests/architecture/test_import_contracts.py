"""The tree's import contracts hold, and each of them bites when it is broken."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINT = Path(sys.executable).parent / "lint-imports"

# contract, file to plant, its text
VIOLATIONS = [
    ("services never meet; kernel is the floor", "services/kernel/planted.py", "from services.runtime import nonces\n"),
    (
        "services never meet; kernel is the floor",
        "services/catalog/domain/planted.py",
        "from services.ingest.domain import states\n",
    ),
    ("services never meet; kernel is the floor", "services/planted.py", ""),
    (
        "imports point inwards",
        "services/ingest/domain/planted.py",
        "from services.ingest.usecases import ports\n",
    ),
    (
        "imports point inwards",
        "services/ingest/usecases/planted.py",
        "from services.ingest.adapters import tables\n",
    ),
    ("imports point inwards", "services/auth/planted.py", ""),
    ("the core does no I/O", "services/kernel/planted.py", "import sqlalchemy\n"),
    ("the core does no I/O", "services/ingest/usecases/planted.py", "from services.runtime import nonces\n"),
    ("the core does no I/O", "services/catalog/domain/planted.py", "import pydantic\n"),
    ("the agency's tool runs without a gateway", "services/agency/planted.py", "import fastapi\n"),
    ("the agency's tool runs without a gateway", "services/agency/planted.py", "from services.runtime import nonces\n"),
]


def lint(tree: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [LINT, "--config", "pyproject.toml", "--no-cache"],
        cwd=tree,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(tree), "PATH": "/usr/bin:/bin"},
        timeout=100,
    )


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("tree")
    shutil.copytree(ROOT / "services", copy / "services", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    return copy


def test_the_tree_keeps_its_contracts(tree: Path) -> None:
    result = lint(tree)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(("contract", "path", "text"), VIOLATIONS)
def test_a_planted_violation_breaks_its_contract(tree: Path, contract: str, path: str, text: str) -> None:
    planted = tree / path
    planted.write_text(text)
    try:
        result = lint(tree)
    finally:
        planted.unlink()
    said = result.stdout + result.stderr
    assert result.returncode != 0
    assert f"{contract} BROKEN" in said or "planted" in said
