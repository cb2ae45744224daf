"""Names of things: typed UUIDs, and the agency codes of both schemes.

Source: QCVN 102:2016 (`000.00.47.A47`) and QĐ 20/2020/QĐ-TTg (`H47.12`); domain notes §5.
"""

from __future__ import annotations

import re
from typing import NewType
from uuid import UUID

PackageId = NewType("PackageId", UUID)
ComponentId = NewType("ComponentId", UUID)
DocumentId = NewType("DocumentId", UUID)
AttemptId = NewType("AttemptId", UUID)
KeyId = NewType("KeyId", UUID)
FondsId = NewType("FondsId", UUID)
AgencyId = NewType("AgencyId", UUID)
ClientId = NewType("ClientId", UUID)
EventId = NewType("EventId", UUID)
AgencyCode = NewType("AgencyCode", str)

_CODES = (re.compile(r"\d{3}\.\d{2}\.\d{2}\.[A-Z]\d{2}"), re.compile(r"[A-Z]\d{2}(\.\d{2,3})*"))
_LONGEST_CODE = 35


def parse_agency_code(text: str) -> AgencyCode:
    """An agency's code in either scheme.

    Raises:
        ValueError: in neither.
    """
    if len(text) <= _LONGEST_CODE and any(pattern.fullmatch(text) for pattern in _CODES):
        return AgencyCode(text)
    raise ValueError("neither QCVN 102:2016 nor QĐ 20/2020")


def uuid7(unix_ms: int, random: bytes) -> UUID:
    """A UUIDv7 (RFC 9562) from a time in milliseconds and ten random bytes."""
    if len(random) != 10:
        raise ValueError("a UUIDv7 takes ten random bytes")
    tail = int.from_bytes(random)
    value = (unix_ms & (1 << 48) - 1) << 80 | 0x7 << 76 | (tail >> 62 & 0xFFF) << 64 | 0b10 << 62 | tail & (1 << 62) - 1
    return UUID(int=value)
