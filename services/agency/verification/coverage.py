"""Which components of a manifest a deposit holds.

The event names ids in manifest order, the manifest names files. Where the deposit holds all of them the two lists run
side by side. Where it does not (a document was withheld or held back), the plan's lengths tell which ones, if only one
choice fits.

Source: FORMATS "Event", "Manifest", "Plan".
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from services.agency.verification.outcome import Failed
from services.kernel import strict_json
from services.kernel.layout import Plan

_MAX_MANIFEST = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Named:
    """A component as the manifest describes it."""

    name: str
    size: int
    sha256: bytes


def components_of(manifest: bytes) -> list[Named]:
    """The manifest's components in order. Only what a proof needs is read: profiles change, old manifests do not.

    Raises:
        Failed: `manifest-form`.
    """
    try:
        value = strict_json.parse(manifest, max_bytes=_MAX_MANIFEST)
    except strict_json.StrictJsonError as error:
        raise Failed("manifest-form", error.reason) from error
    match value:
        case {"documents": list(documents)}:
            found = [_component(entry) for document in documents for entry in _components(document)]
        case _:
            raise Failed("manifest-form", "/documents")
    names = {component.name for component in found}
    if len(names) != len(found):
        raise Failed("manifest-form", "a name stands twice")
    return found


def covered(ids: Sequence[UUID], components: Sequence[Named], plan: Plan | None) -> list[int] | None:
    """The positions in the manifest of the components with these ids; None where several choices fit.

    Raises:
        Failed: none fits.
    """
    if len(ids) > len(components):
        raise Failed("components-exceed-manifest", f"{len(ids)} > {len(components)}")
    lengths: dict[UUID, int] = {}
    if plan is not None:
        lengths = {component.id: component.length for component in plan.components}
        if [id_ for id_ in ids if id_ in lengths] != [component.id for component in plan.components]:
            raise Failed("plan-contradiction")
    wanted = [lengths.get(id_) for id_ in ids]
    sizes = [component.size for component in components]
    first = _embed(wanted, sizes)
    if first is None:
        raise Failed("plan-contradiction")
    last = _embed(wanted[::-1], sizes[::-1])
    if last is None or first != [len(sizes) - 1 - position for position in reversed(last)]:
        return None
    return first


def _embed(wanted: Sequence[int | None], sizes: Sequence[int]) -> list[int] | None:
    """The leftmost positions at which the wanted sizes (None: any) stand in order."""
    positions: list[int] = []
    at = 0
    for size in wanted:
        while at < len(sizes) and size is not None and sizes[at] != size:
            at += 1
        if at == len(sizes):
            return None
        positions.append(at)
        at += 1
    return positions


def _components(document: object) -> list[object]:
    match document:
        case {"components": list(components)}:
            return components
        case dict():
            return []  # a stub has none
        case _:
            raise Failed("manifest-form", "/documents")


def _component(entry: object) -> Named:
    match entry:
        case {"name": str(name), "size": int(size), "sha256": str(digest)} if size >= 0 and not isinstance(size, bool):
            if not _is_name(name):
                raise Failed("manifest-form", "name")
            try:
                sha256 = bytes.fromhex(digest)
            except ValueError as error:
                raise Failed("manifest-form", "sha256") from error
            if len(sha256) == 32 and sha256.hex() == digest:
                return Named(name, size, sha256)
    raise Failed("manifest-form", "components")


def _is_name(name: str) -> bool:
    parts = name.split("/")
    return unicodedata.is_normalized("NFC", name) and all(
        part not in ("", ".", "..") and not any(unicodedata.category(character) == "Cc" for character in part)
        for part in parts
    )


def outside(files: Mapping[str, object], components: Sequence[Named]) -> list[str]:
    """The files that the manifest does not name."""
    named = {component.name for component in components}
    return sorted(name for name in files if name not in named)
