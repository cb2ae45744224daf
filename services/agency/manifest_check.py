"""Asking on the agency's own machine what the gateway would answer: the same parser, the rules carried from there.

What would be refused is told at its cell and nothing of it leaves. In an open deployment a document whose protection is
in doubt (two dates that disagree, a doubtful decision) would be held, and above "none" the gateway takes even a held
document only as a stub; so the stub is made here. Where no rules were carried yet the baseline judges; the gateway has the last word.

Source: DESIGN 5.1, 9; domain notes §3 rules 14-20.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Final

from services.agency.delivery import Delivery, Dossier
from services.agency.errors import Fault
from services.agency.manifests import findings_of, locate, manifest_of
from services.agency.secrecy_check import stub_of
from services.agency.sheets.findings import Findings
from services.kernel import manifest as manifests
from services.kernel.refusals.manifests import ManifestInvalid
from services.kernel.refusals.registry import Pointer, Refusal, Text
from services.kernel.rules import CompiledBundle, DocumentVerdict, baseline_bundle, compile_bundle, load_bundle
from services.kernel.secrecy import DeploymentProfile, Effect, Level

_OWN_CODE: Final = "000.00.00.A00"  # stands for the submitter, whom only the profile of a push names
_ANY_DAY: Final = date(2026, 1, 1)  # a bundle has a first day; its rows do not depend on it
_OF_DOSSIER: Final = ".dossier"  # ends the id of a rule on the dossier's own label


def check_manifests(
    delivery: Delivery,
    *,
    deployment: DeploymentProfile,
    today: date,
    rules: CompiledBundle | None = None,
    ceiling: Level = Level.NONE,
) -> int:
    """Tell what the gateway would refuse or hold, and make stubs of what is in doubt; returns how many.

    Dossiers whose rows already have errors are passed over: they are mended first.
    """
    findings = Findings(list(delivery.findings))
    asked = _Asked(rules or _baseline(), deployment, today, ceiling)
    stubs = sum(_check(dossier, findings, asked) for dossier in delivery.dossiers if not delivery.broken(dossier))
    delivery.findings = findings.sorted()
    return stubs


@dataclass(frozen=True, slots=True)
class _Asked:
    """The rules, and where, when and for whom they are asked."""

    rules: CompiledBundle
    deployment: DeploymentProfile
    today: date
    ceiling: Level


def _check(dossier: Dossier, findings: Findings, asked: _Asked) -> int:
    try:
        read = manifests.parse(manifest_of(dossier, submitter=_OWN_CODE, digests={}))
    except ManifestInvalid as refusal:
        findings.items.extend(findings_of(_faults(refusal.pointers), dossier))
        return 0
    except Refusal as refusal:
        findings.items.extend(findings_of([Fault("", refusal.code, refusal.detail.filled(refusal.facts))], dossier))
        return 0
    except ValueError:  # a value that JSON cannot carry
        unwritable = Text("Hồ sơ có giá trị không ghi được bằng JSON", "The dossier has a value that JSON cannot carry")
        findings.items.extend(findings_of([Fault("", "manifest-invalid", unwritable)], dossier))
        return 0
    findings.items.extend(findings_of(_faults(read.warnings), dossier, severity="warning"))
    return _judge(dossier, read, findings, asked)


def _judge(dossier: Dossier, read: manifests.Manifest, findings: Findings, asked: _Asked) -> int:
    stubs = 0
    of_dossier: set[str] = set()
    verdicts = asked.rules.judge(read, today=asked.today, deployment=asked.deployment, ceiling=asked.ceiling)
    for verdict in verdicts:
        document = read.documents[verdict.index]
        if verdict.effect < Effect.QUARANTINE or document.secrecy.stub:
            continue
        if _only_as_stub(document.secrecy.level, asked.deployment):
            _tell(findings, dossier, verdict, "secrecy-stub-only")
            dossier.documents[verdict.index] = stub_of(dossier.documents[verdict.index])
            stubs += 1
        elif not verdict.rules[0].endswith(_OF_DOSSIER):
            _tell(findings, dossier, verdict, "rule" if verdict.effect is Effect.REFUSE else "rule-held")
        elif verdict.rules[0] not in of_dossier:
            of_dossier.add(verdict.rules[0])
            _tell(findings, dossier, verdict, "rule" if verdict.effect is Effect.REFUSE else "rule-held", "/dossier")
    return stubs


def _only_as_stub(level: Level | None, deployment: DeploymentProfile) -> bool:
    if level is Level.TUYET_MAT:
        return True
    return deployment is DeploymentProfile.OPEN and level not in (None, Level.NONE)


def _tell(
    findings: Findings, dossier: Dossier, verdict: DocumentVerdict, code: str, pointer: str | None = None
) -> None:
    origin, column = locate(pointer or f"/documents/{verdict.index}/secrecy", dossier)
    message = verdict.messages[0]
    findings.place(
        origin.sheet,
        origin.row,
        column,
        code,
        rules=verdict.rules,
        text_vi=message.vi,
        text_en=message.en,
        rule=verdict.rules[0],
    )


def _faults(pointers: Sequence[Pointer]) -> list[Fault]:
    return [Fault(pointer.pointer, pointer.code, pointer.detail) for pointer in pointers]


@cache
def _baseline() -> CompiledBundle:
    return compile_bundle(load_bundle(baseline_bundle(1, _ANY_DAY)))
