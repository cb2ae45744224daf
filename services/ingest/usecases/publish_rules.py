"""Publish a bundle of secrecy rules that two officers signed."""

from __future__ import annotations

import asyncio

from services.ingest.usecases.ports import Directory, Ledger, PublishedRules, World
from services.kernel.canonical import canonical, rfc3339
from services.kernel.identifiers import ClientId
from services.kernel.refusals.packages import RulesMissing
from services.kernel.rules import compile_bundle
from services.kernel.rules.publishing import open_bundle, require_in_force, require_newer


async def publish_rules(
    envelope: bytes, publisher: ClientId, *, ledger: Ledger, directory: Directory, world: World
) -> PublishedRules:
    """Put a bundle in force, at every instance within two seconds; verdicts given before keep theirs.

    Safe to repeat: the very same version with the same content answers as it stands.

    Raises:
        RulesEnvelopeInvalid, RulesUnsigned, RulesSignatureWrong, RulesSignerUnknown, RulesSingleSigned,
        RulesSameOfficer, RulesSignerScope, BundleInvalid: of the envelope and its rows.
        RulesNotNewer: a version that is not greater than every one before it.
        RulesNotInForce: before its first day.

    Source: DESIGN 9.
    """
    opened = await asyncio.to_thread(open_bundle, envelope, directory.officer_key)
    await asyncio.to_thread(compile_bundle, opened.bundle)  # every row must do what its examples say
    require_in_force(opened.bundle, world.today())
    rules = PublishedRules(
        version=opened.bundle.version,
        sha256=opened.bundle.sha256,
        envelope=envelope,
        effective_from=opened.bundle.effective_from,
        published_at=world.now(),
    )
    async with ledger.transaction() as books:
        newest = await books.newest_rules_version()
        if newest == rules.version:
            standing = await books.rules_in_force(world.today())
            if standing is not None and (standing.version, standing.sha256) == (rules.version, rules.sha256):
                return standing
        require_newer(opened.bundle, newest or None)
        await books.add_rules(rules, publisher)
        await books.journal(
            canonical(
                {
                    "type": "rules_published",
                    "version": rules.version,
                    "bundle_sha256": rules.sha256.hex(),
                    "effective_from": rules.effective_from.isoformat(),
                    "author": str(opened.author.client),
                    "approver": str(opened.approver.client),
                    "published_by": str(publisher),
                    "published_at": rfc3339(rules.published_at),
                }
            )
        )
    return rules


async def rules_in_force(*, ledger: Ledger, world: World) -> PublishedRules:
    """The signed bundle by which manifests are judged today.

    Raises:
        RulesMissing: none.
    """
    async with ledger.transaction() as books:
        published = await books.rules_in_force(world.today())
    if published is None:
        raise RulesMissing
    return published
