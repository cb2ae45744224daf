"""What the gateway would refuse is found before anything leaves, and what is in doubt leaves only as a stub."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.agency.delivery import Delivery, Document, Dossier, Origin
from services.agency.manifests import manifest_of
from services.agency.preparing import prepare
from services.agency.sheets.paths import DiskFile
from services.kernel.manifest import parse
from services.kernel.rules import baseline_bundle, compile_bundle, load_bundle
from services.kernel.secrecy import DeploymentProfile, Effect

TODAY = date(2026, 11, 24)
OPEN, LAN = DeploymentProfile.OPEN, DeploymentProfile.INDEPENDENT_LAN
RULES = compile_bundle(load_bundle(baseline_bundle(1, TODAY)))
COLUMNS = {"subject": "AA", "secrecy": "AH", "path": "AQ"}


def _delivery(
    *secrecies: dict[str, object], metadata: dict[str, object] | None = None, **of_dossier: object
) -> Delivery:
    documents = [
        Document(
            at,
            {"subject": "Trích yếu"} if metadata is None else dict(metadata),
            dict(secrecy),
            [DiskFile(f"{at}.pdf", Path(f"{at}.pdf"), 3)],
            Origin("MLHS", 4 + at, COLUMNS),
        )
        for at, secrecy in enumerate(secrecies, 1)
    ]
    secrecy = of_dossier.get("secrecy")
    dossier = Dossier(
        "d",
        "party",
        str(of_dossier.get("fonds", "P012")),
        "H47",
        {"title": "Hồ sơ"},
        secrecy if isinstance(secrecy, dict) else None,
        documents,
        Origin("MLHS", 5, {"title": "K"}),
    )
    return Delivery(Path("x.xlsx"), Path(), [dossier])


def _found(delivery: Delivery, deployment: DeploymentProfile = OPEN) -> list[tuple[str, str, str]]:
    prepare(delivery, deployment=deployment, today=TODAY)
    return [(finding.place, finding.code, finding.severity) for finding in delivery.findings]


@pytest.mark.parametrize(
    ("secrecy", "rule"),
    [
        ({"level": "mat", "issued_on": "2018-01-01", "classified_on": "2015-01-01"}, "16"),
        ({"level": "mat", "issued_on": "2020-01-01", "declassified": {"on": "2024-01-01", "authority": "?"}}, "19"),
        (
            {
                "level": "mat",
                "issued_on": "2005-01-01",
                "extensions": [{"decided_on": "2016-01-01", "until": "2020-01-01"}],
            },
            "18",
        ),
        ({"level": "mat", "expires_on": "2020-01-01"}, "15"),
    ],
)
def test_what_is_in_doubt_leaves_only_as_a_stub(secrecy: dict[str, object], rule: str) -> None:
    delivery = _delivery({"level": "none"}, secrecy)
    assert ("MLHS!AH6", "secrecy-stub-only", "error") in _found(delivery)
    [doubtful] = [finding for finding in delivery.findings if finding.code == "secrecy-stub-only"]
    assert rule in doubtful.rules
    assert not doubtful.blocks
    kept, stub = delivery.dossiers[0].documents
    assert kept.files
    assert (stub.metadata, stub.files, stub.secrecy["stub"]) == ({}, [], True)


def test_faults_of_the_manifest_stand_at_their_cells() -> None:
    delivery = _delivery(
        {"level": "none", "issued_on": "3/1/2008"}, {"level": "none"}, metadata={"subject": "x" * 4001}
    )
    found = _found(delivery)
    assert found == [
        ("MLHS!AA5", "text-too-long", "error"),
        ("MLHS!AH5", "iso-date-invalid", "error"),
        ("MLHS!AA6", "text-too-long", "error"),
    ]
    assert len(delivery.errors) == 3


def test_a_contradiction_is_told_and_not_resolved() -> None:
    found = _found(_delivery({"level": "none"}, metadata={"subject": "x", "access_mode": "Mật"}))
    assert found == [("MLHS!AH5", "rule-held", "warning")]


def test_a_dossier_with_a_label_is_told_once() -> None:
    delivery = _delivery({"level": "none"}, {"level": "none"}, secrecy={"level": "mat", "issued_on": "2020-01-01"})
    assert _found(delivery) == [("MLHS!5", "rule", "error")]


def test_an_unknown_level_blocks() -> None:
    assert _found(_delivery({"level": "bí mật"})) == [("MLHS!AH5", "rule", "error")]


def test_on_an_independent_lan_top_secret_is_still_only_a_stub_and_the_rest_needs_its_permission() -> None:
    delivery = _delivery({"level": "tuyet_mat", "issued_on": "2020-01-01"}, {"level": "mat", "issued_on": "2020-01-01"})
    assert _found(delivery, LAN) == [("MLHS!AH5", "secrecy-stub-only", "error"), ("MLHS!AH6", "rule", "error")]
    assert [bool(document.files) for document in delivery.dossiers[0].documents] == [False, True]


def test_a_value_json_cannot_carry_is_told() -> None:
    for value in (1.5, 2**70, "\ud800"):
        [(place, _, severity)] = _found(_delivery({"level": "none"}, metadata={"subject": "x", "other": value}))
        assert (place, severity) == ("MLHS!5", "error")


DAYS = st.dates(date(1980, 1, 1), date(2040, 1, 1)).map(date.isoformat)
SECRECIES = st.fixed_dictionaries(
    {"level": st.sampled_from(["none", "mat", "toi_mat", "tuyet_mat"])},
    optional={
        "issued_on": DAYS,
        "classified_on": DAYS,
        "expires_on": DAYS,
        "extensions": st.lists(st.fixed_dictionaries({"decided_on": DAYS, "until": DAYS}), max_size=2),
        "declassified": st.fixed_dictionaries(
            {"on": DAYS, "authority": st.just("A")}, optional={"relation": st.sampled_from(["originator", "successor"])}
        ),
    },
)


@settings(max_examples=200, deadline=None)
@given(st.lists(SECRECIES, min_size=1, max_size=4))
def test_nothing_the_agency_prepares_for_an_open_gateway_is_refused_or_reported(
    secrecies: list[dict[str, object]],
) -> None:
    delivery = _delivery(*secrecies)
    prepare(delivery, deployment=OPEN, today=TODAY)
    assert delivery.errors == []
    manifest = parse(manifest_of(delivery.dossiers[0], submitter="H47", digests={}))
    for verdict in RULES.judge(manifest, today=TODAY, deployment=OPEN):
        assert verdict.effect < Effect.REFUSE
        assert not verdict.report
