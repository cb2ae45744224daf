"""Which real components a test run used and which it could not: told in the run's last lines, so that green never
means more than it does.

A fixture that starts a real thing calls `took_part`; one that cannot calls `did_not_run`, and its tests are skipped.
"""

from __future__ import annotations

_EXPECTED = ("PostgreSQL", "SeaweedFS", "MinIO", "SoftHSM", "OpenBao or Vault", "the services over HTTPS", "HAProxy")
_used: dict[str, str] = {}
_missed: dict[str, str] = {}


def took_part(component: str, what: str) -> None:
    """Note that a real component ran; `what` names its version or kind."""
    _used[component] = what


def did_not_run(component: str, reason: str) -> None:
    """Note that a component could not run here."""
    _missed[component] = reason


def summary() -> list[str]:
    """One line for what ran, one for each thing that did not."""
    used = ", ".join(f"{component} ({what})" for component, what in sorted(_used.items()))
    missed = (component for component in dict.fromkeys((*_EXPECTED, *_missed)) if component not in _used)
    return [
        f"Real components in this run: {used or 'none'}.",
        *(f"NOT RUN: {component} ({_missed.get(component, 'no test of this run needs it')})." for component in missed),
    ]
