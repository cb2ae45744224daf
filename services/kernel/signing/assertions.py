"""Proving to the token endpoint who a client is: a short-lived JWT signed with its own key.

The agency's tool and the services' own clients make it; `claims.judge_assertion` is the other side.

Source: RFC 7523 §3; OpenID Connect Core §9 `private_key_jwt`; DESIGN 6.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from services.kernel.signing import base64s
from services.kernel.signing.keys import PrivateKey, jws_algorithm, sign, thumbprint

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LIFETIME: Final = 120  # seconds; at most 300 are accepted


def make_assertion(client_id: str, issuer: str, key: PrivateKey, now: datetime, jti: str) -> str:
    """A compact JWS for one token request; `jti` is random and never used again."""
    issued = int(now.timestamp())
    return sign_compact(
        {"alg": jws_algorithm(key), "kid": thumbprint(key.public_key()), "typ": "JWT"},
        {"iss": client_id, "sub": client_id, "aud": issuer, "iat": issued, "exp": issued + LIFETIME, "jti": jti},
        key,
    )


def sign_compact(header: Mapping[str, object], claims: Mapping[str, object], key: PrivateKey) -> str:
    """A compact JWS over the claims; `header` states the key's algorithm."""
    signed = f"{_part(header)}.{_part(claims)}"
    return f"{signed}.{base64s.encode_url(sign(key, signed.encode('ascii')))}"


def _part(value: Mapping[str, object]) -> str:
    return base64s.encode_url(json.dumps(value, separators=(",", ":")).encode())
