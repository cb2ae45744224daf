"""Rows of package keys by the thousand, each with a key that a test knows, written past the declaration."""

from __future__ import annotations

from uuid import UUID, uuid4

import psycopg

from services.kernel.sealing.keys import KeyManagement

_PACKAGE = """
INSERT INTO ingest.package (id, chain, version, agency, client, fonds, state, manifest_sha256, rules_sha256, part_size,
    part_count, payload_size, component_count, stored_parts, declared_at, expires_at, verdicts, not_planned, warnings,
    levels)
SELECT id, id, 1, id, id, id, 'abandoned', '\\x00', '\\x00', 1048576, 0, 0, 0, 0, now(), now(), '[]', '[]', '[]', '[]'
  FROM unnest(%s::uuid[]) AS id
"""


async def fill(admin_url: str, kms: KeyManagement, kek: str, count: int) -> dict[UUID, bytes]:
    """`count` packages with one package key each; the key of every hundredth, as it must open ever after."""
    made = {uuid4(): await kms.generate(kek) for _ in range(count)}
    with psycopg.connect(admin_url) as owner:
        owner.execute(_PACKAGE, (list(made),))
        with (
            owner.cursor() as cursor,
            cursor.copy("COPY ingest.package_key (package, level, kek, wrapped) FROM STDIN") as copy,
        ):
            for package, (_, wrapped) in made.items():
                copy.write_row((package, 0, kek, wrapped))
    return {package: key for number, (package, (key, _)) in enumerate(made.items()) if number % 100 == 0}


def rows(admin_url: str) -> dict[UUID, bytes]:
    """Every wrapped package key."""
    with psycopg.connect(admin_url) as owner:
        return dict(owner.execute("SELECT package, wrapped FROM ingest.package_key").fetchall())
