"""Kill -9 of the custodian's process while it erases: the next one finishes, and no neighbour loses a byte."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest

from deploy.onebox.clients import Client
from deploy.onebox.postgres import OWNER
from deploy.onebox.stack import OneBox
from services.ingest.adapters.vault_s3 import part_key
from services.kernel.identifiers import AttemptId
from services.runtime.object_store.port import VersionEntry
from services.runtime.object_store.s3 import S3Store
from tests.support.deliveries import Synthetic, make_delivery
from tests.support.pushing import package_of
from tests.support.stack import Clerk, eventually

FILES = 8


@pytest.fixture
def delivery(tmp_path: Path) -> Synthetic:
    return make_delivery(tmp_path / "delivery", files=FILES, size=1_500_000, seed=random.getrandbits(30))


@dataclass(frozen=True)
class Seen:
    """One version of a part's object in the store."""

    entry: VersionEntry
    held: bool


def objects_of(box: OneBox, package: UUID) -> frozenset[str]:
    """The names of a package's parts: what other tests of this run left in the store is none of this one's."""
    with psycopg.connect(box.postgres.url_for(OWNER)) as owner:
        rows = owner.execute("SELECT attempt FROM ingest.part WHERE package = %s", [package])
        return frozenset(part_key(AttemptId(attempt)) for (attempt,) in rows.fetchall())


async def versions(box: OneBox, package: UUID) -> list[Seen]:
    names = objects_of(box, package)
    async with S3Store(box.store.custody) as store:
        found = [entry async for entry in store.versions("parts/") if entry.name in names]
        return [Seen(entry, not entry.marker and await store.is_held(entry.name, entry.version_id)) for entry in found]


def all_held(box: OneBox, package: UUID) -> bool:
    seen = asyncio.run(versions(box, package))
    return bool(seen) and all(entry.held for entry in seen)


def test_the_custodian_killed_again_and_again_finishes(box: OneBox, clerk: Clerk, delivery: Synthetic) -> None:
    chance = random.Random(random.getrandbits(32))  # noqa: S311 - another moment in each run, by pytest's seed
    assert clerk("push", delivery.folder, "--part-size", "1", "--json").code == 0
    package = package_of(clerk)
    eventually(lambda: all_held(box, package), seconds=90)
    ingest = box.origins.origin("ingest")
    with Client(box.profile("agency")) as agency, Client(box.profile("custodian")) as custodian:
        plan = agency.get(f"{ingest}/v1/packages/{package}/plan")["components"]
        assert isinstance(plan, list)
        components = [str(entry[0]) for entry in plan]
        gone, orders = components[::2], []
        for component in gone:
            order = f"{ingest}/v1/erasures/{uuid4()}"
            custodian.put(order, _order(package, component))
            orders.append(order)
            if chance.random() < 0.75:
                process = box.child("ingest-custodian").process
                process.kill()
                process.wait()
                box.restart("ingest-custodian")

        def finished() -> bool:
            return all(custodian.get(order)["state"] == "finished" for order in orders)

        eventually(finished, seconds=180, pause=0.5)
    seen = asyncio.run(versions(box, package))
    names = [entry.entry.name for entry in seen]
    assert len(names) == len(set(names)), "an older version, or a stray copy, is left"
    assert all(entry.held for entry in seen)
    assert _read_back(box, clerk, components, gone, delivery)


def _order(package: UUID, component: str) -> Mapping[str, object]:
    return {"kind": "expulsion", "package": str(package), "components": [component], "instrument": "12/QĐ-UBND"}


def _read_back(box: OneBox, clerk: Clerk, components: list[str], gone: list[str], delivery: Synthetic) -> bool:
    """Every component that was not erased reads as it was sent; every erased one is absent."""
    catalog = box.origins.origin("catalog")
    sent = {path.read_bytes() for path in delivery.files}
    read: set[bytes] = set()
    with Client(box.profile("agency")) as agency:
        for component in components:
            address = f"{catalog}/v1/components/{component}"
            if component in gone:  # catalog offers it no more, once ingest's message has reached it
                assert eventually(partial(_absent, agency, address)), component
            else:
                status, body = _opened(agency, address)
                assert status == 200
                read.add(body)
    return read <= sent and len(read) == len(components) - len(gone)


def _absent(agency: Client, url: str) -> bool:
    return agency.ask("GET", url).status == 404


def _opened(agency: Client, url: str) -> tuple[int, bytes]:
    """Status and body behind catalog's redirect, once the catalog knows the component."""

    def redirected() -> str | None:
        answer = agency.ask("GET", url)
        return answer.headers["location"] if answer.status == 307 else None

    answer = agency.ask("GET", eventually(redirected) or "")
    return answer.status, answer.body if answer.status == 200 else b""
