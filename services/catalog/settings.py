"""What catalog is told at start, beside what every service is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field

from services.catalog.domain.labels import DEFAULT_CEILINGS
from services.kernel.secrecy import Level, LevelWord
from services.runtime.kms.settings import KmsSettings
from services.runtime.object_store.settings import StoreSettings
from services.runtime.settings import ServiceSettings


class CatalogSettings(ServiceSettings):
    """See `ServiceSettings`."""

    grant_key_file: Path
    """Private Ed25519 key (PEM) that signs grants of reading; ingest is told its public half."""

    reading_ceilings: dict[Literal["submitter", "archivist", "incident-officer"], LevelWord] = Field(
        default_factory=dict
    )
    """The highest level that clients of a scope see, as a JSON object; `none` for every scope that is not named."""

    def ceilings(self) -> Mapping[str, Level]:
        """Every reading scope's ceiling."""
        return {**DEFAULT_CEILINGS, **{scope: Level.from_wire(word) for scope, word in self.reading_ceilings.items()}}


class RebuildSettings(StoreSettings, KmsSettings):
    """Where `rebuild` finds the store and the KMS; the catalog's processes have neither."""
