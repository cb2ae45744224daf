"""What every service is told at start, from `NOPLUU_…` environment variables; nothing is read later.

Secrets are paths to files, never values, and have no default; neither has the environment or the secrecy profile,
because a wrong guess there would let in what the law keeps out.

Source: DESIGN 3, 9 ("Deployment profile, with no default"), style notes §4 (settings).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import AfterValidator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


def _origin(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme != "https" or not parts.netloc or value != f"https://{parts.netloc}" or value != value.lower():
        raise ValueError("an origin is https://host or https://host:port, in lower case, and nothing more")
    return value


def _address(value: str) -> str:
    if value.startswith("unix:/"):
        return value
    host, _, port = value.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError("an address is host:port or unix:/path")
    return value


Origin = Annotated[str, AfterValidator(_origin)]
Address = Annotated[str, AfterValidator(_address)]


class ServiceSettings(BaseSettings):
    """Settings common to all services; each has its own subclass."""

    model_config = SettingsConfigDict(env_prefix="NOPLUU_", env_ignore_empty=True, frozen=True, extra="ignore")

    environment: Literal["development", "production"]
    """Development doubles (file keyring, TCP listener with own TLS) start only in `development`."""

    secrecy_profile: Literal["open", "independent-lan"]
    """`open` admits no unexpired Mật or above; `independent-lan` admits levels under conditions."""

    origin: Origin
    """This service's own public origin, which clients sign."""

    auth_origin: Origin
    """Origin of auth; also the issuer of tokens."""

    ingest_origin: Origin
    """Origin of ingest."""

    catalog_origin: Origin
    """Origin of catalog."""

    audience: str
    """The `aud` of access tokens: one string for the deployment."""

    database_url_file: Path
    """File with the libpq URI of this service's login role."""

    ca_file: Path | None = None
    """Root certificates for calls to other services; the system's where absent."""

    listen: Address
    """Public listener: `unix:/path` behind HAProxy, `host:port` only in development. Port 0: the system chooses."""

    tls_cert: Path | None = None
    """Certificate chain of the public TCP listener."""

    tls_key: Path | None = None
    """Its private key."""

    admin_listen: Address
    """Listener for /metrics, /healthz and /readyz; never on the public side."""

    service_client_id: UUID | None = None
    """This service's own client, with scope `service`, for calls to other services."""

    service_key_file: Path | None = None
    """Private key (PEM) of that client."""

    log_keys_file: Path | None = None
    """Public keys of the log as C2SP vkeys, one a line; told to clients by /.well-known/nopluu."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severity that is written."""

    @property
    def issuer(self) -> str:
        """The issuer of tokens is auth's origin."""
        return self.auth_origin

    def database_url(self) -> str:
        """The URI in `database_url_file`.

        Raises:
            OSError: no such file.
        """
        return self.database_url_file.read_text(encoding="utf-8").strip()

    def log_keys(self) -> tuple[str, ...]:
        """The log's public keys, without comments.

        Raises:
            OSError: no such file.
        """
        if self.log_keys_file is None:
            return ()
        lines = (line.strip() for line in self.log_keys_file.read_text(encoding="utf-8").splitlines())
        return tuple(line for line in lines if line and not line.startswith("#"))

    @model_validator(mode="after")
    def _listener_is_safe(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert and tls_key go together")
        if not self.listen.startswith("unix:"):
            if self.environment == "production":
                raise ValueError("in production the public listener is a unix socket behind the front proxy")
            if self.tls_cert is None:
                raise ValueError("a TCP listener needs tls_cert and tls_key")
        return self
