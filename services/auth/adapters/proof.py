"""Assertions are proved by the runtime's strict wrapper."""

from __future__ import annotations

from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.kernel.signing.claims import JoseHeader
from services.kernel.signing.jws import CompactJws
from services.kernel.signing.keys import PublicKey, to_jwk
from services.runtime.tokens import check_assertion_signature


class StrictProof:
    """See `usecases.ports.AssertionProof`. Nobody's keys are drawn anew by each process; the private halves are not kept."""

    def __init__(self) -> None:
        self._p256 = to_jwk(ec.generate_private_key(ec.SECP256R1()).public_key())
        self._ed25519 = to_jwk(Ed25519PrivateKey.generate().public_key())

    def check(self, token: str, parsed: CompactJws, header: JoseHeader, key: PublicKey) -> None:
        check_assertion_signature(token, parsed, header, key)

    def nobodys_jwk(self, alg: str) -> Mapping[str, str]:
        return self._p256 if alg == "ES256" else self._ed25519
