"""An archivist takes a document out whose protection has ended and whose access mode is still 03: on paper, and by two persons."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from deploy.onebox.stack import OneBox
from services.agency.errors import Exit
from services.kernel.vietnam import day_in_vietnam
from tests.support.deliveries import make_delivery
from tests.support.stack import Clerk, clerk_of, eventually

LONG = 120.0  # the machine may be busy with other tests


def test_restricted_documents_leave_on_paper_and_by_two_persons(
    box: OneBox, clerk: Clerk, archivist: Clerk, tmp_path: Path
) -> None:
    officer = clerk_of(box, "inspector", tmp_path / "officer")
    delivery = make_delivery(tmp_path / "delivery", files=2, size=2000, seed=910_031)
    description = json.loads((delivery.folder / "ho-so.json").read_text("utf-8"))
    ended = {"level": "mat", "issued_on": "2001-01-04"}
    description["documents"][0] |= {"access_mode": "Mật", "secrecy": ended, "issued_on": "04/01/2001"}
    (delivery.folder / "ho-so.json").write_text(json.dumps(description, ensure_ascii=False), "utf-8")
    pushed = clerk("push", delivery.folder, "--json")
    assert pushed.code == Exit.DONE, pushed.out + pushed.err

    def found() -> list[dict[str, object]]:
        return archivist("search", "P012.2020-2025.09.01.910031", "--limit", "200", "--json").lines("document")

    [document] = [entry for entry in eventually(found, seconds=LONG, pause=0.5) if entry["ordinal"] == 1]
    wanted = document["document"]
    back = tmp_path / "back"
    refused = archivist("get", wanted, "-o", back)
    assert refused.code != Exit.DONE
    assert "export-not-approved" in refused.out + refused.err
    today = day_in_vietnam(datetime.now(UTC))
    asked = archivist(
        "export", "ask", wanted, "--number", "15/QĐ-UBND", "--decided-on", today,
        "--authority", "Chủ tịch UBND tỉnh", "--to", "Thanh tra tỉnh", "--until", today + timedelta(days=5), "--json",
    )  # fmt: skip
    assert asked.code == Exit.DONE, asked.out + asked.err
    request = asked.one("export")["id"]
    own = archivist("export", "approve", request)
    assert "export-same-person" in own.out + own.err
    assert officer("export", "approve", request).code == Exit.DONE
    assert archivist("get", wanted, "-o", back).code == Exit.DONE
    assert any(path.read_bytes() == delivery.files[0].read_bytes() for path in back.rglob("*") if path.is_file())
    assert archivist("export", "end", request).code == Exit.DONE
    assert archivist("get", wanted, "-o", tmp_path / "again").code != Exit.DONE
    listed = officer("export", "list").out
    assert str(request) in listed
    assert "Thanh tra" not in listed
