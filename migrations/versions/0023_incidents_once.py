"""What the rules find is one incident: of one cause once, and of the same document for the same rules once.

The lock that openings take says so already; these indexes say it to whatever writes without that lock. A document of -1
is the whole package, for NULLs would be distinct.

Revision ID: 0023
Revises: 0020
"""

from alembic import op

revision = "0023"
down_revision = "0020"
branch_labels = None
depends_on = None

_INDEXES = """
CREATE UNIQUE INDEX incident_of_cause ON ingest.incident (package, coalesce(document, -1), bundle_sha256)
    WHERE bundle_sha256 IS NOT NULL;
CREATE UNIQUE INDEX incident_of_rules ON ingest.incident (package, coalesce(document, -1), rules)
    WHERE source = 'rule' AND kind = 'rules-changed';
"""


def upgrade() -> None:
    op.execute(_INDEXES)


def downgrade() -> None:
    raise RuntimeError("an archive's rows are never dropped by a migration")
