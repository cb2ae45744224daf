"""Judging 10,000 documents with the full bundle, as a share of the declaration's time.

The declaration is the real use case with the real parser, rules and key wrapping, on rows in memory: PostgreSQL and the
network would only make the share smaller, so what is shown here is its upper bound.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from services.ingest.adapters.judgement import judge_manifest
from services.ingest.usecases.declare_package import declare_package
from services.ingest.usecases.ports import Judged, Rules, Submitter
from services.kernel.canonical import canonical
from services.kernel.identifiers import AgencyId, ClientId, FondsId, PackageId
from services.kernel.layout import MIB
from services.kernel.manifest import Manifest, parse
from services.kernel.rules import baseline_bundle, compile_bundle, load_bundle
from services.kernel.secrecy import DeploymentProfile, Level
from tests.bench.measuring import Comparison, Figure, Timed, compare
from tests.support.ingest_memory import MemoryKeys, MemoryLedger, MovedWorld, OneAgency

DOCUMENTS = 10_000
AGENCY, FONDS = AgencyId(UUID(int=1)), FondsId(UUID(int=2))
BUNDLE = load_bundle(baseline_bundle(1, date(2020, 7, 1)))
RULES = Rules(1, BUNDLE.sha256, BUNDLE.payload, compile_bundle(BUNDLE))
NOW = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)
TODAY, OPEN = date(2026, 11, 24), DeploymentProfile.OPEN


class _Judge:
    """See `usecases.ports.Judge`: here and now."""

    def is_large(self, manifest: bytes) -> bool:
        return False

    async def judge(self, manifest: bytes, rules: Rules, today: date, ceiling: Level) -> Judged:
        return judge_manifest(
            manifest, rules.compiled, rules_sha256=rules.sha256, today=today, deployment=OPEN, ceiling=ceiling
        )


class _Store:
    """See `usecases.ports.RuleStore`."""

    async def current(self, *, fresh: bool = False) -> Rules:
        return RULES


def measure(rounds: int) -> list[Comparison]:
    """Documents a second, and what part of a declaration judging is: every document another situation, then few."""
    alike = _manifest(lambda at: {"level": "none"})
    apart = _manifest(_ended)
    parsed_alike, parsed_apart = parse(alike), parse(apart)

    def judging(manifest: Manifest) -> Callable[[], Timed]:
        def run() -> Timed:
            RULES.compiled.judge(manifest, today=TODAY, deployment=OPEN)
            return Timed(DOCUMENTS)

        return run

    def declaring(manifest: bytes) -> Callable[[], Timed]:
        def run() -> Timed:
            asyncio.run(_declare(manifest))
            return Timed(DOCUMENTS)

        return run

    def parsing() -> Timed:
        parse(apart)
        return Timed(DOCUMENTS)

    speeds = compare(
        f"Judging {DOCUMENTS:,} documents by {len(BUNDLE.rules)} rules",
        "documents/s",
        {
            "declaration, each document another": declaring(apart),
            "declaration, documents alike": declaring(alike),
            "parsing alone": parsing,
            "judging, each document another": judging(parsed_apart),
            "judging, documents alike": judging(parsed_alike),
        },
        rounds=rounds,
        others={},
    )
    of = {figure.name: figure for figure in speeds.figures}

    def share(kind: str) -> Figure:
        whole, part = of[f"declaration, {kind}"], of[f"judging, {kind}"]
        values = tuple(100 * one / other for one, other in zip(whole.values, part.values, strict=True))
        return Figure(kind, values)

    shares = Comparison(
        "Judging as a share of a declaration's time (upper bound: rows in memory)",
        "percent",
        (share("each document another"), share("documents alike")),
    )
    return [speeds, shares]


def _ended(at: int) -> dict[str, object]:
    """Declassified by its date, each on another day: every document is judged for itself."""
    return {"level": "mat", "issued_on": (date(1980, 1, 1) + timedelta(days=at)).isoformat()}


def _manifest(secrecy: Callable[[int], dict[str, object]]) -> bytes:
    return canonical(
        {
            "format": "nopluu/manifest1",
            "profile": "party",
            "fonds": "P012",
            "creator": "H47.12",
            "submitter": "H47.12",
            "dossier": {"metadata": {"dossier_code": "P012.01.001", "retention": "Vĩnh viễn", "title": "Hồ sơ"}},
            "documents": [
                {
                    "ordinal": at + 1,
                    "metadata": {"issued_on": "03/01/2008", "subject": f"Kết luận số {at}", "type_name": "Thông báo"},
                    "secrecy": secrecy(at),
                    "components": [
                        {
                            "name": f"P012/001/{at}.pdf",
                            "media_type": "application/pdf",
                            "size": 1000 + at,
                            "sha256": hashlib.sha256(str(at).encode()).hexdigest(),
                        }
                    ],
                }
                for at in range(DOCUMENTS)
            ],
        }
    )


async def _declare(manifest: bytes) -> None:
    world = MovedWorld(NOW)
    await declare_package(
        manifest,
        MIB,
        Submitter(ClientId(UUID(int=3)), AGENCY),
        package_id=PackageId(world.new_id()),
        ledger=MemoryLedger(),
        judge=_Judge(),
        rules=_Store(),
        directory=OneAgency(AGENCY, FONDS),
        keys=MemoryKeys(),
        world=world,
    )
