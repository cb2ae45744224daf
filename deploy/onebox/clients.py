"""Speaking JSON to the services as one enrolled client: the registrar's and the officers' half of `make run`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from services.agency import keys
from services.agency.answers import Answer, refusal
from services.agency.observing import Silent
from services.agency.profile import Profile
from services.agency.session import Body, Session
from services.agency.wire import Wire


class Client:
    """Signed requests of one client; refusals are raised as the SDK's errors."""

    def __init__(self, profile: Profile) -> None:
        self._wire = Wire(profile, connections=2)
        self._session = Session(
            self._wire,
            gateway=profile.gateway,
            client_id=str(profile.client_id),
            key=keys.load(profile.key_file),
            observer=Silent(),
            language="en",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._wire.close()

    def ask(self, method: str, url: str, body: Body | None = None) -> Answer:
        """The answer, whatever it is."""
        return self._session.request(method, url, body)

    def get(self, url: str) -> dict[str, object]:
        """A JSON object.

        Raises:
            AgencyError: refused.
        """
        return _accepted(self.ask("GET", url)).json()

    def post(self, url: str, value: Mapping[str, object]) -> dict[str, object]:
        """The answer to a JSON object.

        Raises:
            AgencyError: refused.
        """
        return _accepted(self.ask("POST", url, Body.of(json.dumps(value, ensure_ascii=False).encode()))).json()

    def put(self, url: str, value: Mapping[str, object]) -> dict[str, object]:
        """The answer to a JSON object at an address of the caller's choosing.

        Raises:
            AgencyError: refused.
        """
        return _accepted(self.ask("PUT", url, Body.of(json.dumps(value, ensure_ascii=False).encode()))).json()


def _accepted(answer: Answer) -> Answer:
    if answer.status >= 300:
        raise refusal(answer)
    return answer
