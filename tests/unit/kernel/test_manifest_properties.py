"""Whatever bytes arrive, a manifest comes out or one of four refusals; never anything else, never a false pointer."""

from __future__ import annotations

import json
import unicodedata
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.kernel.manifest import Manifest, component_bound, parse
from services.kernel.manifest.names import fault_of
from services.kernel.refusals import Refusal
from services.kernel.refusals.manifests import ManifestInvalid, ManifestNotJson
from tests.unit.kernel.manifests import bent, component, document, encoded, manifest, stub

BIDI_CONTROLS = frozenset({"LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI"})
SCALARS = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=20)
NAMES = st.sampled_from(
    ["format", "profile", "dossier", "documents", "metadata", "secrecy", "level", "components", "name", "size", "stub"]
) | st.text(max_size=5)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=12
)
SOUND = manifest(document(1), stub(2, issued_on="2020-01-01"), document(3, secrecy={"level": "mat", "extensions": []}))


def _places(value: object, pointer: str = "") -> list[str]:
    found = [pointer] if pointer else []
    if isinstance(value, dict):
        for name, member in value.items():
            found += _places(member, f"{pointer}/{name}")
    elif isinstance(value, list):
        for at, entry in enumerate(value):
            found += _places(entry, f"{pointer}/{at}")
    return found


PLACES = _places(SOUND)


def _resolves(value: Any, pointer: str) -> bool:
    """Whether the pointer names a place of the value, or a member that an object there lacks."""
    steps = pointer.split("/")[1:]
    for at, step in enumerate(steps):
        if isinstance(value, list):
            if not step.isdigit() or int(step) >= len(value):
                return False
            value = value[int(step)]
        elif isinstance(value, dict):
            if step not in value:
                return at == len(steps) - 1
            value = value[step]
        else:
            return False
    return True


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_or_read(data: bytes) -> None:
    try:
        parse(data)
    except (ManifestNotJson, ManifestInvalid):
        return


def _outcome(data: bytes) -> Manifest | Refusal:
    try:
        return parse(data)
    except (ManifestNotJson, ManifestInvalid) as refusal:
        return refusal


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(PLACES), VALUES, st.sampled_from(PLACES), VALUES)
def test_a_bent_manifest_is_read_or_refused_at_places_that_exist(
    first: str, one: object, second: str, other: object
) -> None:
    faulty = bent(SOUND, first, one)
    if second in _places(faulty):
        faulty = bent(faulty, second, other)
    data = json.dumps(faulty).encode()
    outcome = _outcome(data)
    if isinstance(outcome, Refusal):
        assert isinstance(outcome, ManifestNotJson) or outcome.pointers
        assert all(_resolves(faulty, pointer.pointer) for pointer in outcome.pointers)
    else:
        components = sum(len(entry.components) for entry in outcome.documents)
        assert components <= component_bound(data)
        assert len({entry.ordinal for entry in outcome.documents}) == len(faulty["documents"])


@settings(max_examples=500)
@given(st.text("ab./\\: \u202e\u0301\n\u00e9đ", min_size=0, max_size=12) | st.text(max_size=30))
def test_a_name_that_passes_stays_inside_its_folder_on_every_system(name: str) -> None:
    if fault_of(name) is not None:
        return
    assert PurePosixPath(name).as_posix() == name
    assert not PureWindowsPath(name).drive
    assert ".." not in PurePosixPath(name).parts
    assert unicodedata.is_normalized("NFC", name)
    assert not any(unicodedata.category(character) in {"Cc", "Cs"} for character in name)
    assert not any(unicodedata.bidirectional(character) in BIDI_CONTROLS for character in name)


@given(st.lists(st.sampled_from(["a.pdf", "A.pdf", "b/a.pdf", "b/á.pdf"]), max_size=6))
def test_names_are_unique_in_the_whole_manifest(names: list[str]) -> None:
    value = manifest(*(document(at + 1, components=[component(name)]) for at, name in enumerate(names or ["x"])))
    outcome = _outcome(encoded(value))
    if isinstance(outcome, Refusal):
        assert len(outcome.pointers) == len(names) - len(set(names)) > 0
        assert {pointer.code for pointer in outcome.pointers} == {"name-twice"}
    else:
        assert len(set(names)) == len(names)
        folded = len(names) - len({name.casefold() for name in names})
        assert [warning.code for warning in outcome.warnings] == ["name-differs-in-case"] * folded
