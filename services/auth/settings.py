"""What auth is told at start, beside what every service is."""

from __future__ import annotations

from pathlib import Path

from services.runtime.settings import ServiceSettings


class AuthSettings(ServiceSettings):
    """See `ServiceSettings`."""

    signing_keys_dir: Path
    """Folder of the issuer's private keys (`nopluu-admin auth keys new`), readable by this service only."""
