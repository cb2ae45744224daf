"""Situations that rules are asked about, for property tests."""

from __future__ import annotations

from datetime import date

from hypothesis import strategies as st

from services.kernel.rules.situations import Circumstances, PackageSituation, Situation
from services.kernel.secrecy import DeploymentProfile, Extension, Level, Secrecy

DAYS = st.dates(date(1960, 1, 1), date(2060, 12, 31)) | st.sampled_from(
    [date(2016, 2, 29), date(2025, 6, 30), date(2025, 7, 1), date(2026, 2, 28), date(2026, 3, 1), date(2026, 11, 24)]
)
LEVELS = st.none() | st.sampled_from(list(Level))
SECRECIES = st.builds(
    Secrecy,
    level=LEVELS,
    issued_on=st.none() | DAYS,
    classified_on=st.none() | DAYS,
    expires_on=st.none() | DAYS,
    extensions=st.lists(st.builds(Extension, decided_on=DAYS, until=DAYS), max_size=2).map(tuple),
    declassified_on=st.none() | DAYS,
    declassified_by=st.sampled_from(["", "Tỉnh ủy"]),
    declassified_as=st.sampled_from(["", "originator", "successor", "archives_administration"]),
    list_item=st.sampled_from(["", "1630/QĐ-TTg:2.1", "960/QĐ-TTg"]),
    permission=st.sampled_from(["", "12/QĐ"]),
    permission_on=st.none() | DAYS,
    permission_by=st.sampled_from(["", "Chánh Văn phòng"]),
    permission_rank=st.sampled_from(["", "province_leader", "department_head", "commune_leader", "division_head"]),
    copying_forbidden=st.booleans(),
    register_entry=st.sampled_from(["", "45/2026"]),
    capture_network=st.sampled_from(["", "none", "independent_lan", "internet"]),
    copies_allowed=st.integers(0, 3),
    copies_made=st.integers(0, 3),
    stub=st.booleans(),
    paper_location=st.sampled_from(["", "Kho 1"]),
)
CIRCUMSTANCES = st.builds(
    Circumstances,
    today=DAYS,
    deployment=st.sampled_from(list(DeploymentProfile)),
    state_cipher=st.booleans(),
    ceiling=st.sampled_from(list(Level)),
)
PACKAGES = st.builds(
    PackageSituation,
    profile=st.sampled_from(["party", "tt02", "tt05"]),
    dossier=st.none() | SECRECIES,
    dossier_revealing=st.booleans(),
    dossier_access_mode=st.sampled_from(["", "01", "03"]),
    highest=LEVELS,
)
SITUATIONS = st.builds(
    Situation,
    circumstances=CIRCUMSTANCES,
    package=PACKAGES,
    secrecy=SECRECIES,
    revealing=st.booleans(),
    beyond_stub=st.booleans(),
    components=st.integers(0, 2),
    access_mode=st.sampled_from(["", "01", "02", "03"]),
)
