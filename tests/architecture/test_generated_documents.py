"""The committed OpenAPI documents and the register of errors are what the code says today."""

from __future__ import annotations

import json

import pytest

from deploy import alerts
from deploy.documents import FOLDER, FRONT, SERVICES, documents, written
from deploy.legal_register import REGISTER, register
from services.kernel.rules.baseline import baseline_rows


@pytest.mark.parametrize("name", [*(f"{service}.json" for service in SERVICES), "errors.md"])
def test_a_committed_document_has_not_drifted(name: str) -> None:
    assert (FOLDER / name).read_text("utf-8") == documents()[name], "run: make openapi"


def test_the_legal_register_names_every_rule_and_its_basis() -> None:
    assert REGISTER.read_text("utf-8") == register(), "run: make openapi"
    rows = [line for line in register().splitlines() if line.startswith("| ") and "LEGAL-" not in line]
    named = {row.split("|")[1].strip() for row in rows}
    assert {str(row["id"]) for row in baseline_rows()} <= named


def test_the_alerts_have_not_drifted() -> None:
    assert alerts.RULES.read_text("utf-8") == alerts.rules(), "run: make openapi"


def test_the_fronts_answers_have_not_drifted() -> None:
    told = {path.name: path.read_text("utf-8") for path in FRONT.iterdir()}
    assert told == {path.name: text for path, text in written().items() if path.parent == FRONT}, "run: make openapi"


@pytest.mark.parametrize("service", SERVICES)
def test_every_operation_says_what_it_is_for_and_how_it_refuses(service: str) -> None:
    described = json.loads((FOLDER / f"{service}.json").read_text("utf-8"))
    assert described["openapi"].startswith("3.1")
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            assert operation.get("summary"), f"{method} {path}"
            assert any(code == "default" or code >= "400" for code in operation["responses"]), f"{method} {path}"
