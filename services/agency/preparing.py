"""From what an agency has to what it may send: one way for `check` and for `push`.

Source: DESIGN 5.1, 9; usability notes B5.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

from services.agency.carried_rules import Carried
from services.agency.delivery import Delivery
from services.agency.manifest_check import check_manifests
from services.agency.profile_lists import vocabulary
from services.agency.secrecy_check import withhold_secrets
from services.agency.sheets.columns import layout as layout_named
from services.agency.sheets.reading import read_delivery
from services.kernel.secrecy import DeploymentProfile, Level


def read_sheet(sheet: Path, files: Path, *, layout: str, today: date, fonds: str | None = None) -> Delivery:
    """What a spreadsheet describes, with every problem of its cells and files.

    Raises:
        KeyError: no such layout.
        OSError: the workbook or the folder cannot be opened.
    """
    chosen = layout_named(layout)
    return read_delivery(sheet, files, layout=chosen, vocabulary=vocabulary(chosen.profile), today=today, fonds=fonds)


def prepare(delivery: Delivery, *, deployment: DeploymentProfile, today: date, rules: Carried | None = None) -> None:
    """Make stubs of what may not leave this machine, and tell what the gateway would refuse.

    `rules` are those carried from the gateway, with what this agency may hand in; without them the baseline judges, and
    over an independent LAN nothing that is still protected may be handed in.
    """
    withhold_secrets(delivery, deployment=deployment, today=today)
    check_manifests(
        delivery,
        deployment=deployment,
        today=today,
        rules=None if rules is None else rules.compiled,
        ceiling=Level.NONE if rules is None else rules.ceiling(today),
    )
