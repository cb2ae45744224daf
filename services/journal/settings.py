"""What the sequencer is told at start, from `NOPLUU_…` environment variables. It has no public listener."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from services.kernel.tlog.notes import LogSigner, VerifierKey, is_key_name
from services.kernel.tlog.policy import NO_WITNESSES, WitnessPolicy, parse_policy
from services.runtime.object_store.settings import StoreSettings
from services.runtime.settings import Address


class LogKeyUnusable(Exception):
    """The log's key or origin cannot be used; the message says why."""


class JournalSettings(StoreSettings):
    """Settings of the sequencer process."""

    environment: Literal["development", "production"]
    """As of every service."""

    database_url_file: Path
    """File with the libpq URI of the role nopluu_journal."""

    admin_listen: Address
    """Listener for /metrics, /healthz and /readyz."""

    log_origin: str
    """Name of the log, `host/path` without scheme: first line of every checkpoint, and the name of its key."""

    log_key_file: Path
    """Ed25519 private key (PKCS #8 PEM) that signs checkpoints."""

    log_keys_file: Path | None = None
    """Public keys of the log as C2SP vkeys, one a line; retired ones must stay here."""

    witnesses_file: Path | None = None
    """C2SP tlog-policy: the witnesses that are asked to cosign, and how many of them make a checkpoint witnessed."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severity that is written."""

    def signer(self) -> LogSigner:
        """The signer of checkpoints. Raises LogKeyUnusable."""
        return signer_of(self.log_origin, self.log_key_file)

    def known_keys(self) -> list[VerifierKey]:
        """The keys in `log_keys_file`. Raises KeyInvalid, OSError."""
        if self.log_keys_file is None:
            return []
        lines = (line.strip() for line in self.log_keys_file.read_text(encoding="utf-8").splitlines())
        return [VerifierKey.parse(line) for line in lines if line and not line.startswith("#")]

    def log_verifiers(self) -> list[VerifierKey]:
        """Every key that may have signed: the present one and those in `log_keys_file`."""
        present = self.signer().verifier
        return [present, *(key for key in self.known_keys() if key != present)]

    def policy(self) -> WitnessPolicy:
        """The policy in `witnesses_file`. Raises PolicyInvalid, OSError."""
        if self.witnesses_file is None:
            return NO_WITNESSES
        return parse_policy(self.witnesses_file.read_text(encoding="utf-8"))


def signer_of(origin: str, key_file: Path) -> LogSigner:
    """The signer of a log.

    Raises:
        LogKeyUnusable: no such file, another kind of key, or a name that no note can carry.
    """
    if not is_key_name(origin):
        raise LogKeyUnusable("the log's origin must not be empty nor hold spaces or a plus sign")
    try:
        key = load_pem_private_key(key_file.read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise LogKeyUnusable("the log's key file cannot be read as an unencrypted PEM private key") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise LogKeyUnusable("the log's key must be Ed25519")
    return LogSigner(origin, key)
