"""Offering a key to the registrar: one line that proves possession of the private half, to be sent by official mail.

Made offline, on the machine that holds the key; the private half never leaves it.

Source: DESIGN 6 "Enrolment", DECISION-0013; FORMATS 9.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from uuid import UUID

from services.agency.errors import UsageError
from services.kernel.identifiers import ClientId, parse_agency_code
from services.kernel.refusals.registry import Text
from services.kernel.signing.base64s import encode_url
from services.kernel.signing.key_proofs import Party, make_key_proof
from services.kernel.signing.keys import PrivateKey


def party_of(agency: str | None, client: UUID | None) -> Party:
    """For whom a key is meant: an agency's new client, or a client that there is.

    Raises:
        UsageError: both, neither, or no agency code.
    """
    if (agency is None) == (client is None):
        raise UsageError(
            "key-offer-party",
            Text("Cần đúng một trong --agency và --client", "Exactly one of --agency and --client is needed"),
            Text(
                "Khóa đầu: mã định danh cơ quan. Thay khóa: mã ứng dụng đã được cấp",
                "A first key: the agency's code. A further key: the client id that was given",
            ),
        )
    if client is not None:
        return ClientId(client)
    try:
        return parse_agency_code(agency or "")
    except ValueError as error:
        raise UsageError(
            "key-offer-party",
            Text("--agency không phải là mã định danh cơ quan", "--agency is no agency code"),
            Text("Ví dụ: 000.00.47.A47 hoặc H47.12", "Such as 000.00.47.A47 or H47.12"),
        ) from error


def offer(key: PrivateKey, party: Party, issuer: str, now: datetime | None = None) -> str:
    """The line to send; good for seven days."""
    moment = now or datetime.now(UTC)
    return make_key_proof(key, party, issuer=issuer.rstrip("/"), now=moment, jti=encode_url(os.urandom(16)))
