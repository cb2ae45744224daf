"""Which KMS a service uses; the same words for every service that opens keys."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.kernel.sealing.keys import KeyManagement
from services.runtime.kms.keyring import FileKeyring
from services.runtime.kms.pkcs11 import TokenKeys, TokenSettings
from services.runtime.kms.transit import TransitKeys, TransitSettings

Kind = Literal["keyring", "pkcs11", "transit"]


class KmsSettings(BaseSettings):
    """Exactly one KMS: `keyring_file`, or `pkcs11_…`, or `transit_…`. PIN and token are files that only we can read."""

    model_config = SettingsConfigDict(env_prefix="NOPLUU_", env_ignore_empty=True, frozen=True, extra="ignore")

    keyring_file: Path | None = None
    """The file keyring, in development only."""

    pkcs11_module: Path | None = None
    """The library that speaks to the HSM, as its maker installs it."""

    pkcs11_token: str | None = None
    """The token's label."""

    pkcs11_pin_file: Path | None = None
    """File with the user PIN."""

    transit_address: str | None = None
    """`https://host:port` of OpenBao or Vault; `http` only in development."""

    transit_token_file: Path | None = None
    """File with the token; an agent may replace it at any time."""

    transit_mount: str = "transit"
    """Where the Transit engine is mounted."""

    transit_namespace: str | None = None
    """The namespace, where the server has them."""

    transit_ca_file: Path | None = None
    """Root certificates of that server; the system's where absent."""

    kms_seconds: float = Field(default=5.0, gt=0, le=60)
    """How long one call may take before writes and reads answer 503."""

    @property
    def kms_kind(self) -> Kind:
        """Which one the settings name."""
        if self.pkcs11_module is not None:
            return "pkcs11"
        return "keyring" if self.transit_address is None else "transit"

    @model_validator(mode="after")
    def _one_kms(self) -> Self:
        named = [self.keyring_file, self.pkcs11_module, self.transit_address]
        if sum(name is not None for name in named) != 1:
            raise ValueError("name one KMS: keyring_file, pkcs11_module or transit_address")
        pkcs11 = (self.pkcs11_module, self.pkcs11_token, self.pkcs11_pin_file)
        if len({entry is None for entry in pkcs11}) != 1:
            raise ValueError("pkcs11_module, pkcs11_token and pkcs11_pin_file go together")
        if (self.transit_address is None) != (self.transit_token_file is None):
            raise ValueError("transit_address and transit_token_file go together")
        if self.transit_address is not None:
            parts = urlsplit(self.transit_address)
            if parts.scheme not in ("https", "http") or self.transit_address != f"{parts.scheme}://{parts.netloc}":
                raise ValueError("transit_address is https://host:port and nothing more")
        return self


class KmsAlone(KmsSettings):
    """A KMS where there is no service yet: at the key ceremony."""

    environment: Literal["development", "production"]
    """As in `ServiceSettings`."""


@asynccontextmanager
async def opened_kms(settings: KmsSettings, *, environment: str) -> AsyncIterator[KeyManagement]:
    """The KMS that the settings name. Nothing is asked of it yet: a service starts while its KMS is away, and is not ready.

    Raises:
        KeyringRefused: the file keyring outside development.
        ValueError: a Transit server without TLS outside development.
        OSError: the PIN or token file cannot be read, or the library is not there.
    """
    if (
        settings.pkcs11_module is not None
        and settings.pkcs11_token is not None
        and settings.pkcs11_pin_file is not None
    ):
        for file in (settings.pkcs11_module, settings.pkcs11_pin_file):
            file.open("rb").close()
        token = TokenKeys(
            TokenSettings(settings.pkcs11_module, settings.pkcs11_token, settings.pkcs11_pin_file),
            timeout=settings.kms_seconds,
        )
        try:
            yield token
        finally:
            await token.close()
    elif settings.transit_address is not None and settings.transit_token_file is not None:
        if environment != "development" and not settings.transit_address.startswith("https://"):
            raise ValueError("outside development, Transit is reached over https")
        settings.transit_token_file.open("rb").close()
        transit = TransitKeys(
            TransitSettings(
                settings.transit_address,
                settings.transit_token_file,
                settings.transit_mount,
                settings.transit_namespace,
                settings.transit_ca_file,
            ),
            timeout=settings.kms_seconds,
        )
        try:
            yield transit
        finally:
            await transit.close()
    elif settings.keyring_file is not None:
        yield FileKeyring(settings.keyring_file, environment=environment)
