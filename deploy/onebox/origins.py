"""Where everything listens: public origins on the loopback interface, and one admin listener a process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from deploy.onebox.state import StateFolder

PUBLIC: Final = ("auth", "ingest", "catalog")
PROCESSES: Final = ("journal", "auth", "ingest", "ingest-worker", "ingest-custodian", "catalog", "catalog-worker")


@dataclass(frozen=True, slots=True)
class Origins:
    """Ports by service and by process, and the log's name, which never changes once there is a log."""

    public: Mapping[str, int]
    admin: Mapping[str, int]
    log: str

    @classmethod
    def of(cls, folder: StateFolder) -> Origins:
        """Those of the last run, where their ports are still free."""
        public = {service: folder.port(service) for service in PUBLIC}
        admin = {process: folder.port(f"{process}-admin") for process in PROCESSES}
        log = folder.get("log-origin")
        if log is None:
            log = f"localhost:{public['ingest']}/log"
            folder.remember({"log-origin": log})
        return cls(public, admin, log)

    def origin(self, service: str) -> str:
        """`https://localhost:port` of a service."""
        return f"https://localhost:{self.public[service]}"

    def admin_url(self, process: str, path: str) -> str:
        """An address of a process's admin listener."""
        return f"http://127.0.0.1:{self.admin[process]}{path}"
