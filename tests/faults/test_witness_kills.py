"""The witness command killed with -9 while it cosigns: what it cosigned, it remembers; what it forgets, it never gave."""

from __future__ import annotations

import hashlib
import http.client
import json
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path

from services.agency.witness.state import WitnessState
from services.kernel.tlog.checkpoints import Checkpoint
from services.kernel.tlog.notes import VerifierKey
from services.kernel.tlog.tiles import Edge, Tile, consistency_path
from services.kernel.tlog.witnessing import AddCheckpoint, cosignatures
from tests.support.deposits import LOG, ORIGIN

NOPLUU = str(Path(sys.executable).with_name("nopluu"))
KILLS = 6


def start(folder: Path) -> tuple[subprocess.Popen[bytes], str, VerifierKey]:
    process = subprocess.Popen(
        [NOPLUU, "witness", "serve", str(folder), "--listen", "127.0.0.1:0", "--json"], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    told = json.loads(process.stdout.readline())
    assert told["logs"] == [ORIGIN]
    return process, f"http://{told['address']}", VerifierKey.parse(told["key"])


def ask(url: str, request: AddCheckpoint) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"{url}/add-checkpoint", str(request).encode(), timeout=5) as answer:  # noqa: S310 - loopback
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_no_cosignature_is_forgotten(tmp_path: Path) -> None:
    folder = tmp_path / "w"
    made = [NOPLUU, "witness", "init", str(folder), "--name", "inspectorate.example/w1", "--log", str(LOG.verifier)]
    subprocess.run(made, check=True, capture_output=True)
    edge, tiles = Edge(), dict[Tile, bytes]()
    known = 0

    def grown() -> AddCheckpoint:
        entry = hashlib.sha256(edge.size.to_bytes(8)).digest()
        places = [*edge.append([entry]), *edge.partial()]
        tiles.update({place: data for place, data in places if isinstance(place, Tile)})
        note = str(LOG.sign(Checkpoint(ORIGIN, edge.size, edge.root).text))
        return AddCheckpoint(known, tuple(consistency_path(known, edge.size, tiles)), note)

    for round_ in range(KILLS):
        process, url, key = start(folder)
        killer = threading.Timer(0.15 + 0.05 * round_, process.kill)
        killer.start()
        try:
            while True:
                request = grown()
                try:
                    status, answer = ask(url, request)
                except (OSError, http.client.HTTPException):
                    break  # killed, perhaps between writing and answering
                if status == 409:  # written before the kill, and its answer lost: it may know more than we were told
                    known = int(answer)
                    assert known < edge.size
                    continue
                assert (status, len(cosignatures(answer, request.note, [key]))) == (200, 1)
                known = edge.size
        finally:
            killer.join()
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()
        state = WitnessState(folder)
        remembered = state.known(ORIGIN)
        state.close()
        assert remembered is not None
        assert remembered.size >= known
        known = remembered.size
    assert known > KILLS
