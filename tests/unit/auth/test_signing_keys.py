"""The issuer's keys on disk: published before they sign, signing until they are relieved, never readable by others."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from services.auth.adapters.signing_keys import (
    ACTIVATION,
    LOOK_SECONDS,
    SigningKeyFolder,
    SigningKeysUnusable,
    make_signing_key,
)
from services.kernel.identifiers import AgencyId, ClientId
from services.kernel.signing.claims import AccessClaims
from services.runtime.tokens import AccessTokens
from tests.support.enrolled import ed25519, p256, public_pem

START = 1_795_496_523.0


class Clock:
    """One time for both clocks."""

    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


def opened(folder: Path, clock: Clock) -> SigningKeyFolder:
    return SigningKeyFolder(folder, issuer="https://auth.example", audience="nopluu", clock=clock, monotonic=clock)


def published(keys: SigningKeyFolder) -> list[object]:
    listed = keys.jwks()["keys"]
    assert isinstance(listed, list)
    assert all(not {"d"} & set(key) for key in listed)
    return [key["kid"] for key in listed]


async def test_a_key_is_published_a_day_before_it_signs_and_its_predecessor_until_removed(
    tmp_path: Path, clock: Clock
) -> None:
    first = make_signing_key(tmp_path, clock())
    keys = opened(tmp_path, clock)
    assert keys.signing().kid == first  # alone, it signs at once
    clock.time += 1000
    second = make_signing_key(tmp_path, clock())
    assert published(keys) == [second, first] or published(keys) == [first]
    clock.time += LOOK_SECONDS
    assert published(keys) == [second, first]
    assert keys.signing().kid == first
    clock.time += ACTIVATION - LOOK_SECONDS - 1
    assert keys.signing().kid == first
    clock.time += 1
    assert keys.signing().kid == second
    assert await keys.key(first) is not None
    (tmp_path / f"{int(START)}.{first}.pem").unlink()
    clock.time += LOOK_SECONDS
    assert published(keys) == [second]
    assert await keys.key(first) is None


async def test_tokens_of_either_key_are_good_during_the_overlap(tmp_path: Path, clock: Clock) -> None:
    make_signing_key(tmp_path, clock() - 3 * ACTIVATION)
    keys = opened(tmp_path, clock)
    now = datetime.fromtimestamp(clock(), UTC)
    said = AccessClaims(
        ClientId(UUID(int=1)), AgencyId(UUID(int=2)), frozenset({"submitter"}), None, ed25519().public_key(), None,
        "t", now, now + timedelta(seconds=300),
    )  # fmt: skip
    old = keys.mint(said)
    make_signing_key(tmp_path, clock() - 2 * ACTIVATION)
    clock.time += LOOK_SECONDS
    new = keys.mint(said)
    tokens = AccessTokens(keys, issuer="https://auth.example", audience="nopluu")
    assert old.split(".")[0] != new.split(".")[0]
    assert [await tokens.verify(token, now=now) for token in (old, new)] == [said, said]


def test_a_key_file_is_its_owners_alone(tmp_path: Path, clock: Clock) -> None:
    make_signing_key(tmp_path / "keys", clock())
    path = next((tmp_path / "keys").iterdir())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.chmod(0o640)
    with pytest.raises(SigningKeysUnusable, match="600"):
        opened(tmp_path / "keys", clock)


@pytest.mark.parametrize("kind", ["empty", "another key", "not a key", "public", "ed25519"])
def test_a_folder_that_cannot_be_trusted_does_not_open(tmp_path: Path, clock: Clock, kind: str) -> None:
    make_signing_key(tmp_path, clock())
    path = next(tmp_path.iterdir())
    match kind:
        case "empty":
            path.unlink()
        case "another key":
            make_signing_key(tmp_path / "other", clock())
            next((tmp_path / "other").iterdir()).replace(path)
        case "not a key":
            path.write_bytes(b"x")
        case "public":
            path.write_text(public_pem(p256()), encoding="ascii")
        case _:
            path.write_text(public_pem(ed25519()), encoding="ascii")
    with pytest.raises(SigningKeysUnusable):
        opened(tmp_path, clock)


def test_a_folder_that_breaks_later_leaves_the_keys_in_use(tmp_path: Path, clock: Clock) -> None:
    kid = make_signing_key(tmp_path, clock())
    keys = opened(tmp_path, clock)
    (tmp_path / f"{int(START)}.{'A' * 43}.pem").write_bytes(b"x")
    (tmp_path / f"{int(START)}.{'A' * 43}.pem").chmod(0o600)
    clock.time += LOOK_SECONDS
    assert published(keys) == [kid]
    assert keys.signing().kid == kid
    assert kid in repr(keys.signing())
