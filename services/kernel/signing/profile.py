"""What `nopluu/1`, our profile of RFC 9421, demands of every signed request.

Source: DESIGN 6; RFC 9421 §2, §3; security register "Request signing".
"""

from __future__ import annotations

from typing import Final

TAG: Final = "nopluu/1"
MAX_LIFETIME: Final = 300  # seconds from created to expires
MAX_AHEAD: Final = 10  # seconds that created may lie ahead of the server's clock
MIN_NONCE_BITS: Final = 128
MAX_NONCE_CHARACTERS: Final = 128
ALGORITHMS: Final = ("ed25519", "ecdsa-p256-sha256")
COMPONENTS: Final = ("@method", "@target-uri", "authorization")
BODY_COMPONENTS: Final = ("content-type", "content-length", "content-digest")

# Sent with 401 so that a client learns what to sign (RFC 9421 §5.1). Boolean parameters ask for a value.
ACCEPT_SIGNATURE: Final = (
    'nopluu=("@method" "@target-uri" "authorization" "content-type" "content-length" "content-digest")'
    f';created;expires;nonce;keyid;tag="{TAG}"'
)
