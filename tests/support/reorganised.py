"""Sample: districts that ceased on 1/7/2025, the communes and the province's body that follow them.

Invented names and codes in the true form; the day and the two instruments are real.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

DAY: Final = "2025-07-01"
EVE: Final = "2025-06-30"
ACT: Final = "NQ 1659/NQ-UBTVQH15"
PROVINCE_ACT: Final = "NQ 202/2025/QH15"


@dataclass(frozen=True, slots=True)
class Body:
    """One agency of the sample, as the registrar registers it."""

    name: str
    kind: str
    level: str
    code: str
    since: str
    fonds: tuple[str, ...] = ()

    def form(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "kind": self.kind,
            "level": self.level,
            "valid_from": self.since,
            "codes": [{"code": self.code, "valid_from": self.since}],
        }


DISTRICT: Final = Body("UBND huyện Hòa Phú", "district", "district", "000.17.40.H17", "1997-01-01", ("P012",))
OLD_COMMUNES: Final = (
    Body("UBND xã Hòa Đông", "commune", "commune", "001.17.40.H17", "1997-01-01", ("P001",)),
    Body("UBND xã Hòa Tây", "commune", "commune", "002.17.40.H17", "1997-01-01", ("P001",)),
)
DEPARTMENT: Final = Body("Sở Nội vụ", "department", "province", "000.00.05.H17", "1997-01-01")
NEW_COMMUNE: Final = Body("UBND xã Hòa Phú", "commune", "commune", "H17.40.01", DAY, ("P001",))
OTHER_COMMUNE: Final = Body("UBND xã Hòa Bắc", "commune", "commune", "H17.40.02", DAY)
BYSTANDER: Final = Body("UBND xã Xa", "commune", "commune", "H17.99.01", "1997-01-01", ("P777",))
