"""What a rule is asked about: one document in its package, on a day, in a deployment.

Source: DESIGN 9.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from services.kernel.manifest.findings import Findings
from services.kernel.manifest.model import Manifest
from services.kernel.manifest.secrecy import iso_day, read_secrecy
from services.kernel.profiles import NAMES
from services.kernel.profiles import profile as profile_named
from services.kernel.secrecy import DeploymentProfile, Level, Secrecy


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Where, when and of whom a manifest is judged.

    `state_cipher`: a state-approved (cơ yếu) cipher protects the deployment. `ceiling`: how secret a record the agency
    that hands it in may hand in over the independent LAN.
    """

    today: date
    deployment: DeploymentProfile
    state_cipher: bool = False
    ceiling: Level = Level.NONE


@dataclass(frozen=True, slots=True)
class PackageSituation:
    """What is the same for every document of a package. `highest` is the highest level inside, dossier included."""

    profile: str
    dossier: Secrecy | None
    dossier_revealing: bool
    dossier_access_mode: str
    highest: Level | None


@dataclass(frozen=True, slots=True)
class Situation:
    """One document to be judged. Equal situations, equal verdicts.

    `revealing`: its metadata say what it is about. `beyond_stub`: they say more than the ordinal, dates and place of the
    paper, which are all that a stub may say.
    """

    circumstances: Circumstances
    package: PackageSituation
    secrecy: Secrecy
    revealing: bool
    beyond_stub: bool
    components: int
    access_mode: str


class ExampleInvalid(ValueError):
    """An example that is not of this form; the message says where."""


def situations(manifest: Manifest, circumstances: Circumstances) -> Iterator[Situation]:
    """The situation of each document, in the order of the manifest."""
    profile = profile_named(manifest.profile)
    levels = [document.secrecy.level for document in manifest.documents]
    package = PackageSituation(
        profile=manifest.profile,
        dossier=manifest.dossier_secrecy,
        dossier_revealing=profile.dossier.reveals(manifest.dossier),
        dossier_access_mode=profile.access_mode(profile.dossier, manifest.dossier),
        highest=_highest([*levels, *([] if manifest.dossier_secrecy is None else [manifest.dossier_secrecy.level])]),
    )
    for document in manifest.documents:
        yield Situation(
            circumstances=circumstances,
            package=package,
            secrecy=document.secrecy,
            revealing=profile.document.reveals(document.metadata),
            beyond_stub=profile.document.exceeds_stub(document.metadata),
            components=len(document.components),
            access_mode=profile.access_mode(profile.document, document.metadata),
        )


def example(value: Mapping[str, object]) -> Situation:
    """The situation that an example of a row describes.

        {"today": "2026-11-24", "deployment": "open", "state_cipher": false, "ceiling": "none",
         "secrecy": {"level": "mat", …},
         "revealing": true, "beyond_stub": true, "components": 1, "access_mode": "", "profile": "party",
         "dossier": {"secrecy": {…}, "revealing": true, "access_mode": "", "highest": "mat"}}

    `today` and `secrecy` must be said; everything else has the values above, `beyond_stub` that of `revealing`, and the
    package holds nothing else.

    Raises:
        ExampleInvalid
    """
    members = dict(value)
    today = iso_day(str(members.pop("today", "")))
    deployment = members.pop("deployment", DeploymentProfile.OPEN.value)
    profile = members.pop("profile", "party")
    if today is None or deployment not in set(DeploymentProfile) or profile not in NAMES:
        raise ExampleInvalid("today, deployment or profile")
    secrecy = _secrecy(members.pop("secrecy", None))
    dossier = members.pop("dossier", {})
    if secrecy is None or not isinstance(dossier, dict):
        raise ExampleInvalid("secrecy or dossier")
    around = dict(dossier)
    dossier_secrecy = _secrecy(around.pop("secrecy", None))
    levels = [secrecy.level, *([] if dossier_secrecy is None else [dossier_secrecy.level])]
    if "highest" in around:
        levels.append(_level(around.pop("highest"), "highest"))
    revealing = _flag(members, "revealing", default=True)
    found = Situation(
        circumstances=Circumstances(
            today,
            DeploymentProfile(str(deployment)),
            state_cipher=_flag(members, "state_cipher", default=False),
            ceiling=_level(members.pop("ceiling", Level.NONE.wire), "ceiling"),
        ),
        package=PackageSituation(
            profile=str(profile),
            dossier=dossier_secrecy,
            dossier_revealing=_flag(around, "revealing", default=True),
            dossier_access_mode=_word(around, "access_mode"),
            highest=_highest(levels),
        ),
        secrecy=secrecy,
        revealing=revealing,
        beyond_stub=_flag(members, "beyond_stub", default=revealing),
        components=_count(members, "components", default=1),
        access_mode=_word(members, "access_mode"),
    )
    members.pop("note", None)
    if members or around:
        raise ExampleInvalid("unknown member")
    return found


def _highest(levels: list[Level | None]) -> Level | None:
    """The highest level; None where one is not known, for then the highest is not known either."""
    known = [level for level in levels if level is not None]
    return max(known) if len(known) == len(levels) and known else None


def _secrecy(value: object) -> Secrecy | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise ExampleInvalid("secrecy")
    findings = Findings()
    secrecy = read_secrecy(value, "", findings)
    if findings.count:
        raise ExampleInvalid(f"secrecy{findings.errors[0].pointer}")
    return secrecy


def _level(value: object, name: str) -> Level:
    try:
        return Level.from_wire(str(value))
    except ValueError:
        raise ExampleInvalid(name) from None


def _flag(members: dict[str, object], name: str, *, default: bool) -> bool:
    value = members.pop(name, default)
    if not isinstance(value, bool):
        raise ExampleInvalid(name)
    return value


def _count(members: dict[str, object], name: str, *, default: int) -> int:
    value = members.pop(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ExampleInvalid(name)
    return value


def _word(members: dict[str, object], name: str) -> str:
    value = members.pop(name, "")
    if not isinstance(value, str):
        raise ExampleInvalid(name)
    return value
