"""`python -m tests.soak`: what takes longer than a submission's check can bear. Each part says what it did and how long.

Fails where a promise is broken; the figures are printed and kept in `tests/soak/figures/`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from tests.soak import rewrap, ten_gib

PARTS: Mapping[str, Callable[[float], dict[str, object]]] = {
    "rewrap": rewrap.measure,
    "ten-gib": ten_gib.measure,
}
"""Each takes the fraction of its size that is wanted, raises AssertionError, and gives its figures."""

FIGURES = Path(__file__).parent / "figures"


def main() -> None:
    """Run the parts that are asked for, all by default."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak")
    parser.add_argument("--only", nargs="+", choices=tuple(PARTS), default=list(PARTS))
    parser.add_argument("--scale", type=float, default=1.0, help="fraction of the size; figures are kept only at 1")
    asked = parser.parse_args()
    for name in asked.only:
        found = PARTS[name](asked.scale)
        print(json.dumps({name: found}, indent=1), flush=True)
        if asked.scale == 1.0:
            _keep(name, found)


def _keep(name: str, found: dict[str, object]) -> None:
    FIGURES.mkdir(exist_ok=True)
    machine = {"processors": os.cpu_count(), "architecture": platform.machine(), "python": platform.python_version()}
    content = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine, "figures": found}
    (FIGURES / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
