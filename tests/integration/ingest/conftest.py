"""Ingest on a real PostgreSQL, rules published."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.ingest import Ingest, ingest
from tests.support.postgres import Database


@pytest.fixture
async def gateway(database: Database, tmp_path: Path) -> AsyncIterator[Ingest]:
    async with ingest(database, tmp_path) as made:
        published = await made.publish_rules()
        assert published.status == 201, published.body
        yield made
