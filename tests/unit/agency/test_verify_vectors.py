"""The published receipts: `nopluu verify` gives exactly the code and exit that each vector states."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from services.agency.cli.main import run
from services.kernel.canonical import unb64
from tests.support.log_vectors import FOLDER

CASES = [json.loads(path.read_text(encoding="utf-8")) for path in sorted((FOLDER / "receipts").glob("*.json"))]


@pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in CASES])
def test_a_receipt_is_judged_as_published(
    case: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("receipt", "manifest", "plan"):
        (tmp_path / name).write_bytes(unb64(case[name]))
    (tmp_path / "keys").write_text("\n".join(case["keys"]), encoding="utf-8")
    folder = tmp_path / "files"
    folder.mkdir()
    for name, data in case["files"].items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(unb64(data))
    options = [word for name in ("manifest", "plan", "keys") for word in (f"--{name}", str(tmp_path / name))]
    options += ["--files", str(folder), "--witnesses", str(case["witnesses"]), "--json"]
    assert run(["verify", str(tmp_path / "receipt"), *options]) == case["exit"]
    assert json.loads(capsys.readouterr().out)["code"] == case["code"]
