"""The front's own answers as problem documents, from the one register of refusals: a file for each status.

HAProxy reads them once, when it starts; they hold both languages, because it does not read `Accept-Language`, and no
`request_id`, because no service gave one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from services.kernel.refusals import Refusal, Text
from services.kernel.refusals.front import (
    FrontFieldNameRefused,
    FrontInstanceLate,
    FrontInstanceLost,
    FrontNoInstance,
    FrontRequestLate,
    FrontRequestRefused,
)
from services.kernel.refusals.identity import ContentLengthMissing
from services.kernel.refusals.platform import BodyTooLarge, HostUnknown, InternalError

MAX_BODY: Final = 64 * 1024 * 1024 + 4096  # bytes: the largest body that any route takes

REFUSALS: Final[tuple[Refusal, ...]] = (
    FrontRequestRefused(),
    FrontFieldNameRefused(),
    FrontRequestLate(),
    ContentLengthMissing(),
    BodyTooLarge(limit=MAX_BODY),
    HostUnknown(),
    InternalError(),
    FrontInstanceLost(),
    FrontNoInstance(),
    FrontInstanceLate(),
)


def files() -> Mapping[str, str]:
    """The body for each status, by file name."""
    return {f"{refusal.status}.json": _problem(refusal) for refusal in REFUSALS}


def _problem(refusal: Refusal) -> str:
    document = {
        "type": f"/errors#{refusal.code}",
        "code": refusal.code,
        "status": refusal.status,
        "title": _both(refusal.title),
        "detail": _both(refusal.detail.filled(refusal.facts)),
        "fix": _both(refusal.fix.filled(refusal.facts)),
        "retryable": refusal.retryable,
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def _both(text: Text) -> str:
    return f"{text.vi} / {text.en}"
