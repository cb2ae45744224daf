"""The day in Vietnam, by which decisions take effect and terms are counted."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from typing import Final

VIETNAM: Final = timezone(timedelta(hours=7))


def day_in_vietnam(moment: datetime) -> date:
    """The calendar day there at a moment. A body that ceases on 1/7 is there until 17:00 UTC of 30/6."""
    return moment.astimezone(VIETNAM).date()
