"""Put a sealed package on the shelves: its manifest is fetched, checked against the seal, and described."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from uuid import UUID

from services.catalog.domain.description import Deposit, Description, deposit_of, describe
from services.catalog.usecases.ports import Ledger, Manifests, World
from services.kernel import manifest as manifests_of_agencies
from services.kernel.classification.message import ClassificationChanged
from services.kernel.messages import PackageSealed


async def register_package(message: UUID, *, ledger: Ledger, manifests: Manifests, world: World) -> None:
    """Register what a kept message tells of; a message that is done, or a package that stands, is left alone.

    The digest is checked before a word of the manifest is believed. One transaction makes the package's rows, takes
    the version it supersedes out of the search, hides what an officer holds of it and closes the message.

    Raises:
        ManifestAway: to be tried again.
        SealUnfit, ManifestInvalid: the seal and the manifest do not agree: an operator must look.
    """
    async with ledger.keeping() as desk:
        body = await desk.open_message(message)
    if body is None:
        return
    deposit = await asyncio.to_thread(lambda: deposit_of(PackageSealed.parse(body)))
    while True:
        async with ledger.keeping() as desk:
            labels = await desk.labels(deposit.package)
        described = replace(deposit, classified=labels)
        description = await _described(described, manifests)
        async with ledger.keeping() as desk:
            await desk.alone_with(deposit.chain)
            if await desk.labels(deposit.package) != labels:
                continue  # a step arrived meanwhile: nothing may be shelved under a label of before
            if not await desk.has_package(deposit.package):
                await desk.shelve(description, world.now())
                await desk.settle_holds(deposit.package)
            await desk.close_message(message, world.now())
        return


async def relabel_package(message: UUID, *, ledger: Ledger, manifests: Manifests, world: World) -> None:
    """Give the records of a kept message their labels, with the words that these let show.

    A package that is not registered yet gets them when it is. Safe to repeat, and in any order: what counts is the
    last message, whichever is worked on.

    Raises:
        ManifestAway: to be tried again.
    """
    async with ledger.keeping() as desk:
        body = await desk.open_message(message)
        if body is None:
            return
        package = ClassificationChanged.parse(body).package
        deposit = await desk.deposit(package)
    description = None if deposit is None else await _described(deposit, manifests)
    async with ledger.keeping() as desk:
        if deposit is not None and description is not None:
            await desk.alone_with(deposit.chain)
            if await desk.labels(package) == deposit.classified:
                await desk.relabel(description, sorted(deposit.classified))
                await desk.settle_holds(package)
        await desk.close_message(message, world.now())


async def reindex_package(deposit: Deposit, *, ledger: Ledger, manifests: Manifests, world: World) -> None:
    """Describe a registered package anew, from ingest's manifest; ids stay as they are. Safe to repeat."""
    description = await _described(deposit, manifests)
    async with ledger.keeping() as desk:
        await desk.alone_with(deposit.chain)
        await desk.clear(deposit.package)
        await desk.shelve(description, world.now())
        await desk.settle_holds(deposit.package)


async def _described(deposit: Deposit, manifests: Manifests) -> Description:
    """A manifest may have 100,000 components: it is read and folded beside the event loop."""
    data = await manifests.fetch(deposit.manifest_sha256)
    return await asyncio.to_thread(lambda: describe(deposit, manifests_of_agencies.parse(data)))
