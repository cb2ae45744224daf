"""Judge what is held by the rules in force, after they were published and their first day has come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from services.ingest.usecases.holdings import Holding, Holdings, Rejudged, Rejudging, effects_of
from services.ingest.usecases.ports import Ceilings, IncidentOpener, Judge, Rules, RuleStore, World
from services.ingest.usecases.restate_holding import manifest_on
from services.kernel.refusals import Refusal
from services.kernel.refusals.packages import DeclarationLost, RulesMissing
from services.kernel.refusals.platform import RegistryStale
from services.kernel.secrecy import Effect, Level

BATCH: Final = 20  # packages between two standings: so much is judged again after a crash
LATE: Final = timedelta(minutes=20)
"""So long after a new bundle a declaration may still be judged by the one before: a large manifest takes minutes."""
UNREADABLE: Final = "unreadable"  # in the place of a rule's id where a kept manifest can no longer be read


async def rejudge_holdings(
    *, rules: RuleStore, holdings: Holdings, judge: Judge, ceilings: Ceilings, world: World
) -> int:
    """Judge every holding once by the bundle in force and keep what is now secret; returns how many were found.

    Runs in batches and goes on where it stopped; safe to repeat at any time. Holdings are judged as of today,
    by the secrecy that the steps of their classification have given them. A second, short sweep takes what was declared by the older bundle while the first one ran.

    An agency's ceiling is the one by which the holding was declared: one that was lowered since keeps nothing back here.
    A document is found where the rules now hold it back, withhold it or refuse it, and did so less when it was declared.
    """
    try:
        current = await rules.current(fresh=True)
    except (RulesMissing, RegistryStale):
        return 0
    standing = await holdings.begin(current.sha256, current.version, world.now())
    found = 0
    while standing.ended_at is None:
        since = None if standing.swept_at is None else standing.begun_at - LATE
        if standing.swept_at is not None and world.now() < standing.begun_at + LATE:
            return found  # a later run ends it
        page = await holdings.page(standing.after, BATCH, since=since, not_by=current.sha256)
        if page:
            try:
                allowed = [ceilings.ceiling_at(held.agency, held.declared_at) for held in page]
            except RegistryStale:
                return found  # a later run goes on here
            news = [
                finding
                for held, ceiling in zip(page, allowed, strict=True)
                for finding in await _findings(held, current, ceiling, holdings, judge, world)
            ]
            standing = replace(standing, after=page[-1].package)
        else:
            news = []
            standing = _swept(standing, world)
        await holdings.advance(standing, len(page), news, world.now())
        found += len(news)
        if (await rules.current()).sha256 != current.sha256:
            return found  # newer rules judge everything anew
    return found


async def hand_on_findings(*, holdings: Holdings, opener: IncidentOpener, world: World) -> int:
    """Open an incident for every finding that has none; returns how many."""
    count = 0
    while waiting := await holdings.waiting(BATCH):
        for finding in waiting:
            await opener.open_by_rule(
                finding.package, finding.document, rules=finding.rules, bundle_sha256=finding.bundle_sha256
            )
            await holdings.handed_on(finding, world.now())
            count += 1
    return count


def _swept(standing: Rejudging, world: World) -> Rejudging:
    if standing.swept_at is None:
        return replace(standing, after=None, swept_at=world.now())
    return replace(standing, ended_at=world.now())


async def _findings(
    held: Holding, rules: Rules, ceiling: Level, holdings: Holdings, judge: Judge, world: World
) -> Sequence[Rejudged]:
    before = effects_of(held.verdicts)
    try:
        today = world.today()
        judged = await judge.judge(await manifest_on(held.package, today, holdings=holdings), rules, today, ceiling)
    except DeclarationLost:
        raise  # the child died: the job is run again
    except Refusal:
        # What is held was read once; if it cannot be judged now, a person must look. No error ever admits.
        was = max((Effect.from_wire(verdict.effect) for verdict in held.verdicts), default=Effect.ADMIT)
        return [Rejudged(held.package, 0, rules.sha256, was, Effect.QUARANTINE, report=True, rules=(UNREADABLE,))]
    found: list[Rejudged] = []
    for document, verdict in effects_of(judged.verdicts).items():
        was = Effect.from_wire(before[document].effect) if document in before else Effect.ADMIT
        effect = Effect.from_wire(verdict.effect)
        if effect >= Effect.WITHHOLD and effect > was:
            found.append(
                Rejudged(held.package, document, rules.sha256, was, effect, report=verdict.report, rules=verdict.rules)
            )
    return found
