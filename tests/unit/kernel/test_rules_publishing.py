"""Only an author and another person who approves make rules lawful."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.kernel import dsse
from services.kernel.identifiers import ClientId
from services.kernel.records import OfficerKey
from services.kernel.refusals import Refusal
from services.kernel.refusals.rules import (
    BundleInvalid,
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
from services.kernel.rules import baseline_bundle, load_bundle
from services.kernel.rules.model import PAYLOAD_TYPE
from services.kernel.rules.publishing import open_bundle, require_in_force, require_newer
from services.kernel.signing.keys import PrivateKey, thumbprint, to_jwk

PAYLOAD = baseline_bundle(5, date(2026, 3, 1))
AUTHOR, APPROVER, SECOND = (Ed25519PrivateKey.from_private_bytes(bytes([at]) * 32) for at in (1, 2, 3))
P256 = ec.derive_private_key(9, ec.SECP256R1())


def officer(key: PrivateKey, name: str, client: int, *scopes: str) -> tuple[str, OfficerKey]:
    public = key.public_key()
    return thumbprint(public), OfficerKey(ClientId(UUID(int=client)), name, frozenset(scopes), to_jwk(public))


def directory(*officers: tuple[str, OfficerKey]) -> Callable[[str], OfficerKey | None]:
    return dict(officers).get


TWO = directory(
    officer(AUTHOR, "Nguyễn Văn A", 1, "rule-author"),
    officer(APPROVER, "Trần Thị B", 2, "rule-approver"),
    officer(P256, "Lê Văn C", 3, "rule-approver", "rule-author"),
)


def signed(*keys: PrivateKey, payload: bytes = PAYLOAD) -> bytes:
    return dsse.sign(payload, PAYLOAD_TYPE, keys)


@pytest.mark.parametrize(("one", "other"), [(AUTHOR, APPROVER), (AUTHOR, P256), (APPROVER, P256), (P256, AUTHOR)])
def test_an_author_and_an_approver_publish(one: PrivateKey, other: PrivateKey) -> None:
    opened = open_bundle(signed(one, other), TWO)
    assert (opened.bundle.version, opened.payload) == (5, PAYLOAD)
    assert "rule-author" in opened.author.scopes
    assert "rule-approver" in opened.approver.scopes
    assert opened.author.officer != opened.approver.officer


def _altered() -> bytes:
    read = dsse.parse(signed(AUTHOR, APPROVER))
    return dsse.Envelope(baseline_bundle(6, date(2026, 3, 1)), PAYLOAD_TYPE, read.signatures).to_bytes()


@pytest.mark.parametrize(
    ("envelope", "known", "refusal"),
    [
        (b"{}", TWO, RulesEnvelopeInvalid),
        (PAYLOAD, TWO, RulesEnvelopeInvalid),
        (dsse.sign(PAYLOAD, "text/plain", [AUTHOR, APPROVER]), TWO, RulesEnvelopeInvalid),
        (signed(), TWO, RulesUnsigned),
        (signed(AUTHOR), TWO, RulesSingleSigned),
        (signed(P256), TWO, RulesSingleSigned),
        (signed(AUTHOR, SECOND), TWO, RulesSignerUnknown),
        (signed(AUTHOR, APPROVER, SECOND), TWO, RulesSignerUnknown),
        (_altered(), TWO, RulesSignatureWrong),
        (
            signed(AUTHOR, APPROVER),
            directory(
                officer(AUTHOR, "Nguyễn Văn A", 1, "rule-author"),
                officer(APPROVER, " nguyễn  văn a", 2, "rule-approver"),
            ),
            RulesSameOfficer,
        ),
        (
            signed(AUTHOR, APPROVER),
            directory(officer(AUTHOR, "A", 1, "rule-author"), officer(APPROVER, "B", 1, "rule-approver")),
            RulesSameOfficer,
        ),
        (
            signed(AUTHOR, APPROVER),
            directory(officer(AUTHOR, "A", 1, "rule-author"), officer(APPROVER, "B", 2, "rule-author")),
            RulesSignerScope,
        ),
        (
            signed(AUTHOR, APPROVER),
            directory(officer(AUTHOR, "A", 1), officer(APPROVER, "B", 2, "rule-author", "rule-approver")),
            RulesSignerScope,
        ),
        (signed(AUTHOR, APPROVER, payload=b"{}"), TWO, BundleInvalid),
    ],
)
def test_anything_less_is_refused(
    envelope: bytes, known: Callable[[str], OfficerKey | None], refusal: type[Refusal]
) -> None:
    with pytest.raises(refusal):
        open_bundle(envelope, known)


def test_a_key_of_the_directory_that_is_another_is_not_believed() -> None:
    kid, _ = officer(AUTHOR, "A", 1)
    _, wrong = officer(SECOND, "A", 1, "rule-author")
    with pytest.raises(RulesSignatureWrong):
        open_bundle(signed(AUTHOR, APPROVER), directory((kid, wrong), officer(APPROVER, "B", 2, "rule-approver")))


def test_versions_only_grow() -> None:
    bundle = load_bundle(PAYLOAD)
    require_newer(bundle, None)
    require_newer(bundle, 4)
    for current in (5, 6):
        with pytest.raises(RulesNotNewer):
            require_newer(bundle, current)


def test_a_bundle_is_in_force_from_its_first_day() -> None:
    bundle = load_bundle(PAYLOAD)
    require_in_force(bundle, date(2026, 3, 1))
    with pytest.raises(RulesNotInForce) as refused:
        require_in_force(bundle, date(2026, 2, 28))
    assert refused.value.facts["effective_from"] == "2026-03-01"
