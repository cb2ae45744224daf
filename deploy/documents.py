"""Write what the code says of itself: `openapi/*.json`, `openapi/errors.md`, the front's own answers, the alerts,
the rules' basis in law.

    python -m deploy.documents           write them
    python -m deploy.documents --check   fail where a committed one differs

Source: DESIGN 5 "Refusals", 12; the services need no connection to describe themselves.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from deploy import alerts, legal_register
from deploy.haproxy import problems
from services.kernel.refusals import Refusal, registered

FOLDER = Path(__file__).parents[1] / "openapi"
FRONT = Path(__file__).parent / "haproxy" / "errors"
SERVICES = ("auth", "ingest", "catalog")


def documents() -> Mapping[str, str]:
    """Every generated document by its file name."""
    made = {f"{service}.json": _openapi(service) for service in SERVICES}
    made["errors.md"] = errors(registered().values())
    return made


def written() -> Mapping[Path, str]:
    """Every generated file by its place."""
    described = {FOLDER / name: text for name, text in documents().items()}
    described[legal_register.REGISTER] = legal_register.register()
    described[alerts.RULES] = alerts.rules()
    return described | {FRONT / name: text for name, text in problems.files().items()}


def _openapi(service: str) -> str:
    described = importlib.import_module(f"services.{service}.api").create_api().openapi()
    return json.dumps(described, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def errors(refusals: Iterable[type[Refusal]]) -> str:
    """The register of refusals as a person reads it, in both languages."""
    lines = [
        "# Mã lỗi / Problem codes",
        "",
        "Generated from the registry of refusals by `python -m deploy.documents`. Every problem is `application/problem+json` (RFC 9457)",
        "with `code`, `title`, `detail`, `fix`, `retryable`, `request_id` and, where something in the input must be mended, `errors` with",
        "JSON pointers. `{…}` stands for a fact of the case.",
        "",
    ]
    for refusal in sorted(refusals, key=lambda entry: entry.code):
        again = "có / yes" if refusal.retryable else "không / no"
        lines += [
            f"## `{refusal.code}`",
            "",
            f"HTTP {refusal.status} · gửi lại được / retryable: {again}",
            "",
            f"- **{refusal.title.vi}.** {refusal.detail.vi} → {refusal.fix.vi}",
            f"- **{refusal.title.en}.** {refusal.detail.en} → {refusal.fix.en}",
            "",
        ]
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    stale = []
    for path, text in written().items():
        if path.exists() and path.read_text("utf-8") == text:
            continue
        stale.append(path.name)
        if "--check" not in arguments:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, "utf-8")
    if stale:
        print(("differs: " if "--check" in arguments else "written: ") + ", ".join(stale))
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
