"""What a draft of rules would have said of the declarations of the last months; nothing is changed or kept."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Final

from services.ingest.usecases.holdings import Holding, Holdings, effects_of
from services.ingest.usecases.ports import Ceilings, Judge, Rules, Verdict
from services.kernel.identifiers import PackageId
from services.kernel.refusals import Refusal
from services.kernel.rules import compile_bundle, load_bundle
from services.kernel.vietnam import VIETNAM, day_in_vietnam

PAGE: Final = 20  # packages an answer
PAGE_BYTES: Final = 8 * 1024 * 1024  # of manifests an answer, but at least one package
SHOWN: Final = 100  # documents of one package that an answer lists


@dataclass(frozen=True, slots=True)
class Verdicts:
    """One document's effect and rules as they were and as they would be. `document` counts from 0."""

    document: int
    was: str
    was_rules: tuple[str, ...]
    would: str
    would_rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChangedPackage:
    """A package some of whose verdicts would change; `more` counts changed documents that are not listed."""

    package: PackageId
    declared_on: date
    documents: tuple[Verdicts, ...]
    more: int


@dataclass(frozen=True, slots=True)
class WhatIf:
    """One page. `unreadable` counts manifests that can no longer be judged, `refused` packages of which none is kept."""

    bundle_sha256: bytes
    packages: int
    unreadable: int
    refused: int
    changed: tuple[ChangedPackage, ...]
    after: PackageId | None


async def what_if(
    draft: bytes, since: date, after: PackageId | None, *, holdings: Holdings, judge: Judge, ceilings: Ceilings
) -> WhatIf:
    """Judge a page of what was declared from `since` on, each package as of the day of its declaration.

    The agency's ceiling is the one known at that moment, whatever was decided since.

    `draft` is a bundle's canonical payload; it need not be signed or be newer. A verdict changes where its effect or its
    rules do.

    Raises:
        BundleInvalid: of the draft.
        RegistryStale

    Source: DESIGN 9; DECISION-0019, DECISION-0024.
    """
    bundle = load_bundle(draft)
    compiled = await asyncio.to_thread(compile_bundle, bundle)
    rules = Rules(bundle.version, bundle.sha256, draft, compiled)
    moment = datetime.combine(since, time(), VIETNAM)
    page = await holdings.page(after, PAGE + 1, since=moment)
    held = _head(page)
    changed: list[ChangedPackage] = []
    unreadable = 0
    for entry in held:
        ceiling = ceilings.ceiling_at(entry.agency, entry.declared_at)
        try:
            judged = await judge.judge(
                await holdings.manifest(entry.package), rules, day_in_vietnam(entry.declared_at), ceiling
            )
        except Refusal:
            unreadable += 1
            continue
        found = _changed(entry, judged.verdicts)
        if found is not None:
            changed.append(found)
    return WhatIf(
        bundle_sha256=bundle.sha256,
        packages=len(held),
        unreadable=unreadable,
        refused=await holdings.refused_since(moment) if after is None else 0,
        changed=tuple(changed),
        after=held[-1].package if len(held) < len(page) else None,
    )


def _head(page: list[Holding]) -> list[Holding]:
    """As many of the first as one answer may cost: at least one."""
    head: list[Holding] = []
    for entry in page[:PAGE]:
        if head and sum(held.size for held in [*head, entry]) > PAGE_BYTES:
            break
        head.append(entry)
    return head


def _changed(held: Holding, verdicts: tuple[Verdict, ...]) -> ChangedPackage | None:
    before, after = effects_of(held.verdicts), effects_of(verdicts)
    found: list[Verdicts] = []
    for document in sorted({*before, *after}):
        was, would = before.get(document), after.get(document)
        change = Verdicts(document, *_said(was), *_said(would))
        if (change.was, sorted(change.was_rules)) != (change.would, sorted(change.would_rules)):
            found.append(change)
    if not found:
        return None
    return ChangedPackage(
        held.package, day_in_vietnam(held.declared_at), tuple(found[:SHOWN]), max(0, len(found) - SHOWN)
    )


def _said(verdict: Verdict | None) -> tuple[str, tuple[str, ...]]:
    return ("admit", ()) if verdict is None else (verdict.effect, verdict.rules)
