"""Rule 24: nothing that runs by itself is let near what has a label; only people's scopes can be given a ceiling."""

from __future__ import annotations

from typing import get_type_hints

import pytest
from pydantic import TypeAdapter, ValidationError

from services.catalog.domain.labels import reader_of
from services.catalog.settings import CatalogSettings
from services.kernel.secrecy import Level

PEOPLE = {"submitter": "mat", "archivist": "toi_mat", "incident-officer": "tuyet_mat"}
OTHERS = ("service", "auditor", "supervisor", "custodian", "registrar", "rule-author", "rule-approver")


@pytest.mark.parametrize("scope", OTHERS)
def test_no_scope_of_a_machine_can_be_given_a_ceiling(scope: str) -> None:
    stated: TypeAdapter[dict[str, str]] = TypeAdapter(get_type_hints(CatalogSettings)["reading_ceilings"])
    assert stated.validate_python(PEOPLE) == PEOPLE
    with pytest.raises(ValidationError):
        stated.validate_python(PEOPLE | {scope: "mat"})


@pytest.mark.parametrize("scope", OTHERS)
def test_a_machine_sees_nothing_above_none_whatever_others_may_see(scope: str) -> None:
    ceilings = {name: Level.from_wire(word) for name, word in PEOPLE.items()}
    assert reader_of(frozenset({scope}), frozenset(), ceilings).ceiling is Level.NONE
    assert reader_of(frozenset({"archivist"}), frozenset(), ceilings).ceiling is Level.TOI_MAT
