"""Promise: a token that is slow, refuses the PIN, or holds keys that are not as they must be harms nothing and nobody."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pkcs11
import pytest
from pkcs11 import Attribute, KeyType, MechanismFlag

from services.kernel.refusals.platform import KmsUnavailable
from services.runtime.kms import pkcs11 as adapter
from services.runtime.kms.pkcs11 import TokenKeys
from tests.support.components import did_not_run, took_part
from tests.support.tokens import SOFTHSM_MISSING, TestToken, make_token, softhsm


@pytest.fixture
def token(tmp_path: Path) -> TestToken:
    library = softhsm()
    if library is None:
        did_not_run("SoftHSM", SOFTHSM_MISSING)
        pytest.skip(SOFTHSM_MISSING)
    took_part("SoftHSM", "PKCS#11")
    return make_token(tmp_path / "token", library)


@pytest.fixture
async def kms(token: TestToken) -> AsyncIterator[TokenKeys]:
    made = TokenKeys(token.settings, timeout=60)
    yield made
    await made.close()


@pytest.fixture
def kek() -> str:
    return f"{uuid4()}/none/2026"


async def _in_library(token: TestToken, kms: TokenKeys) -> pkcs11.Session:
    """Another program's session on the token. The adapter's is closed first: this starts the library anew."""
    await kms.close()
    library = pkcs11.lib(str(token.settings.module))
    library.reinitialize()
    pin = token.settings.pin_file.read_text("utf-8").strip()
    return library.get_token(token_label=token.settings.label).open(rw=True, user_pin=pin)


async def test_a_kek_cannot_leave_the_token_and_does_nothing_but_wrap(
    kms: TokenKeys, token: TestToken, kek: str
) -> None:
    await kms.generate(kek)
    session = await _in_library(token, kms)
    (found,) = session.get_objects({Attribute.LABEL: kek})
    with pytest.raises(pkcs11.AttributeSensitive):
        found[Attribute.VALUE]
    told = {
        attribute: found[attribute]
        for attribute in (
            Attribute.ALWAYS_SENSITIVE, Attribute.NEVER_EXTRACTABLE, Attribute.PRIVATE, Attribute.LOCAL,
            Attribute.WRAP, Attribute.UNWRAP, Attribute.ENCRYPT, Attribute.DECRYPT, Attribute.MODIFIABLE,
        )
    }  # fmt: skip
    wanted = dict.fromkeys(told, True) | dict.fromkeys(
        (Attribute.ENCRYPT, Attribute.DECRYPT, Attribute.MODIFIABLE), False
    )
    assert told == wanted
    assert found[Attribute.ID] == b"\0\0\0\1"
    session.close()


async def test_opened_keys_do_not_stay_on_the_token(kms: TokenKeys, token: TestToken, kek: str) -> None:
    _, wrapped = await kms.generate(kek)
    for _ in range(5):
        await kms.unwrap(kek, wrapped)
    session = await _in_library(token, kms)
    labels = sorted(str(found[Attribute.LABEL]) for found in session.get_objects())
    session.close()
    assert labels == sorted([kek, "nopluu/proof"])


async def test_a_version_that_two_machines_made_at_once_opens_whichever_wrapped(
    kms: TokenKeys, token: TestToken, kek: str
) -> None:
    key, wrapped = await kms.generate(kek)
    session = await _in_library(token, kms)
    session.generate_key(
        KeyType.AES,
        256,
        id=b"\0\0\0\1",
        label=kek,
        store=True,
        capabilities=MechanismFlag.WRAP | MechanismFlag.UNWRAP,
        template={Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False},
    )
    session.close()
    made = [(key, wrapped), *[await kms.generate(kek) for _ in range(3)]]
    for plain, under in made:
        assert await kms.unwrap(kek, under) == plain


async def test_a_kek_that_could_leave_the_token_is_not_used(kms: TokenKeys, token: TestToken, kek: str) -> None:
    session = await _in_library(token, kms)
    session.generate_key(
        KeyType.AES,
        256,
        id=b"\0\0\0\1",
        label=kek,
        store=True,
        capabilities=MechanismFlag.WRAP | MechanismFlag.UNWRAP,
        template={Attribute.SENSITIVE: False, Attribute.EXTRACTABLE: True},
    )
    session.close()
    with pytest.raises(KmsUnavailable):
        await kms.generate(kek)


async def test_a_pin_that_was_refused_is_not_tried_again_until_its_file_changes(
    token: TestToken, kek: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[object] = []
    pin = token.settings.pin_file.read_text("utf-8")
    token.settings.pin_file.write_text("not the pin\n")
    kms = TokenKeys(token.settings, timeout=60)

    class Counting:
        """The token, which counts the PINs that are tried on it."""

        def __init__(self, behind: pkcs11.Token) -> None:
            self._behind = behind

        def open(self, **options: object) -> pkcs11.Session:
            tried.append(options.get("user_pin"))
            return self._behind.open(**options)  # type: ignore[arg-type]  # as they came

    log_in = adapter._Token._log_in
    monkeypatch.setattr(
        adapter._Token,
        "_log_in",
        lambda self, behind: log_in(self, Counting(behind)),  # type: ignore[arg-type]  # has what is used
    )
    for _ in range(20):
        assert not await kms.healthy()
        with pytest.raises(KmsUnavailable):
            await kms.generate(kek)
    assert tried == ["not the pin"]
    token.settings.pin_file.write_text(pin)
    await kms.generate(kek)
    await kms.close()


async def test_a_token_that_stalls_holds_up_nobody_and_is_used_again(
    token: TestToken, kek: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kms = TokenKeys(token.settings, timeout=5)
    key, wrapped = await kms.generate(kek)
    stalled, go_on = threading.Event(), threading.Event()
    whole = adapter._Session.unwrap

    def stalling(session: adapter._Session, name: str, entry: bytes) -> bytes:
        stalled.set()
        go_on.wait()
        return whole(session, name, entry)

    monkeypatch.setattr(adapter._Session, "unwrap", stalling)
    waiting = [asyncio.create_task(kms.unwrap(kek, wrapped)) for _ in range(20)]
    assert await asyncio.to_thread(stalled.wait, 60)  # the loop goes on turning
    for outcome in await asyncio.gather(*waiting, return_exceptions=True):
        assert isinstance(outcome, KmsUnavailable)
    assert not await kms.healthy()
    go_on.set()
    assert await kms.unwrap(kek, wrapped) == key
    await kms.close()
