"""`make run`: `python -m deploy.onebox`. STATE, STORE and ONCE come from the environment or as options."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from deploy.onebox import sample
from deploy.onebox.console import Console
from deploy.onebox.postgres import PostgresDown
from deploy.onebox.processes import ChildFailed
from deploy.onebox.proof import Deposit, NotProved, Proof, require_unseen
from deploy.onebox.signals import Signals, Stopped
from deploy.onebox.stack import STORES, OneBox
from deploy.onebox.state import FolderInUse, StateFolder
from deploy.onebox.stores import StoreMissing
from services.agency import AgencyError

_WATCH_SECONDS: Final = 1.0
_INTERRUPTED: Final = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the gateway; the exit code is 0 only if every step was verified."""
    options = _options(arguments)
    console, signals = Console(), Signals()
    signals.install()
    began = time.monotonic()
    deposits: list[Deposit] = []
    failure, tail = "", ""
    try:
        with OneBox(StateFolder(options.state), console, signals, store=options.store) as box:
            box.start()
            deposits += _prove(box, console)
            _addresses(box, console)
            if not options.once:
                _stay(box, console)
    except Stopped:
        failure = "đã dừng theo yêu cầu / stopped as asked" if options.once or not deposits else ""
    except ChildFailed as error:
        failure, tail = str(error), error.tail
    except FolderInUse as error:
        failure = f"{error}: một tiến trình khác đang dùng / another make run uses this folder"
    except (NotProved, AgencyError, StoreMissing, PostgresDown, OSError, ValueError) as error:
        failure = f"{type(error).__name__}: {error}"
    if failure:
        console.failed(failure, tail)
    if options.once or failure:
        console.result(
            ok=not failure,
            packages=len(deposits),
            components=sum(deposit.components for deposit in deposits),
            bytes=sum(deposit.bytes for deposit in deposits),
            seconds=round(time.monotonic() - began, 1),
            store=options.store,
            **({"reason": failure} if failure else {}),
        )
    if not failure:
        return 0
    return _INTERRUPTED if signals.received else 1


def _prove(box: OneBox, console: Console) -> list[Deposit]:
    """Push, verify, search, fetch, and show a stranger nothing."""
    known = {
        label: package for label in box.folder.names("package-") if (package := box.folder.get(f"package-{label}"))
    }
    proof = Proof(box.profile("agency"), console, box.log_keys, known)
    console.step("Nộp hai đợt mẫu, kiểm chứng biên nhận", "push two deliveries, prove their receipts offline")
    deposits = proof.deliver((sample.SHEET, sample.SCANS), sample.FOLDER)
    box.folder.remember({f"package-{deposit.label}": str(deposit.package) for deposit in deposits})
    console.step("Tìm “thu thap chinh ly”", "search “thu thap chinh ly”")
    proof.search(deposits)
    console.step("Tải về và so từng byte", "fetch back and compare every byte")
    proof.fetch(deposits)
    require_unseen(box.profile("stranger"), deposits)
    console.detail("cơ quan khác không thấy gì / another agency sees nothing")
    return deposits


def _addresses(box: OneBox, console: Console) -> None:
    console.step("Tài liệu API", "API documents")
    for service in ("auth", "ingest", "catalog"):
        console.detail(f"{service:8} {box.origins.origin(service)}/docs")
    console.detail(f"CA       {box.folder.path / 'tls' / 'ca.pem'}")
    console.detail(f"nopluu   NOPLUU_CONFIG={box.config}")


def _stay(box: OneBox, console: Console) -> None:
    console.line("Đang chạy; Ctrl-C để dừng. / Running; Ctrl-C stops it.")
    while True:
        time.sleep(_WATCH_SECONDS)
        box.require_running()


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make run", description="Nộp Lưu trên một máy / Nộp Lưu on one machine")
    parser.add_argument("--state", type=Path, default=Path(os.environ.get("STATE") or ".nopluu"), help="state folder")
    parser.add_argument("--store", choices=sorted(STORES), default=os.environ.get("STORE") or "seaweedfs")
    parser.add_argument("--once", action="store_true", default=os.environ.get("ONCE", "") not in ("", "0"))
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
