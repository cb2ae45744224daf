"""The whole gateway on one machine: database, store and services as child processes of this one.

    with OneBox(StateFolder(path), console, signals) as box:
        box.start()

The first start makes keys, certificates, database and enrolment; a later one finds them. Whatever a killed run left
running is ended first. The end is orderly: services, then the store, then the database.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Self
from uuid import UUID

from deploy.onebox import postgres, sample, stores
from deploy.onebox.certificates import Certificates, certificates
from deploy.onebox.clients import Client
from deploy.onebox.console import Console
from deploy.onebox.enrolment import Enrolment
from deploy.onebox.files import write_private, write_shared
from deploy.onebox.origins import Origins
from deploy.onebox.postgres import RunningPostgres
from deploy.onebox.private_keys import private_key, public_of
from deploy.onebox.processes import Child, ChildFailed, Children
from deploy.onebox.rules import publish_baseline
from deploy.onebox.services import SERVICE_CLIENTS, Deployment, Places
from deploy.onebox.signals import Signals
from deploy.onebox.state import StateFolder
from deploy.onebox.stores import Store
from migrations.run import migrate
from services.agency import Profile
from services.agency.profile import write_private as write_profile_file
from services.auth.adapters.signing_keys import make_signing_key
from services.journal.settings import signer_of

StoreName = Literal["seaweedfs", "minio"]
STORES: Final = {"seaweedfs": stores.seaweedfs, "minio": stores.minio}
_READY_SECONDS: Final = 60.0
_ROLES: Final = ("auth", "ingest", "catalog", "journal")


class OneBox:
    """One machine's gateway in one state folder. All calls come from the main thread."""

    def __init__(
        self,
        folder: StateFolder,
        console: Console,
        signals: Signals,
        *,
        store: StoreName = "seaweedfs",
        deployment: Deployment | None = None,
    ) -> None:
        self.folder = folder
        self.store_name = store
        self._deployment = deployment or Deployment()
        self._console = console
        self._signals = signals
        self._children = Children(folder.logs, folder.path / "children.json", held=signals.held)
        self._postgres: RunningPostgres | None = None
        self._store: Store | None = None
        self._origins: Origins | None = None
        self._certificates: Certificates | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Bring everything up; returns when every process is ready and everybody is enrolled.

        Raises:
            ChildFailed, PostgresDown, StoreMissing, AgencyError, Stopped.
            ValueError: the folder's objects are in another store.
        """
        self._require_same_store()
        for name in self._children.reap():
            self._console.detail(f"đã dừng tiến trình sót lại / ended what a killed run left: {name}")
        self._certificates = certificates(self.folder.folder("tls"))
        self._origins = Origins.of(self.folder)
        store = self._start_stores()
        places = self._prepare(store)
        self._start_services(places)
        self._enrol()

    def stop(self) -> None:
        """End everything that was started, the services first; safe to repeat."""
        with self._signals.ending():
            killed = self._children.stop(hurry=lambda: self._signals.hurry)
            if self._postgres is not None:
                self._postgres.stop()
                self._postgres = None
            for name in killed:
                self._console.detail(f"phải dừng cưỡng bức / had to be killed: {name}")

    @property
    def origins(self) -> Origins:
        """Where the services listen; known once `start` began."""
        if self._origins is None:
            raise RuntimeError("not started")
        return self._origins

    @property
    def log_keys(self) -> Path:
        """The log's public keys, as `nopluu verify --keys` takes them."""
        return self._secrets / "log-keys.txt"

    def profile(self, key: str) -> Profile:
        """The SDK's profile of an enrolled client (`agency`, `stranger`, `archivist`, `author`, `approver`)."""
        return Profile.load(key, self.config)

    @property
    def config(self) -> Path:
        """The `nopluu` command's configuration with all enrolled clients."""
        return self.folder.path / "agency" / "config.toml"

    def child(self, name: str) -> Child:
        """A running process by its name, such as `ingest`."""
        return next(child for child in self._children.started if child.name == name)

    def restart(self, *names: str) -> None:
        """Start again processes that have ended, and wait until all are ready."""
        for child in [self._children.restart(self.child(name)) for name in names]:
            self._await_ready(child)

    @property
    def postgres(self) -> RunningPostgres:
        """The database server."""
        if self._postgres is None:
            raise RuntimeError("not started")
        return self._postgres

    @property
    def store(self) -> Store:
        """The object store."""
        if self._store is None:
            raise RuntimeError("not started")
        return self._store

    def restart_postgres(self) -> None:
        """Start the database server again after `postgres.kill()`."""
        with self._signals.held():
            self._postgres = postgres.start(self.folder.path / "postgres")

    def require_running(self) -> None:
        """Raises ChildFailed where any process has ended by itself."""
        self._children.require_running()
        if self._postgres is not None and not self._postgres.is_running():
            raise ChildFailed("postgres", "ended", "")

    def admin_command(self, process: str, *arguments: str) -> str:
        """What `nopluu-admin …` prints under a process's own settings.

        Raises:
            ChildFailed: it failed.
        """
        environment = dict(self.child(process).command.environment)
        return _run_admin(arguments, environment)

    def admin(self, process: str, path: str) -> str:
        """What a process's admin listener answers, such as `/metrics`."""
        with urllib.request.urlopen(self.origins.admin_url(process, path), timeout=10) as answer:  # noqa: S310 - loopback
            return str(answer.read().decode())

    @property
    def _secrets(self) -> Path:
        return self.folder.folder("secrets")

    def _require_same_store(self) -> None:
        made_with = self.folder.get("store")
        if made_with not in (None, self.store_name):
            raise ValueError(
                f"{self.folder.path}: đã dùng / was made with STORE={made_with}; chọn thư mục khác / choose another STATE"
            )
        self.folder.remember({"store": self.store_name})

    def _start_stores(self) -> Store:
        self._console.step("PostgreSQL", "PostgreSQL")
        with self._signals.held():
            self._postgres = postgres.start(self.folder.path / "postgres")
        self._console.step(f"Kho đối tượng {self.store_name}", f"object store {self.store_name}")
        make = STORES[self.store_name]
        store = make(self.folder.folder(self.store_name), lambda name: self.folder.port(f"{self.store_name}-{name}"))
        store.start(self._children)
        self._store = store
        return store

    def _prepare(self, store: Store) -> Places:
        """Migrations, URLs, keys, and the archive's own clients."""
        self._console.step("Cơ sở dữ liệu và khóa", "migrations and keys")
        server = self.postgres
        migrate(server.admin_url)
        secrets = self._secrets
        for role in _ROLES:
            write_private(secrets / f"database-{role}.url", server.url_for(f"nopluu_{role}").encode())
        if not any((secrets / "signing-keys").glob("*.pem")):
            make_signing_key(secrets / "signing-keys", time.time())
        for name in ("log", "grant"):
            private_key(secrets / f"{name}.pem")
        vkey = str(signer_of(self.origins.log, secrets / "log.pem").verifier)
        write_shared(secrets / "log-keys.txt", f"{vkey}\n".encode())
        return Places(
            secrets,
            self.origins,
            self._require_certificates(),
            store.settings,
            store.custody,
            self._bootstrap(),
            self._deployment,
        )

    def _bootstrap(self) -> Mapping[str, str]:
        """What the operator does once: `nopluu-admin auth bootstrap`. Returns the services' client ids."""
        registrar = self._secrets / "client-registrar.pem"
        private_key(registrar)
        arguments = ["auth", "bootstrap"]
        arguments += ["--url-file", str(self._secrets / "database-auth.url")]
        arguments += ["--agency-code", sample.ARCHIVE_CODE, "--agency-name", sample.ARCHIVE_NAME]
        arguments += ["--registrar-key", str(public_of(registrar)), "--registrar-officer", sample.REGISTRAR_OFFICER]
        for service in SERVICE_CLIENTS:
            key = self._secrets / f"service-{service}.pem"
            private_key(key)
            arguments += ["--service", f"{service}={public_of(key)}"]
        begun = json.loads(_run_admin(arguments, dict(os.environ)).splitlines()[-1])
        self.folder.remember({"archive": begun["agency"], "client-registrar": begun["registrar"]["client_id"]})
        return {name: str(entry["client_id"]) for name, entry in begun["services"].items()}

    def _start_services(self, places: Places) -> None:
        self._console.step("Các dịch vụ", "services: " + ", ".join(command.name for command in places.commands()))
        started = [self._children.start(command) for command in places.commands()]
        for child in started:
            self._await_ready(child)

    def _await_ready(self, child: Child) -> None:
        address = self.origins.admin_url(child.name, "/readyz")
        self._children.wait_until(child, lambda: _unready(address), seconds=_READY_SECONDS)

    def _enrol(self) -> None:
        """Everybody of the sample, through auth's API as the registrar, and the baseline rules by two officers."""
        self._console.step("Đăng ký cơ quan, cán bộ và bộ quy tắc", "enrolment and secrecy rules")
        archive = self.folder.get("archive") or ""
        registrar = self._write_profile("registrar", self.folder.get("client-registrar") or "", None)
        agencies = {"archive": archive}
        with Client(registrar) as client:
            enrolment = Enrolment(client, self.origins.origin("auth"), datetime.now(UTC).date())
            for agency in sample.AGENCIES:
                agencies[agency.key] = enrolment.agency(agency, custodian=archive)
            for entry in sample.CLIENTS:
                key = private_key(self._secrets / f"client-{entry.key}.pem")
                client_id = enrolment.client(
                    entry,
                    agency=agencies[entry.agency],
                    agency_code=_code_of(entry.agency) or sample.ARCHIVE_CODE,
                    key=key,
                )
                self._write_profile(entry.key, client_id, _code_of(entry.agency))
        version, new = publish_baseline(self.profile("author"), self.profile("approver"))
        self._console.detail(
            f"quy tắc phiên bản {version} / rules version {version}"
            + (" (mới công bố / published now)" if new else " (đang hiệu lực / in force)")
        )

    def _write_profile(self, key: str, client_id: str, creator: str | None) -> Profile:
        profile = Profile(
            gateway=self.origins.origin("ingest"),
            client_id=UUID(client_id),
            key_file=self._secrets / f"client-{key}.pem",
            name=key,
            ca_file=self._require_certificates().ca,
            creator=creator,
            state_dir=self.folder.path / "agency" / key,
            secrecy_profile=self._deployment.secrecy_profile,
            log_keys=tuple(self.log_keys.read_text().split()),
        )
        if not self.config.exists():
            write_profile_file(self.config, b"")
        profile.save(self.config, make_default=key == "agency")
        return Profile.load(key, self.config)

    def _require_certificates(self) -> Certificates:
        if self._certificates is None:
            raise RuntimeError("not started")
        return self._certificates


def _run_admin(arguments: Sequence[str], environment: dict[str, str]) -> str:
    command = [str(Path(sys.executable).with_name("nopluu-admin")), *arguments]
    done = subprocess.run(command, capture_output=True, check=False, start_new_session=True, env=environment)  # noqa: S603 - ours
    if done.returncode:
        raise ChildFailed(f"nopluu-admin {arguments[0]}", f"exit code {done.returncode}", done.stderr.decode())
    return done.stdout.decode()


def _code_of(agency: str) -> str | None:
    return next((entry.code for entry in sample.AGENCIES if entry.key == agency), None)


def _unready(address: str) -> str | None:
    """None once the listener answers 200; else what is missing."""
    try:
        with urllib.request.urlopen(address, timeout=5):  # noqa: S310 - loopback
            return None
    except urllib.error.HTTPError as error:
        with error:
            return error.read().decode(errors="replace")[:200]
    except OSError as error:
        return str(error)
