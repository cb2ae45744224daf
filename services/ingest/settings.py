"""What ingest is told at start, beside what every service is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pydantic import Field

from services.kernel.layout import MIB
from services.runtime.kms.settings import KmsSettings
from services.runtime.object_store.s3_requests import S3Settings
from services.runtime.object_store.settings import StoreSettings
from services.runtime.settings import ServiceSettings


class IngestSettings(KmsSettings, StoreSettings, ServiceSettings):
    """See `ServiceSettings`, `StoreSettings` and `KmsSettings`."""

    grant_key_file: Path
    """Catalog's public key (Ed25519, PEM), which its reading grants are signed with."""

    offices: Literal["state", "party"] = "state"
    """Whose deployment this is: it decides the letterhead of the reports that are printed."""

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

    backup_days: int = Field(default=400, ge=0)
    """Days for which backups of the database are kept: an erasure is complete that long after its bytes are gone."""

    fixity_days: int = Field(default=90, ge=0, le=256)
    """Days within which the worker reads every stored part and compares its digest; 0 leaves that to the command."""

    fixity_rate: int = Field(default=20_000_000, ge=0)
    """Bytes a second at which it reads; 0 is as fast as the store gives."""

    custody_access_key_file: Path | None = None
    """The custodian's worker only: file with the access key that may set and lift legal holds."""

    custody_secret_key_file: Path | None = None
    """The custodian's worker only: file with its secret key."""

    def custody(self) -> S3Settings:
        """The store under the custodian's credential.

        Raises:
            ValueError: this process was given none.
        """
        if self.custody_access_key_file is None or self.custody_secret_key_file is None:
            raise ValueError("custody_access_key_file and custody_secret_key_file are needed by the custodian's worker")
        return replace(
            self.s3(), access_key_file=self.custody_access_key_file, secret_key_file=self.custody_secret_key_file
        )

    def grant_key(self) -> Ed25519PublicKey:
        """The key in `grant_key_file`.

        Raises:
            OSError, ValueError: no such file, or another kind of key.
        """
        key = load_pem_public_key(self.grant_key_file.read_bytes())
        if not isinstance(key, Ed25519PublicKey):
            raise ValueError("the grant key must be Ed25519")
        return key
