"""`nopluu-admin` as the operator runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from migrations.run import newest
from services.runtime import admin_commands
from services.runtime.admin_commands import create_commands
from tests.support.postgres import Database


def test_migrate_brings_an_empty_database_to_the_newest_schema_from_any_folder(
    empty_database: Database, tmp_path: Path
) -> None:
    (tmp_path / "url").write_text(empty_database.admin_url + "\n", encoding="utf-8")
    command = [str(Path(sys.executable).with_name("nopluu-admin")), "migrate", "--url-file", "url"]
    for _ in range(2):
        ran = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True, text=True, env=os.environ)
        assert ran.stdout.split() == [newest()]
    with psycopg.connect(empty_database.url_for("nopluu_ingest")) as connection:
        assert connection.execute("SELECT count(*) FROM package").fetchone() == (0,)


def test_a_service_that_is_not_installed_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin_commands, "find_spec", lambda module: None)
    told = CliRunner().invoke(create_commands(), ["--help"])
    assert told.exit_code == 0
    assert "migrate" in told.stdout


def test_every_installed_service_brings_its_commands() -> None:
    told = CliRunner().invoke(create_commands(), ["auth", "--help"])
    assert told.exit_code == 0
    assert "bootstrap" in told.stdout
