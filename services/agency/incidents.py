"""Incidents at the gateway, for officers: what `nopluu incidents` asks.

Source: DESIGN 9 "incident"; DECISION-0020.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Self
from urllib.parse import urlencode
from uuid import UUID

from services.agency import keys
from services.agency.answers import refusal
from services.agency.observing import Observer
from services.agency.paging import entries
from services.agency.profile import Profile
from services.agency.session import Body, Session
from services.agency.wire import Wire


class Incidents:
    """One officer's or archivist's way to the incidents of a gateway."""

    def __init__(self, profile: Profile, *, observer: Observer, language: str) -> None:
        self._wire = Wire(profile, connections=2)
        self._session = Session(
            self._wire,
            gateway=profile.gateway,
            client_id=str(profile.client_id),
            key=keys.load(profile.key_file),
            observer=observer,
            language=language,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._wire.close()

    def each(self, **filters: str) -> Iterator[dict[str, object]]:
        """Incidents in the order of opening, page by page."""
        return entries(self._shown, "/v1/incidents", "items", **({"limit": "200"} | filters))

    def one(self, incident: UUID) -> dict[str, object]:
        """An incident with its trail."""
        return self._ask("GET", f"/v1/incidents/{incident}")

    def report(self, incident: UUID) -> bytes:
        """The page to print and file."""
        answer = self._session.request("GET", f"{self._session.endpoints().ingest}/v1/incidents/{incident}/report")
        if answer.status != 200:
            raise refusal(answer)
        return answer.body

    def open(self, target: Mapping[str, object]) -> dict[str, object]:
        """Hold at once."""
        return self._ask("POST", "/v1/incidents", target)

    def step(self, incident: UUID, kind: str, facts: Mapping[str, object]) -> dict[str, object]:
        """Take a step: `proposals`, `confirmation`, `done` or `closure`."""
        return self._ask("POST", f"/v1/incidents/{incident}/{kind}", facts)

    def _shown(self, path: str, **query: str) -> dict[str, object]:
        return self._ask("GET", f"{path}?{urlencode(query)}")

    def _ask(self, method: str, path: str, value: Mapping[str, object] | None = None) -> dict[str, object]:
        body = None if value is None else Body.of(json.dumps(value, ensure_ascii=False).encode())
        answer = self._session.request(method, f"{self._session.endpoints().ingest}{path}", body)
        if answer.status >= 300:
            raise refusal(answer)
        return answer.json()
