"""From a manifest's bytes and compiled rules to everything that a declaration stores; no I/O, and no text is kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from services.ingest.usecases.ports import Judged, JudgedComponent, Verdict
from services.kernel.manifest import Manifest, ManifestDocument, parse
from services.kernel.rules import CompiledBundle, DocumentVerdict
from services.kernel.secrecy import DeploymentProfile, Effect, Level

_HELD = frozenset({Effect.WITHHOLD, Effect.QUARANTINE})
"""Of these documents no byte is planned; a later release arrives by a superseding version (DESIGN 9)."""


def judge_manifest(
    data: bytes,
    compiled: CompiledBundle,
    *,
    rules_sha256: bytes,
    today: date,
    deployment: DeploymentProfile,
    ceiling: Level,
) -> Judged:
    """Parse and judge; `ceiling` is that of the agency that hands it in.

    Raises:
        ManifestTooLarge, ManifestTooComplex, ManifestNotJson, ManifestInvalid.
    """
    manifest = parse(data)
    verdicts = compiled.judge(manifest, today=today, deployment=deployment, ceiling=ceiling)
    levels = [_level(document, verdict, today) for document, verdict in zip(manifest.documents, verdicts, strict=True)]
    return Judged(
        manifest_sha256=manifest.sha256,
        rules_sha256=rules_sha256,
        profile=manifest.profile,
        fonds=manifest.fonds,
        creator=manifest.creator,
        submitter=manifest.submitter,
        supersedes=manifest.supersedes,
        components=tuple(_components(manifest, verdicts, levels)),
        not_planned=tuple((_pointer(entry), entry.effect.wire) for entry in verdicts if entry.effect in _HELD),
        verdicts=tuple(_verdict(entry) for entry in verdicts if entry.rules or entry.report),
        refused=any(entry.effect is Effect.REFUSE for entry in verdicts),
        warnings=tuple((entry.pointer, entry.code, entry.detail.vi, entry.detail.en) for entry in manifest.warnings),
        levels=tuple((index, level) for index, level in enumerate(levels) if level is not Level.NONE),
    )


def _components(
    manifest: Manifest, verdicts: Sequence[DocumentVerdict], levels: Sequence[Level]
) -> Iterator[JudgedComponent]:
    for number, (document, verdict) in enumerate(zip(manifest.documents, verdicts, strict=True)):
        if verdict.effect in _HELD:
            continue
        for index, component in enumerate(document.components):
            yield JudgedComponent(
                document=number,
                index=index,
                name=component.name,
                media_type=component.media_type,
                size=component.size,
                sha256=component.sha256,
                level=levels[number],
            )


def _level(document: ManifestDocument, verdict: DocumentVerdict, today: date) -> Level:
    """The label a document gets: none once its protection has ended, unless that is just what an officer must decide."""
    stated = document.secrecy.level
    if stated is None:
        return Level.TUYET_MAT
    if verdict.effect is not Effect.QUARANTINE and not document.secrecy.protected_on(today):
        return Level.NONE
    return stated


def _verdict(entry: DocumentVerdict) -> Verdict:
    return Verdict(
        pointer=_pointer(entry),
        effect=entry.effect.wire,
        report=entry.report,
        rules=entry.rules,
        relevant_date=entry.relevant_date,
        messages=tuple((text.vi, text.en) for text in entry.messages),
    )


def _pointer(entry: DocumentVerdict) -> str:
    return f"/documents/{entry.index}"
