"""Bring a database to the newest schema: `migrate(url)`, `nopluu-admin migrate`."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

FOLDER = Path(__file__).parent


def configuration(url: str) -> Config:
    """Alembic's configuration, without a file; `url` is a libpq URI of the schemas' owner."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = url
    return config


def migrate(url: str, revision: str = "head") -> None:
    """Apply what is missing, each migration in its own transaction; safe to repeat and to run on several machines.

    The role in `url` owns the schemas and may create roles.
    """
    command.upgrade(configuration(url), revision)


def newest() -> str:
    """The newest revision that this code knows.

    Raises:
        RuntimeError: there is not exactly one.
    """
    heads = ScriptDirectory.from_config(configuration("")).get_heads()
    if len(heads) != 1:
        raise RuntimeError(f"the migrations have {len(heads)} heads")
    return heads[0]
