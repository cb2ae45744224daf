"""Witnesses for tests: our own command's server in a thread, and litewitness (Go), which we did not write."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import socket
import sqlite3
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from services.agency.witness.serving import WitnessServer
from services.agency.witness.state import WitnessState, add_log, make
from services.kernel.tlog.notes import VerifierKey, WitnessSigner
from services.kernel.tlog.tree import EMPTY_ROOT
from tests.support.components import did_not_run, took_part

LITEWITNESS = Path(__file__).parents[2] / "build" / "bin" / "litewitness"
_NAME = "litewitness.example/w"


@dataclass(frozen=True)
class Running:
    """A witness that answers at `url` and signs with `key`."""

    key: VerifierKey
    url: str

    def policy(self) -> str:
        return f"witness w {self.key} {self.url}\nquorum w\n"


@contextmanager
def own_witness(folder: Path, log: VerifierKey, *, port: int = 0) -> Iterator[Running]:
    """`nopluu witness serve` in this process; the folder may be one of an earlier run."""
    if not (folder / "key.pem").exists():
        make(folder, "inspectorate.example/w1")
    add_log(folder, str(log))
    state = WitnessState(folder)
    with WitnessServer(("127.0.0.1", port), state) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield Running(state.signer.verifier, f"http://127.0.0.1:{server.server_address[1]}")
        finally:
            server.shutdown()
            thread.join()
            state.close()


@contextmanager
def litewitness(log: VerifierKey) -> Iterator[Running]:
    """The real litewitness with its key in a real ssh-agent; skips, loudly, where one of them is missing."""
    missing = [str(what) for what in ("ssh-agent", "ssh-add") if shutil.which(what) is None]
    if not LITEWITNESS.exists():
        missing.append("its binary (make witness, needs Go)")
    if missing:
        did_not_run("litewitness", f"missing: {', '.join(missing)}")
        pytest.skip(f"litewitness DID NOT RUN: missing {', '.join(missing)}")
    folder = Path(tempfile.mkdtemp(prefix="nopluu-w-"))  # short: the path of a socket may not be long
    processes: list[subprocess.Popen[bytes]] = []
    try:
        key = Ed25519PrivateKey.generate()
        agent = folder / "agent"
        processes.append(
            subprocess.Popen(
                ["ssh-agent", "-D", "-a", str(agent)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
        )
        _until(agent.exists)
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
        environment = {**os.environ, "SSH_AUTH_SOCK": str(agent)}
        subprocess.run(["ssh-add", "-q", "-"], input=pem, env=environment, check=True, capture_output=True)
        database = folder / "witness.db"
        _database(database, log)
        port = _free_port()
        arguments = ["-db", str(database), "-name", _NAME, "-ssh-agent", str(agent), "-key", _fingerprint(key)]
        with (folder / "log").open("wb") as out:
            processes.append(
                subprocess.Popen([str(LITEWITNESS), *arguments, "-listen", f"127.0.0.1:{port}"], stdout=out, stderr=out)
            )
        try:
            _until(lambda: _answers(port))
        except TimeoutError as error:
            raise AssertionError((folder / "log").read_text()) from error
        took_part("litewitness", "filippo.io/torchwood v0.9.0")
        yield Running(WitnessSigner(_NAME, key).verifier, f"http://127.0.0.1:{port}")
    finally:
        for process in reversed(processes):
            process.kill()
            process.wait()
        shutil.rmtree(folder)


def _database(path: Path, log: VerifierKey) -> None:
    """What `witnessctl add-log` and `add-key` write."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(
            "CREATE TABLE log (origin TEXT PRIMARY KEY, tree_size INTEGER NOT NULL, tree_hash TEXT NOT NULL);"
            "CREATE TABLE key (origin TEXT NOT NULL, key TEXT NOT NULL, FOREIGN KEY(origin) REFERENCES log(origin));"
        )
        root = base64.b64encode(EMPTY_ROOT).decode()
        connection.execute("INSERT INTO log VALUES (?, 0, ?)", (log.name, root))
        connection.execute("INSERT INTO key VALUES (?, ?)", (log.name, str(log)))


def _fingerprint(key: Ed25519PrivateKey) -> str:
    line = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    digest = hashlib.sha256(base64.b64decode(line.split()[1])).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 0.2).close()
    except OSError:
        return False
    return True


def _until(true: object, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if callable(true) and true():
            return
        time.sleep(0.02)
    raise TimeoutError
