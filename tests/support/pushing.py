"""Watching a push from outside: the package of a clerk's delivery, and how far it has come."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

from deploy.onebox.stack import OneBox
from services.agency import Gateway, Profile
from services.agency.state import State
from services.runtime.object_store.s3 import S3Store
from tests.support.stack import Clerk, eventually


def package_of(clerk: Clerk) -> UUID:
    """The one package that this clerk has declared, waited for."""

    def declared() -> list[str]:
        if not (clerk.state / "state.sqlite").exists():
            return []
        state = State(clerk.state)
        try:
            return [pushed.package for pushed in state.packages()]
        finally:
            state.close()

    [package] = eventually(declared)
    return UUID(package)


def status_of(clerk: Clerk, package: UUID) -> Mapping[str, object]:
    """What the gateway says of it."""
    with Gateway(Profile.load(None, clerk.config), language="en") as gateway:
        return gateway.status(package)


def stored_parts(clerk: Clerk, package: UUID) -> int:
    """How many parts of it are in."""
    count = status_of(clerk, package)["stored_parts"]
    assert isinstance(count, int)
    return count


def settled_parts(box: OneBox, clerk: Clerk, package: UUID) -> int:
    """How many parts are in once no request is in flight any more."""
    eventually(lambda: "nopluu_http_requests_in_flight 0.0" in box.admin("ingest", "/metrics"))
    return stored_parts(clerk, package)


def standing(box: OneBox) -> Mapping[str, Mapping[str, int]]:
    """`nopluu-admin ingest status`: packages by state, attempts that wait to be cleared away."""
    told: Mapping[str, Mapping[str, int]] = json.loads(box.admin_command("ingest", "ingest", "status"))
    return told


async def objects(box: OneBox, prefix: str) -> list[str]:
    """Names in the store."""
    store = S3Store(box.store.settings)
    try:
        return [entry.name async for entry in store.list(prefix)]
    finally:
        await store.close()


def files_with(folder: Path, wanted: bytes) -> list[Path]:
    """Every file under a folder that holds these bytes."""
    found = []
    for path in folder.rglob("*"):
        try:
            if path.is_file() and not path.is_symlink() and wanted in path.read_bytes():
                found.append(path)
        except FileNotFoundError:  # a database's file may go at any moment
            continue
    return found
