"""What a document of secret level states where it meets every condition of the independent LAN."""

from __future__ import annotations


def lawful(level: str) -> dict[str, object]:
    """The secrecy object that meets conditions 7 to 12."""
    return {
        "level": level,
        "classified_on": "2026-01-10",
        "permission": {
            "number": "12/QĐ",
            "date": "2026-04-01",
            "authority": "Bí thư Đảng ủy xã",
            "rank": "province_leader",
            "copies": 2,
        },
        "register_entry": "45/2026",
        "capture_network": "none",
        "copies_made": 1,
        "list_item": "1630/QĐ-TTg:2.1",
    }
