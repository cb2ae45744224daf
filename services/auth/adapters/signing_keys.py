"""The issuer's own keys: P-256 private keys as files of one folder that only auth reads.

A file is named `<unix seconds of making>.<kid>.pem`. All are published; the newest that is at least a day old signs, so
that every service has had it before it first sees a token by it; while none is so old, the oldest signs. A key leaves
the published set when its file is removed, which may be done `OVERLAP` after a newer one took over. Any number of
instances share a copy of the folder; a change is seen within `LOOK_SECONDS`.

Source: DESIGN 6; security register "Token service" (JWKS overlap).
"""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from jose.backends.base import Key

from services.kernel.signing.claims import AccessClaims
from services.kernel.signing.keys import KeyUnusable, private_from_pem, thumbprint, to_jwk
from services.runtime.tokens import es256_key, sign_access_token

ACTIVATION: Final = 24 * 3600  # seconds that a key is published before it signs
OVERLAP: Final = 3600  # seconds that an old key stays published after a newer one took over
LOOK_SECONDS: Final = 5.0

_NAME: Final = re.compile(r"([0-9]{1,12})\.([A-Za-z0-9\-_]{43})\.pem", re.ASCII)


class SigningKeysUnusable(ValueError):
    """The folder holds no usable set of keys; the message names the file and never shows a key."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One key: when it was made (Unix seconds), its name, its private and its prepared public half."""

    made_at: int
    kid: str
    private: ec.EllipticCurvePrivateKey
    public: Key

    def __repr__(self) -> str:
        return f"SigningKey(kid={self.kid})"


class SigningKeyFolder:
    """The keys of a folder, looked at again every few seconds."""

    def __init__(
        self,
        folder: Path,
        *,
        issuer: str,
        audience: str,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._issuer = issuer
        self._audience = audience
        self._clock = clock
        self._monotonic = monotonic
        self._names = _names(folder)
        self._keys = _load(folder, self._names)
        self._looked_at = monotonic()

    async def key(self, kid: str) -> Key | None:
        """A published key (see `runtime.tokens.TokenKeys`)."""
        return next((key.public for key in self._current() if key.kid == kid), None)

    def jwks(self) -> dict[str, object]:
        """The published JWK set, newest first."""
        keys = [
            {**to_jwk(key.private.public_key()), "kid": key.kid, "use": "sig", "alg": "ES256"}
            for key in reversed(self._current())
        ]
        return {"keys": keys}

    def mint(self, claims: AccessClaims) -> str:
        """An access token by the key that signs now."""
        key = self.signing()
        return sign_access_token(claims.to_claims(issuer=self._issuer, audience=self._audience), key.private, key.kid)

    def signing(self) -> SigningKey:
        """The key that signs now."""
        keys = self._current()
        old_enough = [key for key in keys if key.made_at <= self._clock() - ACTIVATION]
        return old_enough[-1] if old_enough else keys[0]

    def _current(self) -> tuple[SigningKey, ...]:
        """Oldest first. A folder that has become unusable leaves the keys as they were."""
        if self._monotonic() - self._looked_at >= LOOK_SECONDS:
            self._looked_at = self._monotonic()
            try:
                names = _names(self._folder)
                if names != self._names:
                    self._keys, self._names = _load(self._folder, names), names
            except (OSError, SigningKeysUnusable):
                return self._keys
        return self._keys


def make_signing_key(folder: Path, now: float) -> str:
    """Make a new key in the folder, readable by its owner only; its kid."""
    key = ec.generate_private_key(ec.SECP256R1())
    kid = thumbprint(key.public_key())
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"{int(now)}.{kid}.pem"
    partial = path.with_suffix(".partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        stream.flush()
        os.fsync(stream.fileno())
    partial.rename(path)
    return kid


def _names(folder: Path) -> tuple[str, ...]:
    found = [name for name in os.listdir(folder) if _NAME.fullmatch(name)]  # noqa: PTH208 - names only
    return tuple(sorted(found, key=lambda name: (int(name.split(".")[0]), name)))


def _load(folder: Path, names: tuple[str, ...]) -> tuple[SigningKey, ...]:
    if not names:
        raise SigningKeysUnusable("the folder holds no signing key; make one with: nopluu-admin auth keys new")
    return tuple(_read(folder / name) for name in names)


def _read(path: Path) -> SigningKey:
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise SigningKeysUnusable(f"{path.name} may be read by others; set its mode to 600")
    made_at, kid = path.name.split(".")[:2]
    try:
        private = private_from_pem(path.read_bytes())
        public = es256_key(private.public_key())
    except KeyUnusable as error:
        raise SigningKeysUnusable(f"{path.name} holds no P-256 private key") from error
    if not isinstance(private, ec.EllipticCurvePrivateKey) or thumbprint(private.public_key()) != kid:
        raise SigningKeysUnusable(f"{path.name} holds another key than its name says")
    return SigningKey(int(made_at), kid, private, public)
