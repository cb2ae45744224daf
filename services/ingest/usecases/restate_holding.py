"""The manifest of a holding with the secrecy that its records have today.

Only for judging it again: what is kept, signed and handed out stays as it was declared.

Source: DESIGN 9; DECISION-0019, DECISION-0021.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date

from services.ingest.usecases.holdings import Holdings
from services.kernel import strict_json
from services.kernel.canonical import canonical
from services.kernel.classification import Step, restated
from services.kernel.classification.message import DOSSIER
from services.kernel.identifiers import PackageId
from services.kernel.manifest import MAX_MANIFEST
from services.kernel.secrecy import Level

_NO_SECRET = {"level": Level.NONE.wire}


async def manifest_on(package: PackageId, day: date, *, holdings: Holdings) -> bytes:
    """The kept bytes where nothing has happened since."""
    data = await holdings.manifest(package)
    labels, steps = await holdings.labels(package), await holdings.steps(package)
    if not labels and not steps:
        return data
    return await asyncio.to_thread(_restated, data, labels, steps, day)


def _restated(data: bytes, labels: Mapping[int, Level], steps: Mapping[int, Sequence[Step]], day: date) -> bytes:
    value = strict_json.parse(data, max_bytes=MAX_MANIFEST)
    if not isinstance(value, dict):
        return data
    documents, changed = value.get("documents"), False
    for record in sorted({*labels, *steps}):
        if record == DOSSIER:
            bearer = value.get("dossier")
        else:
            bearer = documents[record] if isinstance(documents, list) and record < len(documents) else None
        if not isinstance(bearer, dict):
            continue
        stated = bearer.get("secrecy", _NO_SECRET)
        now = restated(stated, labels.get(record, Level.NONE), steps.get(record, ()), day)
        if now is not stated:
            bearer["secrecy"], changed = dict(now), True
    return canonical(value) if changed else data
