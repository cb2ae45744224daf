"""The profiles' data: complete, without contradiction, and read alike by agency and gateway."""

from __future__ import annotations

import re

import pytest

from services.agency.delivery import PROFILES
from services.agency.profile_lists import vocabulary
from services.agency.sheets.columns import layout
from services.kernel.folding import fold
from services.kernel.profiles import NAMES, FieldKind, Part, profile

PARTS = [(name, part) for name in NAMES for part in (profile(name).dossier, profile(name).document)]


def test_agency_and_gateway_know_the_same_profiles() -> None:
    assert sorted(PROFILES) == sorted(NAMES)
    with pytest.raises(KeyError):
        profile("../party")


@pytest.mark.parametrize(("name", "part"), PARTS)
def test_conditions_speak_of_fields_and_values_that_exist(name: str, part: Part) -> None:
    for field in part.fields:
        for condition in (field.required_if, field.required_unless):
            if condition is None:
                continue
            other = part.by_wire[condition.wire]
            assert other.kind is FieldKind.FLAG or condition.values <= other.codes.keys()
        assert not (field.reveals and field.in_stub), "a stub would say what it is about"
        assert field.pattern is None or re.compile(field.pattern)
        assert field.length is None or field.length > 0


@pytest.mark.parametrize("name", NAMES)
def test_each_profile_has_what_rules_and_catalog_ask_of_it(name: str) -> None:
    chosen = profile(name)
    assert {
        "title",
        "dossier_code",
        "retention",
        "start_date",
        "end_date",
        "document_count",
    } <= chosen.dossier.by_name.keys()
    assert {"subject", "issued_on", "issuer", "notation", "type_name", "access_mode"} <= chosen.document.by_name.keys()
    assert chosen.dossier.by_name["title"].reveals
    assert chosen.document.by_name["subject"].reveals
    assert set(chosen.access_modes.values()) == {"01", "02", "03"}
    assert chosen.access_modes[fold("MẬT")] == "03"
    assert chosen.source


def test_wire_names_are_those_of_the_circulars() -> None:
    assert profile("tt02").document.wire("subject") == "Subject"
    assert profile("tt05").document.wire("archive_number") == "docCode"
    assert profile("tt02").dossier.by_wire["FileCode"].length == 60
    assert profile("tt05").dossier.by_wire["maintenance"].codes["01"] == "Vĩnh viễn"
    assert len(profile("tt05").document.by_wire["typeName"].codes) == 32


def test_what_no_text_was_seen_for_is_marked() -> None:
    assert all(
        field.doubtful
        for field in profile("tt02").dossier.fields
        if field.length is not None and field.kind is FieldKind.TEXT
    )


def test_every_column_of_the_party_sheet_is_a_field_of_the_profile() -> None:
    chosen = profile("party")
    for entry in layout("party-flat").fields:
        if entry.wire:
            part = chosen.dossier if entry.belongs == "dossier" else chosen.document
            assert entry.wire in part.by_wire, entry.wire


def test_the_agency_s_lists_lead_to_the_gateway_s_codes() -> None:
    lists = vocabulary("tt05").lists
    assert lists["dossier", "maintenance"].find("vinh  vien") == "01"
    assert lists["dossier", "maintenance"].find("01") == "01"
    assert lists["document", "typeName"].find("Công văn") == "22"
    assert vocabulary("party").lists["document", "type_name"].find("BAO CAO") == "Báo cáo"
    assert vocabulary("tt05").lengths["document", "subject"] == 500


@pytest.mark.parametrize(
    ("metadata", "reveals"),
    [
        ({}, False),
        ({"subject": " ", "other": {}}, False),
        ({"issued_on": "03/01/2008", "original_location": "Kho 1"}, False),
        ({"subject": "x"}, True),
        ({"keyword": "x"}, True),
        ({"tên lạ": "x"}, True),
        ({"other": {"Cột": "x"}}, True),
    ],
)
def test_a_field_nobody_knows_may_say_what_the_record_is_about(metadata: dict[str, object], reveals: bool) -> None:
    assert profile("party").document.reveals(metadata) is reveals
