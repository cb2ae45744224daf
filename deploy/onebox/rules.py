"""Publishing the baseline of secrecy rules, signed by two officers: what `nopluu rules sign, assemble, publish` do.

Source: DESIGN 9.
"""

from __future__ import annotations

import time
from datetime import date
from typing import Final

from services.agency import AgencyError, Gateway, Profile, keys
from services.agency.rule_bundles import read_bytes
from services.kernel import dsse
from services.kernel.rules import baseline_bundle
from services.kernel.rules.model import PAYLOAD_TYPE

EFFECTIVE_FROM: Final = date(2020, 7, 1)  # the day the Law on Protection of State Secrets of 2018 came into force
_KNOWN_WITHIN: Final = 10.0  # seconds


def publish_baseline(author: Profile, approver: Profile) -> tuple[int, bool]:
    """Put this program's baseline in force, unless it already is; returns the version and whether it is new."""
    with Gateway(approver) as gateway:
        version = 1
        if (standing := _current(gateway)) is not None:
            current = read_bytes(standing, "rules").bundle
            if current.payload == baseline_bundle(current.version, current.effective_from):
                return current.version, False
            version = current.version + 1
        payload = baseline_bundle(version, EFFECTIVE_FROM)
        signers = [keys.load(officer.key_file) for officer in (author, approver)]
        _publish(gateway, dsse.sign(payload, PAYLOAD_TYPE, signers))
    return version, True


def _publish(gateway: Gateway, envelope: bytes) -> None:
    """A service knows a new officer's key at most two seconds later; so long its refusal is waited out."""
    until = time.monotonic() + _KNOWN_WITHIN
    while True:
        try:
            return gateway.publish_rules(envelope)
        except AgencyError as error:
            if error.code != "rules-signer-unknown" or time.monotonic() > until:
                raise
            time.sleep(0.2)


def _current(gateway: Gateway) -> bytes | None:
    try:
        return gateway.rules()
    except AgencyError as error:
        if error.code == "rules-not-published":
            return None
        raise
