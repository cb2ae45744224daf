"""The commands of the services' processes: what each is told, and nothing else of this process's environment."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from deploy.onebox.certificates import Certificates
from deploy.onebox.origins import Origins
from deploy.onebox.private_keys import public_of
from deploy.onebox.processes import Command
from services.runtime.object_store.s3 import S3Settings

AUDIENCE: Final = "nopluu-onebox"
SERVICE_CLIENTS: Final = ("ingest", "catalog")
_WITH_WORKER: Final = ("ingest", "catalog")


@dataclass(frozen=True, slots=True)
class Deployment:
    """What may be sent here at all, and up to which level each reading scope reads where it is more than nothing."""

    secrecy_profile: Literal["open", "independent-lan"] = "open"
    reading_ceilings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Places:
    """What the services' environment is made from. `clients` are the services' client ids."""

    secrets: Path
    origins: Origins
    certificates: Certificates
    store: S3Settings
    custody: S3Settings
    clients: Mapping[str, str]
    deployment: Deployment

    @property
    def log_keys(self) -> Path:
        """The log's public keys."""
        return self.secrets / "log-keys.txt"

    @property
    def log_key(self) -> Path:
        """The log's private key."""
        return self.secrets / "log.pem"

    @property
    def grant_key(self) -> Path:
        """Private key with which catalog grants reading."""
        return self.secrets / "grant.pem"

    @property
    def signing_keys(self) -> Path:
        """Folder of the keys that sign tokens."""
        return self.secrets / "signing-keys"

    def database_url(self, service: str) -> Path:
        """File with the database URI of a service's role."""
        return self.secrets / f"database-{service}.url"

    def service_key(self, service: str) -> Path:
        """Private key of a service's own client."""
        return self.secrets / f"service-{service}.pem"

    def commands(self) -> list[Command]:
        """Every process, in the order of their start."""
        return [
            self._command("journal", "journal", self._journal()),
            self._command("auth", "auth", self._service("auth") | {"signing_keys_dir": str(self.signing_keys)}),
            *(
                self._command(f"{service}{'-worker' if worker else ''}", service, self._extended(service), worker)
                for service in _WITH_WORKER
                for worker in (None, "worker")
            ),
            self._command("ingest-custodian", "ingest", self._extended("ingest") | self._custody(), "custodian"),
        ]

    def _command(self, process: str, service: str, settings: Mapping[str, str], worker: str | None = None) -> Command:
        told = {
            "environment": "development",
            "database_url_file": str(self.database_url(service)),
            "admin_listen": f"127.0.0.1:{self.origins.admin[process]}",
            "log_keys_file": str(self.log_keys),
            **settings,
        }
        arguments = (sys.executable, "-m", f"services.{service}.main", *((f"--{worker}",) if worker else ()))
        environment = _environment() | {f"NOPLUU_{name.upper()}": told[name] for name in told}
        return Command(process, arguments, environment, stage=2 if service in _WITH_WORKER else 1)

    def _service(self, service: str) -> dict[str, str]:
        origins = self.origins
        return {
            "secrecy_profile": self.deployment.secrecy_profile,
            "origin": origins.origin(service),
            "auth_origin": origins.origin("auth"),
            "ingest_origin": origins.origin("ingest"),
            "catalog_origin": origins.origin("catalog"),
            "audience": AUDIENCE,
            "ca_file": str(self.certificates.ca),
            "listen": f"127.0.0.1:{origins.public[service]}",
            "tls_cert": str(self.certificates.server),
            "tls_key": str(self.certificates.server_key),
        }

    def _extended(self, service: str) -> dict[str, str]:
        told = self._service(service) | {
            "service_client_id": self.clients[service],
            "service_key_file": str(self.service_key(service)),
        }
        if service == "ingest":
            opening = {"grant_key_file": public_of(self.grant_key), "keyring_file": self.secrets / "keyring.json"}
            return told | self._store() | {name: str(path) for name, path in opening.items()}
        ceilings = json.dumps(dict(self.deployment.reading_ceilings))
        return told | {"grant_key_file": str(self.grant_key), "reading_ceilings": ceilings}

    def _journal(self) -> dict[str, str]:
        return self._store() | {"log_origin": self.origins.log, "log_key_file": str(self.log_key)}

    def _custody(self) -> dict[str, str]:
        """The one process that may set and lift legal holds."""
        return {
            "custody_access_key_file": str(self.custody.access_key_file),
            "custody_secret_key_file": str(self.custody.secret_key_file),
        }

    def _store(self) -> dict[str, str]:
        told = {
            "store_endpoint": self.store.endpoint,
            "store_bucket": self.store.bucket,
            "store_access_key_file": str(self.store.access_key_file),
            "store_secret_key_file": str(self.store.secret_key_file),
            "store_region": self.store.region,
        }
        return told if self.store.filer is None else told | {"store_filer": self.store.filer}


def _environment() -> dict[str, str]:
    """What a Python process needs of ours: where programs and temporary files are, and that text is UTF-8."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "TZ", "SYSTEMROOT") if name in os.environ}
    return kept | {"PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1"}
