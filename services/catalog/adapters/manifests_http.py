"""Manifests from ingest, by signed request."""

from __future__ import annotations

from typing import Protocol

from services.catalog.usecases.ports import ManifestAway
from services.runtime.service_client import Answer, CallFailed


class Calls(Protocol):
    """Signed requests to another service."""

    async def request(
        self, method: str, url: str, *, body: bytes | None = None, content_type: str | None = None
    ) -> Answer:
        """Raises CallFailed where the other service cannot be reached."""


class HttpManifests:
    """See `usecases.ports.Manifests`."""

    def __init__(self, calls: Calls, ingest_origin: str) -> None:
        self._calls = calls
        self._address = f"{ingest_origin}/v1/manifests"

    async def fetch(self, sha256: bytes) -> bytes:
        try:
            answer = await self._calls.request("GET", f"{self._address}/{sha256.hex()}")
        except CallFailed as error:
            raise ManifestAway(type(error).__name__) from error
        if answer.status != 200:
            raise ManifestAway(f"status {answer.status}")
        return answer.body
