"""Proving to the token endpoint who this client is: a short-lived JWT signed with its own key.

Source: RFC 7523 §3; OpenID Connect Core §9 `private_key_jwt`; DESIGN 6.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Final

from services.kernel.signing import base64s, thumbprint
from services.kernel.signing.keys import PrivateKey, jws_algorithm, sign

LIFETIME: Final = 120  # seconds; at most 300 are accepted


def make_assertion(client_id: str, issuer: str, key: PrivateKey, now: datetime, jti: str) -> str:
    """A compact JWS for one token request; `jti` is random and never used again."""
    issued = int(now.timestamp())
    header = {"alg": jws_algorithm(key), "kid": thumbprint(key.public_key()), "typ": "JWT"}
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": issuer,
        "iat": issued,
        "exp": issued + LIFETIME,
        "jti": jti,
    }
    signed = f"{_part(header)}.{_part(claims)}"
    return f"{signed}.{base64s.encode_url(sign(key, signed.encode('ascii')))}"


def _part(value: object) -> str:
    return base64s.encode_url(json.dumps(value, separators=(",", ":")).encode())
