"""What ingest is told at start, beside what every service is."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pydantic import Field

from services.kernel.layout import MIB
from services.runtime.kms.settings import KmsSettings
from services.runtime.object_store.settings import StoreSettings
from services.runtime.settings import ServiceSettings


class IngestSettings(KmsSettings, StoreSettings, ServiceSettings):
    """See `ServiceSettings`, `StoreSettings` and `KmsSettings`."""

    grant_key_file: Path
    """Catalog's public key (Ed25519, PEM), which its reading grants are signed with."""

    agency_bytes_in_flight: int = Field(default=512 * MIB, ge=16 * MIB)
    """Bytes of bodies that one agency may be sending to this instance at once."""

    instance_bytes_in_flight: int = Field(default=2048 * MIB, ge=16 * MIB)
    """Bytes of bodies that this instance takes at once."""

    agency_open_packages: int = Field(default=5000, ge=1)
    """Packages of one agency that may be declared and not complete."""

    judging_bytes: int = Field(default=256 * MIB, ge=64 * MIB)
    """Bytes of large manifests that wait in this instance's memory for their verdict."""

    judging_children: int = Field(default=2, ge=1, le=32)
    """Child processes that judge large manifests at once."""

    worker_concurrency: int = Field(default=4, ge=1, le=64)
    """Jobs that one worker runs at once."""

    def grant_key(self) -> Ed25519PublicKey:
        """The key in `grant_key_file`.

        Raises:
            OSError, ValueError: no such file, or another kind of key.
        """
        key = load_pem_public_key(self.grant_key_file.read_bytes())
        if not isinstance(key, Ed25519PublicKey):
            raise ValueError("the grant key must be Ed25519")
        return key
