"""The registrar's work on a new machine, through auth's own API: agencies, fonds, clients with their keys.

Safe to repeat at any point: what is found is used, what is missing is made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date

from deploy.onebox.clients import Client
from deploy.onebox.sample import SampleAgency, SampleClient
from services.agency.key_offers import offer
from services.kernel.identifiers import parse_agency_code
from services.kernel.signing.keys import PrivateKey, thumbprint


class Enrolment:
    """Speaks to auth at `origin` as the registrar; `today` is the day that new entries begin to hold."""

    def __init__(self, registrar: Client, origin: str, today: date) -> None:
        self._registrar = registrar
        self._origin = origin
        self._today = today

    def agency(self, sample: SampleAgency, *, custodian: str) -> str:
        """The agency's id; its fonds are registered too, kept by `custodian`."""
        since = sample.valid_from.isoformat()
        found = next((entry for entry in self._all("agencies") if sample.code in _codes(entry)), None)
        if found is None:
            found = self._registrar.post(
                f"{self._origin}/v1/agencies",
                {
                    "name": sample.name,
                    "kind": sample.kind,
                    "level": sample.level,
                    "valid_from": since,
                    "codes": [{"code": sample.code, "valid_from": since}],
                },
            )
        agency = str(found["id"])
        standing = {(entry["code"], entry["creator"]) for entry in self._all("fonds")}
        for fonds in sample.fonds:
            if (fonds.code, agency) not in standing:
                self._registrar.post(
                    f"{self._origin}/v1/fonds",
                    {"code": fonds.code, "name": fonds.name, "creator": agency, "custodian": custodian},
                )
        return agency

    def client(self, sample: SampleClient, *, agency: str, agency_code: str, key: PrivateKey) -> str:
        """The id of the client that has this key; it is offered under the agency's code."""
        kid = thumbprint(key.public_key())
        found = next((entry for entry in self._all("clients") if kid in _kids(entry)), None)
        if found is None:
            found = self._registrar.post(
                f"{self._origin}/v1/clients",
                {
                    "agency": agency,
                    "name": sample.name,
                    "scopes": list(sample.scopes),
                    "officer": sample.officer,
                    "keys": [{"proof": offer(key, parse_agency_code(agency_code), self._origin)}],
                },
            )
        return str(found["id"])

    def _all(self, kind: str) -> Iterator[Mapping[str, object]]:
        after = ""
        while True:
            page = self._registrar.get(f"{self._origin}/v1/{kind}?limit=100{after}")
            entries = page[kind]
            yield from entries if isinstance(entries, list) else []
            if page["next"] is None:
                return
            after = f"&after={page['next']}"


def _codes(agency: Mapping[str, object]) -> list[str]:
    codes = agency.get("codes")
    return [str(code["code"]) for code in codes] if isinstance(codes, list) else []


def _kids(client: Mapping[str, object]) -> list[str]:
    keys = client.get("keys")
    return [str(key["kid"]) for key in keys] if isinstance(keys, list) else []
