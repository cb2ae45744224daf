"""What makes a bundle of rules lawful: two different officers, one as author and one as approver.

Threshold 2 of DSSE signatures. Whether the version grows and whether the day has come depends on what is in force, so
the caller asks for that with `require_newer` and `require_in_force`.

Source: DESIGN 9, security notes §6.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from services.kernel import dsse
from services.kernel.officers import same_person
from services.kernel.records import OfficerKey
from services.kernel.refusals.rules import (
    RulesEnvelopeInvalid,
    RulesNotInForce,
    RulesNotNewer,
    RulesSameOfficer,
    RulesSignatureWrong,
    RulesSignerScope,
    RulesSignerUnknown,
    RulesSingleSigned,
    RulesUnsigned,
)
from services.kernel.rules.bundles import load_bundle
from services.kernel.rules.model import PAYLOAD_TYPE, Bundle
from services.kernel.signing.keys import KeyUnusable, PublicKey, from_jwk

AUTHOR_SCOPE: Final = "rule-author"
APPROVER_SCOPE: Final = "rule-approver"


@dataclass(frozen=True, slots=True)
class OpenedBundle:
    """A bundle that two officers signed. `payload` is what they signed, byte for byte."""

    bundle: Bundle
    payload: bytes
    author: OfficerKey
    approver: OfficerKey


def open_bundle(envelope: bytes, officer_key: Callable[[str], OfficerKey | None]) -> OpenedBundle:
    """The bundle in an envelope, once its signatures are those of an author and of another person who approves.

    Every signature must be by an officer's key in force: one that is not keeps the whole from being believed.

    Raises:
        RulesEnvelopeInvalid, RulesUnsigned, RulesSignerUnknown, RulesSignatureWrong, RulesSingleSigned,
        RulesSameOfficer, RulesSignerScope: of the envelope.
        BundleInvalid: of what is in it. It is not compiled here.
    """
    try:
        read = dsse.parse(envelope)
        if not read.signatures:
            raise RulesUnsigned
        officers = {keyid: _officer(keyid, officer_key) for keyid, _ in read.signatures}
        payload, verified = dsse.open_envelope(envelope, PAYLOAD_TYPE, lambda keyid: _key(officers[keyid]))
    except dsse.EnvelopeInvalid as error:
        raise RulesEnvelopeInvalid(reason=str(error)) from None
    except dsse.SignatureWrong as error:
        raise RulesSignatureWrong(keyid=error.keyid) from None
    author, approver = _author_and_approver([officers[keyid] for keyid in verified])
    return OpenedBundle(load_bundle(payload), payload, author, approver)


def require_newer(bundle: Bundle, current_version: int | None) -> None:
    """Raises RulesNotNewer unless the version is greater than the one in force (None where there is none)."""
    if current_version is not None and bundle.version <= current_version:
        raise RulesNotNewer(version=bundle.version, current=current_version)


def require_in_force(bundle: Bundle, today: date) -> None:
    """Raises RulesNotInForce before the bundle's first day."""
    if today < bundle.effective_from:
        raise RulesNotInForce(effective_from=bundle.effective_from.isoformat())


def _officer(keyid: str, officer_key: Callable[[str], OfficerKey | None]) -> OfficerKey:
    found = officer_key(keyid)
    if found is None:
        raise RulesSignerUnknown(keyid=keyid)
    return found


def _key(officer: OfficerKey) -> PublicKey | None:
    try:
        return from_jwk(officer.jwk)
    except KeyUnusable:
        return None


def _author_and_approver(signers: Sequence[OfficerKey]) -> tuple[OfficerKey, OfficerKey]:
    """An author and an approver among the signers who are two people with two clients."""
    if len(signers) < 2:
        raise RulesSingleSigned
    pairs = list(_different_people(signers))
    if not pairs:
        raise RulesSameOfficer
    for author, approver in pairs:
        if AUTHOR_SCOPE in author.scopes and APPROVER_SCOPE in approver.scopes:
            return author, approver
    raise RulesSignerScope


def _different_people(signers: Sequence[OfficerKey]) -> Iterator[tuple[OfficerKey, OfficerKey]]:
    for author in signers:
        for approver in signers:
            if not same_person(author, approver):
                yield author, approver
