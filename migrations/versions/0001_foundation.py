"""Foundation: login roles, schemas, queues.

Each service logs in with its own role, which owns nothing: it has rights on rows, never on tables. Names without a
schema lead to the service's own schema, then to its own queue. Authentication is the operator's (peer, certificate, or
a password set outside the migrations): no password is made here. Roles belong to the whole cluster and may exist.

Revision ID: 0001
Revises:
"""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SERVICES = ("auth", "ingest", "catalog", "journal")
QUEUES = ("ingest", "catalog")
# procrastinate 3.10's own schema, frozen: a later version of the library comes with its own migration here.
QUEUE_SCHEMA = Path(__file__).parents[1] / "queue_3_10.sql"


def _role(service: str) -> str:
    path = f"{service}, {service}_queue" if service in QUEUES else service
    return f"""
DO $role$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'nopluu_{service}') THEN
        CREATE ROLE nopluu_{service} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT NOREPLICATION NOBYPASSRLS;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN
        NULL;  -- another database of the cluster is being migrated at this moment
END
$role$;
ALTER ROLE nopluu_{service} SET search_path = {path};
ALTER ROLE nopluu_{service} SET statement_timeout = '60s';
ALTER ROLE nopluu_{service} SET lock_timeout = '10s';
ALTER ROLE nopluu_{service} SET idle_in_transaction_session_timeout = '60s';
"""


def _schema(service: str) -> str:
    return f"""
CREATE SCHEMA {service};
GRANT USAGE ON SCHEMA {service} TO nopluu_{service};
"""


def _queue(service: str) -> str:
    return f"""
GRANT USAGE ON SCHEMA {service}_queue TO nopluu_{service};
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {service}_queue TO nopluu_{service};
GRANT USAGE ON ALL SEQUENCES IN SCHEMA {service}_queue TO nopluu_{service};
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA {service}_queue FROM PUBLIC;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA {service}_queue TO nopluu_{service};
RESET search_path;
"""


def upgrade() -> None:
    connection = op.get_bind().execution_options(no_parameters=True)
    connection.exec_driver_sql("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    for service in SERVICES:
        connection.exec_driver_sql(_role(service))
        connection.exec_driver_sql(_schema(service))
    for service in QUEUES:
        connection.exec_driver_sql(f"CREATE SCHEMA {service}_queue; SET LOCAL search_path = {service}_queue")
        connection.exec_driver_sql(QUEUE_SCHEMA.read_text(encoding="utf-8"))
        connection.exec_driver_sql(_queue(service))


def downgrade() -> None:
    raise RuntimeError("an archive's rows are never dropped by a migration")
