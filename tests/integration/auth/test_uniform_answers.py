"""What a stranger learns from the token endpoint: nothing of who is enrolled, by the answer or by the work done for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from jose.backends.base import Key
from sqlalchemy import event

from services.kernel.signing import keys
from services.kernel.signing.keys import PrivateKey, PublicKey
from services.runtime import tokens
from tests.integration.auth.conftest import HOST, ISSUER, Auth
from tests.support.enrolled import Enrolled, ed25519, offered, p256

NOBODY = UUID("01930000-0000-7000-8000-000000000000")


class Work:
    """What was done for one answer: statements to the database, and signatures checked by kind of key."""

    def __init__(self) -> None:
        self.steps: list[str] = []

    def statement(self, _: object, __: object, statement: str, *___: object) -> None:
        self.steps.append(" ".join(statement.split()))


@contextmanager
def watched(auth: Auth, monkeypatch: pytest.MonkeyPatch) -> Iterator[Work]:
    work = Work()
    right_es256, right_verifies = tokens._es256_verifies, keys.verifies

    def es256(token: str, key: Key) -> bool:
        work.steps.append("a P-256 signature")
        return right_es256(token, key)

    def verifies(key: PublicKey, signature: bytes, message: bytes) -> bool:
        work.steps.append("a P-256 signature" if isinstance(key, EllipticCurvePublicKey) else "an Ed25519 signature")
        return right_verifies(key, signature, message)

    event.listen(auth.engine.sync_engine, "before_cursor_execute", work.statement)
    with monkeypatch.context() as patched:
        patched.setattr(tokens, "_es256_verifies", es256)
        patched.setattr(tokens, "verifies", verifies)
        try:
            yield work
        finally:
            event.remove(auth.engine.sync_engine, "before_cursor_execute", work.statement)


async def add_key(auth: Auth, client: Enrolled, make: Callable[[], PrivateKey], **window: str) -> Enrolled:
    """Another key of the client."""
    key = make()
    form = offered(key, client.client_id, ISSUER, **window)
    reply = await auth.registrar.ask(auth.app, "POST", f"/v1/clients/{client.client_id}/keys", form)
    assert reply.status == 201, reply.body
    return replace(client, key=key)


@pytest.mark.parametrize("make", [ed25519, p256])
async def test_whoever_cannot_be_known_gets_one_answer_for_one_work(
    auth: Auth, monkeypatch: pytest.MonkeyPatch, make: Callable[[], PrivateKey]
) -> None:
    client, other = await auth.enrol("submitter", key=make()), await auth.enrol("submitter", key=make())
    disabled = await auth.enrol("submitter", key=make())
    soon = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=2)
    expired = await add_key(auth, client, make, not_after=soon.isoformat())
    early = await add_key(auth, client, make, not_before=(soon + timedelta(days=1)).isoformat())
    revoked = await add_key(auth, client, make)
    for path in (
        f"/v1/clients/{client.client_id}/keys/{revoked.kid}/revoke",
        f"/v1/clients/{disabled.client_id}/disable",
    ):
        assert (await auth.registrar.ask(auth.app, "POST", path)).status == 200
    await asyncio.sleep(max(0.0, (soon - datetime.now(UTC)).total_seconds()) + 0.01)
    strangers = {
        "no such client": replace(client, client_id=NOBODY),
        "no such client and no such key": Enrolled(NOBODY, make(), ISSUER, HOST),
        "another client's key": replace(client, key=other.key),
        "a key that nobody enrolled": replace(client, key=make()),
        "revoked": revoked,
        "expired": expired,
        "not yet valid": early,
        "disabled": disabled,
        "no such client, and the signature is wrong": replace(client, client_id=NOBODY),
        "revoked, and the signature is wrong": revoked,
    }
    answers, works = {}, {}
    for name, stranger in strangers.items():
        assertion = stranger.assertion()
        if "wrong" in name:
            assertion = f"{assertion.rpartition('.')[0]}.{'A' * 86}"
        with watched(auth, monkeypatch) as work:
            reply = await stranger.obtain(auth.app, HOST, assertion=assertion)
        told = {**reply.json(), "request_id": ""}
        headers = {header: value for header, value in reply.headers.items() if "request-id" not in header}
        answers[name], works[name] = (reply.status, told, headers), work.steps
    first = answers["no such client"]
    assert first[1]["code"] == "assertion-key-unknown"
    assert {name for name, answer in answers.items() if answer != first} == set()
    assert [step for step in works["revoked"] if step.endswith("signature")] != []
    assert {name: steps for name, steps in works.items() if steps != works["no such client"]} == {}
    with watched(auth, monkeypatch) as work:
        wrong = client.assertion().rpartition(".")[0] + "." + "A" * 86
        assert (await client.obtain(auth.app, HOST, assertion=wrong)).json()["code"] == "assertion-signature-invalid"
    assert work.steps == works["no such client"]
