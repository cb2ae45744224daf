"""Promise: two rebuilds never work on one database at once; the second one says so and has begun nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from services.runtime.database import create_engine
from services.runtime.one_at_a_time import AlreadyRunning, alone
from services.runtime.rebuild_report import REFUSED, RUNNING
from tests.support.postgres import Database


async def test_the_name_is_one_session_s_until_it_ends(database: Database) -> None:
    one = create_engine(database.admin_url, application_name="one")
    other = create_engine(database.admin_url, application_name="other")
    try:
        async with alone(one, "rebuild"):
            with pytest.raises(AlreadyRunning):
                async with alone(other, "rebuild"):
                    pytest.fail("two at once")
            async with alone(other, "something-else"):
                pass
        async with alone(other, "rebuild"):
            pass
    finally:
        await one.dispose()
        await other.dispose()


@pytest.mark.parametrize("service", ["ingest", "catalog"])
def test_the_second_rebuild_says_so(database: Database, tmp_path: Path, service: str) -> None:
    def file(name: str, content: str) -> str:
        path = tmp_path / name
        path.write_text(content, encoding="utf-8")
        return str(path)

    url = file("owner.url", database.admin_url)
    environment = {
        "NOPLUU_MIGRATE_URL_FILE": url,
        "NOPLUU_ENVIRONMENT": "development",
        "NOPLUU_SECRECY_PROFILE": "open",
        "NOPLUU_DATABASE_URL_FILE": file("service.url", database.url_for(f"nopluu_{service}")),
        "NOPLUU_KEYRING_FILE": str(tmp_path / "keyring.json"),
        "NOPLUU_STORE_ENDPOINT": "http://127.0.0.1:1",
        "NOPLUU_STORE_BUCKET": "nowhere",
        "NOPLUU_STORE_ACCESS_KEY_FILE": file("access", "a"),
        "NOPLUU_STORE_SECRET_KEY_FILE": file("secret", "s"),
        "NOPLUU_LISTEN": "unix:/nowhere",
        "NOPLUU_ADMIN_LISTEN": "127.0.0.1:0",
        "NOPLUU_AUDIENCE": "nopluu",
        "NOPLUU_GRANT_KEY_FILE": file("grant.pem", ""),
        **{f"NOPLUU_{name}ORIGIN": "https://x.example" for name in ("", "AUTH_", "INGEST_", "CATALOG_")},
    }
    with psycopg.connect(database.admin_url) as connection:
        connection.execute("SELECT pg_advisory_lock(hashtextextended('nopluu.rebuild', 0))")
        done = subprocess.run(
            [str(Path(sys.executable).with_name("nopluu-admin")), service, "rebuild"],
            env={"PATH": os.environ["PATH"], **environment},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
    assert (done.returncode, RUNNING.vi in done.stderr) == (REFUSED, True), done.stderr
    assert RUNNING.en in done.stderr
