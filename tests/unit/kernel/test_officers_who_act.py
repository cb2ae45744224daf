"""Promise: two steps are by two people only where client and person differ, however a name is spelt."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import pytest

from services.kernel.identifiers import ClientId
from services.kernel.officers import same_person


@dataclass(frozen=True)
class By:
    client: ClientId
    officer: str | None


ONE, OTHER = ClientId(UUID(int=1)), ClientId(UUID(int=2))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (By(ONE, "Lê An"), By(ONE, "Vũ Bình"), True),  # one client, whoever sits before it
        (By(ONE, "Lê An"), By(OTHER, "Lê An"), True),
        (By(ONE, "Lê An"), By(OTHER, " LÊ  an"), True),
        (By(ONE, "Hoà"), By(OTHER, "Hòa"), True),
        (By(ONE, "Lê An"), By(OTHER, "Lê\u200b A\u00adn\u202c"), True),
        (By(ONE, "Lê An"), By(OTHER, "Lê Ân"), False),
        (By(ONE, "Lê An"), By(OTHER, "Vũ Bình"), False),
        (By(ONE, None), By(OTHER, None), False),
        (By(ONE, None), By(ONE, None), True),
        (By(ONE, None), By(OTHER, "Lê An"), False),
    ],
)
def test_two_people_are_two_persons_at_two_clients(one: By, other: By, same: bool) -> None:
    assert same_person(one, other) is same
    assert same_person(other, one) is same
