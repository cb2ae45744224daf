"""Assertions are proved by the runtime's strict wrapper."""

from __future__ import annotations

from services.kernel.signing.claims import JoseHeader
from services.kernel.signing.jws import CompactJws
from services.kernel.signing.keys import PublicKey
from services.runtime.tokens import check_assertion_signature


class StrictProof:
    """See `usecases.ports.AssertionProof`."""

    def check(self, token: str, parsed: CompactJws, header: JoseHeader, key: PublicKey) -> None:
        check_assertion_signature(token, parsed, header, key)
