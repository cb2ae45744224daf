"""Our checkpoints, tiles, receipts' proofs and consistency proofs before C2SP code that we did not write (Go)."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from services.agency.refreshing import refresh
from services.journal.exporting import export
from services.kernel.tlog.checkpoints import Checkpoint
from services.kernel.tlog.notes import Note
from services.kernel.tlog.policy import parse_policy
from services.kernel.tlog.proofs import LogProof
from services.kernel.tlog.receipts import parse_receipt
from services.kernel.tlog.tree import entry_hash
from services.runtime.journal import CHECKPOINT
from tests.support.components import did_not_run, took_part
from tests.support.deposits import WITNESS
from tests.support.postgres import Database

from .logs import SIGNER, Log, engine_of

PROGRAM = Path(__file__).parents[2] / "interop"
KEYS = [SIGNER.verifier]


@pytest.fixture(scope="module")
def interop(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The Go program, built; skips, loudly, where that is not possible."""
    program = tmp_path_factory.mktemp("interop") / "interop"
    if shutil.which("go") is None:
        reason = "no Go here"
    else:
        environment = {**os.environ, "GOFLAGS": "-mod=readonly"}
        built = subprocess.run(
            ["go", "build", "-o", str(program), "."], cwd=PROGRAM, env=environment, capture_output=True, check=False
        )
        if built.returncode == 0:
            took_part("torchwood (Go)", "v0.9.0 reads our log")
            return str(program)
        reason = f"it could not be built: {built.stderr.decode()[-300:]}"
    did_not_run("torchwood (Go)", reason)
    pytest.skip(f"torchwood DID NOT READ OUR LOG: {reason}")


@dataclass
class Evidence:
    folder: Path
    policy: Path
    proof: Path
    entry: str
    old: Path
    consistency: Path

    def judged(self, program: str) -> subprocess.CompletedProcess[str]:
        paths = [self.folder, self.policy, self.proof, self.entry, self.old, self.consistency]
        return subprocess.run([program, *map(str, paths)], capture_output=True, text=True, check=False)


@pytest.fixture
def evidence(database: Database, tmp_path: Path) -> Evidence:
    """A log that grew over tile borders, a cosigned checkpoint of it, an early receipt and the way from there to now."""
    log = Log(database, tmp_path / "store")

    async def make() -> Evidence:
        ids = await log.append_many(300)
        await log.sequence()
        old, receipt = await log.store.get(CHECKPOINT), await log.receipt(ids[7])
        await log.append_many(1000)
        await log.sequence()
        assert receipt is not None
        folder = tmp_path / "out"
        async with engine_of(database, "nopluu_journal") as engine, engine.connect() as connection:
            await export(connection, log.store, KEYS, folder, rows=False)
        files = folder / "log"
        done = refresh(receipt, KEYS, lambda path: (files / path).read_bytes() if (files / path).exists() else None)
        parts = parse_receipt(done.receipt)
        made = Evidence(
            files,
            tmp_path / "policy",
            tmp_path / "proof",
            entry_hash(parts.salt, parts.event).hex(),
            tmp_path / "old",
            tmp_path / "way",
        )
        policy = f"log {SIGNER.verifier}\nwitness w {WITNESS.verifier} https://witness.example\nquorum w\n"
        parse_policy(policy)
        made.policy.write_text(policy)
        made.proof.write_text(_cosigned(parts.proof))
        made.old.write_text(_cosigned(old.decode()))
        made.consistency.write_text(done.proof)
        newest = files / "checkpoint"
        newest.write_text(_cosigned(newest.read_text()))
        return made

    return asyncio.run(make())


def _cosigned(text: str) -> str:
    """A note, or a proof that ends in one, with our witness's line."""
    note = LogProof.parse(text).checkpoint if text.startswith("c2sp") else text
    return f"{text}{WITNESS.cosign(Note.parse(note).text, 1_795_000_000)}\n"


def test_it_accepts_everything(evidence: Evidence, interop: str) -> None:
    done = evidence.judged(interop)
    assert (done.returncode, done.stdout.strip()) == (0, "1300"), done.stderr


def test_it_refuses_what_was_altered(evidence: Evidence, interop: str) -> None:
    tile, bundle = evidence.folder / "tile" / "0" / "001", evidence.folder / "tile" / "entries" / "002"
    for path in (tile, bundle, evidence.proof, evidence.consistency, evidence.old, evidence.folder / "checkpoint"):
        good = path.read_bytes()
        at = len(good) // 2 if path in (tile, bundle) else good.index(b"\n", 5) + 5
        path.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        assert evidence.judged(interop).returncode == 1, path.name
        path.write_bytes(good)
    evidence.old.write_text(str(SIGNER.sign(Checkpoint(SIGNER.verifier.name, 300, bytes(32)).text)))
    assert "checkpoint" in evidence.judged(interop).stderr  # nobody cosigned it
