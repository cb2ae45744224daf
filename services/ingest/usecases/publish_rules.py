"""Publish a bundle of secrecy rules that two officers signed."""

from __future__ import annotations

import asyncio

from services.ingest.usecases.ports import Directory, Ledger, PublishedRules, Rules, RuleStore, World
from services.kernel import dsse
from services.kernel.canonical import canonical, rfc3339
from services.kernel.identifiers import ClientId
from services.kernel.records import OfficerKey
from services.kernel.rules import compile_bundle
from services.kernel.rules.publishing import open_bundle, require_newer


async def publish_rules(
    envelope: bytes, publisher: ClientId, *, ledger: Ledger, directory: Directory, world: World
) -> PublishedRules:
    """Publish a bundle: in force from its first day, at every instance within two seconds; verdicts given keep theirs.

    Before its first day the last good bundle stays; several may wait for theirs. Safe to repeat: the very same version
    with the same content answers as it stands.

    Raises:
        RulesEnvelopeInvalid, RulesUnsigned, RulesSignatureWrong, RulesSignerUnknown, RulesSingleSigned,
        RulesSameOfficer, RulesSignerScope, BundleInvalid: of the envelope and its rows.
        RulesNotNewer: a version that is not greater than every one before it.

    Source: DESIGN 9; DECISION-0019.
    """
    opened = await asyncio.to_thread(open_bundle, envelope, directory.officer_key)
    await asyncio.to_thread(compile_bundle, opened.bundle)  # every row must do what its examples say
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
            standing = await books.rules_of_version(rules.version)
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


async def published_rules(*, ledger: Ledger, rules: RuleStore, world: World) -> list[PublishedRules]:
    """The bundle in force, then those that wait for their first day.

    Raises:
        RulesMissing: none is in force.
    """
    current = await rules.current(fresh=True)
    async with ledger.transaction() as books:
        standing = await books.rules_of_version(current.version)
        waiting = await books.rules_to_come(world.today())
    return [entry for entry in (standing, *waiting) if entry is not None]


def signers_of(rules: Rules, *, directory: Directory) -> dict[str, OfficerKey]:
    """The keys that signed the rules, as they were when these were published."""
    if rules.published_at is None:
        return {}
    found = {
        keyid: directory.officer_key_at(keyid, rules.published_at) for keyid, _ in dsse.parse(rules.envelope).signatures
    }
    return {keyid: key for keyid, key in found.items() if key is not None}
