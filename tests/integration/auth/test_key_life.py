"""The life of keys, as in `tests/unit/auth/test_key_life.py`, on a real PostgreSQL."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from services.auth.adapters.ledger_sql import SqlLedger, SqlRevocations
from services.auth.usecases.ports import Ledger
from services.kernel.identifiers import ClientId
from services.runtime.database import create_engine
from tests.support.key_life import KeyLife
from tests.support.postgres import Database


def test_on_real_rows_too_no_dead_key_gets_in(database: Database) -> None:
    class KeysInPostgres(KeyLife):
        asks_everything = False

        def open_ledger(self) -> Ledger:
            self.engine = create_engine(database.url_for("nopluu_auth"), application_name="test")
            self.rows = SqlRevocations(self.engine)
            return SqlLedger(self.engine)

        async def revoked_by_rows(self, kid: str, client: ClientId) -> bool:
            return await self.rows.is_revoked(kid, client)

        def teardown(self) -> None:
            self.run(self.engine.dispose())
            super().teardown()

    run_state_machine_as_test(
        KeysInPostgres,
        settings=settings(
            max_examples=12, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
