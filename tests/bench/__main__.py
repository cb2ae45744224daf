"""`python -m tests.bench`: ratios measured within one run, beside the same store driven directly.

Prints a table and writes `.bench/FIGURES.json`. Absolute numbers belong to the machine and to whatever else it does;
only ratios within one table mean something elsewhere. "CPU" is processor seconds for 1,000 units (a GB, or 1,000 files).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from deploy.onebox.stack import StoreName
from tests.bench import (
    gateway,
    large_parts,
    memory,
    ranged_reads,
    receipts,
    rules,
    signatures,
    small_files,
    superseding,
)
from tests.bench.measuring import Comparison, table
from tests.support.stores import STORES, available, running_store

_GROUPS = ("large", "ranges", "small", "memory", "gateway", "superseding", "receipts", "rules", "signatures")


def main() -> None:
    """Start a store of one's own, measure, show, keep."""
    asked = _arguments()
    if "signatures" in asked.only:
        proofs = []
        for comparison in signatures.measure(asked.where, asked.rounds, asked.scale):
            print("\n" + table([comparison]), flush=True)
            proofs.append(comparison)
        _keep(asked.json, "signatures", proofs)
    if set(asked.only) == {"signatures"}:
        return
    for kind in asked.store:
        if not available(kind):
            print(f"*** {STORES[kind]} WAS NOT MEASURED: it is not on this machine (make minio). ***")
            continue
        found = []
        for comparison in _measure(kind, asked):
            print(f"\n[{STORES[kind]}] " + table([comparison]), flush=True)
            found.append(comparison)
        _keep(asked.json, kind, found)


def _measure(kind: StoreName, asked: argparse.Namespace) -> Iterator[Comparison]:
    few = max(1, asked.rounds // 2)
    if {"large", "ranges", "small", "memory"} & set(asked.only):
        with (
            tempfile.TemporaryDirectory(prefix="nopluu-bench-", dir=asked.where) as folder,
            running_store(kind, Path(folder)) as store,
        ):
            if "large" in asked.only:
                yield from large_parts.measure(store.settings, store.pid, asked.rounds)
            if "ranges" in asked.only:
                yield ranged_reads.measure(store.settings, store.pid, asked.rounds)
            if "small" in asked.only:
                yield from small_files.measure(store.settings, store.pid, few, asked.scale)
            if "memory" in asked.only:
                yield memory.measure(store.settings)
    if "gateway" in asked.only:
        yield from gateway.measure(kind, asked.where, few, asked.scale)
    if "superseding" in asked.only:
        yield from superseding.measure(kind, asked.where, few, asked.scale)
    if "rules" in asked.only:
        yield from rules.measure(few)
    if "receipts" in asked.only:
        yield from receipts.measure(kind, asked.where, asked.scale)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", description=__doc__.splitlines()[0] if __doc__ else ""
    )
    parser.add_argument("--store", nargs="+", choices=tuple(STORES), default=list(STORES))
    parser.add_argument("--only", nargs="+", choices=_GROUPS, default=list(_GROUPS))
    parser.add_argument("--rounds", type=int, default=5, help="rounds for each comparison, after one to warm up")
    parser.add_argument("--scale", type=float, default=1.0, help="fraction of the files")
    parser.add_argument("--where", type=Path, default=None, help="folder for the store's files (a disk, or a RAM disk)")
    parser.add_argument("--json", type=Path, default=Path(".bench"), help="folder for the figures")
    return parser.parse_args()


def _keep(folder: Path, kind: str, found: list[Comparison]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC)
    content = {
        "store": kind,
        "at": now.isoformat(timespec="seconds"),
        "machine": {
            "processors": os.cpu_count(),
            "architecture": platform.machine(),
            "python": platform.python_version(),
        },
        "figures": [comparison.facts() for comparison in found],
    }
    path = folder / f"{now:%Y%m%dT%H%M%S}-{kind}.json"
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    print(f"\nFigures: {path}")


if __name__ == "__main__":
    main()
