"""RFC 9421 request signatures under our profile, and the claim rules of tokens and assertions. No clock, no I/O."""

from services.kernel.signing.content_digest import content_digest, parse_content_digest
from services.kernel.signing.keys import PrivateKey, PublicKey, thumbprint
from services.kernel.signing.requests import Content, sign_request

__all__ = ["Content", "PrivateKey", "PublicKey", "content_digest", "parse_content_digest", "sign_request", "thumbprint"]
