"""The rules in force, carried to the agency's own machine: the same verdicts there, also without a network.

What is kept is the envelope that two officers signed, with the public keys the gateway stated. Both signatures are
checked whenever it is taken up, and again whenever it is read. With `rule_keys` in the profile only officers named there
count; else the gateway's statement does, which came over its own TLS. What is altered, not signed by two, older than what
is held or not yet in force is refused, and the last good bundle stays.

Source: DESIGN 9; DECISION-0019.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Final
from uuid import UUID

from services.agency.errors import RejectedError
from services.agency.profile import write_private
from services.kernel.canonical import b64, canonical, parse_rfc3339, rfc3339, unb64
from services.kernel.ceilings import Ceiling, ceiling_from_json, ceiling_on
from services.kernel.identifiers import ClientId
from services.kernel.records import OfficerKey
from services.kernel.refusals import Refusal
from services.kernel.refusals.registry import Text
from services.kernel.refusals.rules import RulesEnvelopeInvalid, RulesNotNewer
from services.kernel.rules import CompiledBundle, compile_bundle
from services.kernel.rules.publishing import open_bundle, require_in_force
from services.kernel.secrecy import Level

FORMAT: Final = "nopluu/carried-rules1"
OLD_DAYS: Final = 30  # days after which a person should fetch them again


@dataclass(frozen=True, slots=True)
class Carried:
    """Rules that were checked on this machine, what this agency may hand in under them, and when the gateway gave both.

    The ceilings come over the gateway's own TLS and are signed by nobody: they spare a refusal, and the gateway judges
    by its own.
    """

    compiled: CompiledBundle
    fetched_at: datetime
    ceilings: tuple[Ceiling, ...] = ()

    @property
    def version(self) -> int:
        return self.compiled.bundle.version

    def ceiling(self, today: date) -> Level:
        """How secret a record this agency may hand in over the independent LAN, as far as was known then."""
        return ceiling_on(self.ceilings, today)

    def says_as(self, other: Carried | None) -> bool:
        """Whether the same rules and ceilings were carried before."""
        return (
            other is not None
            and self.compiled.bundle.sha256 == other.compiled.bundle.sha256
            and self.ceilings == other.ceilings
        )

    def age_days(self, now: datetime) -> int:
        """Whole days since the gateway gave them."""
        return max(0, (now - self.fetched_at).days)


class RuleShelf:
    """The file in the state folder. `pinned` are key ids of officers; empty where the gateway's statement counts."""

    def __init__(self, folder: Path, pinned: Sequence[str] = ()) -> None:
        self._path = folder / "rules.json"
        self._pinned = frozenset(pinned)

    def held(self, today: date) -> Carried | None:
        """What is kept, checked again; None where nothing is.

        Raises:
            RejectedError: what is kept is not what two officers signed, or not in force.
        """
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return None
        try:
            match json.loads(content):
                case {"format": "nopluu/carried-rules1", "envelope": str(envelope), "signers": list(signers), **rest}:
                    fetched = parse_rfc3339(str(rest["fetched_at"]))
                    stated = rest.get("ceilings", [])  # what was carried by an older program has none
                    return Carried(self._opened(unb64(envelope), signers, today), fetched, _ceilings(stated))
        except (ValueError, KeyError, TypeError):
            pass
        raise _rejected(RulesEnvelopeInvalid(reason="rules.json"))

    def take(
        self,
        envelope: bytes,
        signers: Sequence[object],
        *,
        now: datetime,
        today: date,
        ceilings: object = (),
    ) -> Carried:
        """Keep what the gateway gives, in place of what is kept, once it holds.

        Raises:
            RejectedError: it does not hold; what was kept stays.
        """
        try:
            allowed = _ceilings(ceilings)
        except ValueError:
            raise _rejected(RulesEnvelopeInvalid(reason="ceilings")) from None
        taken = Carried(self._opened(envelope, signers, today), now, allowed)
        try:
            standing = self.held(today)
        except RejectedError:
            standing = None  # spoilt on this machine: good rules replace it
        if standing is not None and _older(taken, standing):
            raise _rejected(RulesNotNewer(version=taken.version, current=standing.version))
        kept = {
            "format": FORMAT,
            "envelope": b64(envelope),
            "signers": list(signers),
            "ceilings": [entry.as_json() for entry in allowed],
            "fetched_at": rfc3339(now),
        }
        write_private(self._path, canonical(kept))
        return taken

    def _opened(self, envelope: bytes, signers: Sequence[object], today: date) -> CompiledBundle:
        keys = dict(_signer(entry) for entry in signers if isinstance(entry, Mapping))
        if self._pinned:
            keys = {kid: key for kid, key in keys.items() if kid in self._pinned}
        try:
            bundle = open_bundle(envelope, keys.get).bundle
            require_in_force(bundle, today)
            return compile_bundle(bundle)
        except Refusal as refusal:
            raise _rejected(refusal) from None


def _older(taken: Carried, standing: Carried) -> bool:
    if taken.version != standing.version:
        return taken.version < standing.version
    return taken.compiled.bundle.sha256 != standing.compiled.bundle.sha256


def _ceilings(stated: object) -> tuple[Ceiling, ...]:
    """Raises ValueError where they are not what a gateway states."""
    if not isinstance(stated, list | tuple) or not all(isinstance(entry, Mapping) for entry in stated):
        raise ValueError("not ceilings")
    return tuple(ceiling_from_json(entry) for entry in stated)


def _signer(entry: Mapping[str, object]) -> tuple[str, OfficerKey]:
    """One key as the gateway states it. It names officers by client only: one client is one person's."""
    jwk, scopes = entry.get("jwk"), entry.get("scopes")
    try:
        client = UUID(str(entry.get("client")))
    except ValueError:
        client = UUID(int=0)
    key = OfficerKey(
        ClientId(client),
        str(client),
        frozenset(str(scope) for scope in scopes) if isinstance(scopes, list) else frozenset(),
        {str(name): str(value) for name, value in jwk.items()} if isinstance(jwk, Mapping) else {},
    )
    return str(entry.get("kid")), key


def _rejected(refusal: Refusal) -> RejectedError:
    return RejectedError(
        refusal.code,
        refusal.detail.filled(refusal.facts),
        Text(
            "Bộ quy tắc tốt gần nhất vẫn được dùng. Lấy lại bằng `nopluu rules fetch`; nếu vẫn lỗi, báo Công an tỉnh.",
            "The last good rules stay in use. Fetch again with `nopluu rules fetch`; if it persists, tell the police.",
        ),
    )
