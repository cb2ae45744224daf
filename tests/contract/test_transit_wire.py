"""Promise: what goes over Transit's wire is what its documentation says, the token is renewed, and nothing is guessed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
from aiohttp import web

from services.kernel.refusals.platform import KmsUnavailable
from services.runtime.kms.transit import BATCH, TransitKeys, TransitSettings
from tests.support.transit import TransitServer, transit_server

KEK = f"{uuid4()}/toi_mat/2026"
Served = tuple[TransitServer, TransitSettings]


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with transit_server(tmp_path) as made:
        yield made


@pytest.fixture
async def kms(served: Served) -> AsyncIterator[TransitKeys]:
    made = TransitKeys(served[1], timeout=60)
    yield made
    await made.close()


async def test_a_kek_is_a_transit_key_of_its_name(kms: TransitKeys, served: Served) -> None:
    _, wrapped = await kms.generate(KEK)
    assert list(served[0].keys) == [f"nopluu-{KEK.replace('/', '-')}"]
    assert (wrapped[:4], len(wrapped)) == (b"\0\0\0\1", 64)


async def test_many_keys_go_in_few_requests(kms: TransitKeys, served: Served) -> None:
    _, wrapped = await kms.generate(KEK)
    before = len(served[0].requests)
    await kms.unwrap_many(KEK, [wrapped] * (2 * BATCH + 1))
    await kms.rewrap(KEK, [wrapped] * (2 * BATCH + 1))
    assert len(served[0].requests) - before == 6


async def test_a_token_that_is_replaced_in_its_file_is_taken_up(kms: TransitKeys, served: Served) -> None:
    server, settings = served
    key, wrapped = await kms.generate(KEK)
    server.tokens = {"s.second"}
    with pytest.raises(KmsUnavailable):
        await kms.unwrap(KEK, wrapped)
    settings.token_file.write_text("s.second\n")
    assert await kms.unwrap(KEK, wrapped) == key


async def test_the_token_is_renewed_beside_the_work(kms: TransitKeys, served: Served) -> None:
    await kms.generate(KEK)
    until = time.monotonic() + 60
    while not served[0].renewals:
        assert time.monotonic() < until
        await asyncio.sleep(0.01)
    await kms.generate(KEK)
    assert served[0].renewals == 1  # the next time is half of its life away


async def test_a_token_file_that_vanishes_is_an_outage(kms: TransitKeys, served: Served) -> None:
    key, wrapped = await kms.generate(KEK)
    token = served[1].token_file.read_text()
    served[1].token_file.unlink()
    assert not await kms.healthy()
    with pytest.raises(KmsUnavailable):
        await kms.unwrap(KEK, wrapped)
    served[1].token_file.write_text(token)
    assert await kms.unwrap(KEK, wrapped) == key


async def test_mount_and_namespace_are_said(tmp_path: Path) -> None:
    seen: list[tuple[str, str | None]] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append((request.path, request.headers.get("X-Vault-Namespace")))
        return web.json_response({"errors": []}, status=404)

    app = web.Application()
    app.router.add_route("*", "/{any:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    token = tmp_path / "token"
    token.write_text("s.x")
    address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    kms = TransitKeys(TransitSettings(address, token, "nopluu/transit", "tinh-uy"), timeout=60)
    assert await kms.newest(KEK) == 0
    await kms.close()
    await runner.cleanup()
    assert (f"/v1/nopluu/transit/keys/nopluu-{KEK.replace('/', '-')}", "tinh-uy") in seen


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b""),
        (200, b"not json"),
        (200, b'{"data": {"ciphertext": "vault:v1:AAAA"}}'),
        (200, b'{"data": {"ciphertext": "vault:v0:AAAA"}}'),
        (200, b'{"data": {"ciphertext": 1}}'),
        (200, b'{"data": {"ciphertext": "bao:1"}}'),
        (302, b""),
        (429, b'{"errors": ["rate limit"]}'),
        (473, b""),
        (500, b'{"errors": ["internal"]}'),
        (502, b"<html>bad gateway</html>"),
        (503, b'{"errors": ["Vault is sealed"]}'),
    ],
)
async def test_what_transit_would_not_answer_is_an_outage(tmp_path: Path, status: int, body: bytes) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, body=body, headers={"location": "http://127.0.0.1:1/"})

    app = web.Application()
    app.router.add_route("*", "/{any:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    token = tmp_path / "token"
    token.write_text("s.x")
    kms = TransitKeys(TransitSettings(f"http://127.0.0.1:{runner.addresses[0][1]}", token), timeout=60)
    for asked in (kms.wrap(KEK, bytes(32)), kms.unwrap(KEK, b"\0\0\0\1" + bytes(60)), kms.newest(KEK), kms.rotate(KEK)):
        with pytest.raises(KmsUnavailable):
            await asked
    if status != 200:
        assert not await kms.healthy()
    await kms.close()
    await runner.cleanup()


async def test_a_name_that_is_no_kek_never_leaves(kms: TransitKeys, served: Served) -> None:
    for name in ("", "../sys/seal", "a/../b", "a b", "a?b", "a%2fb", "/a"):
        with pytest.raises(ValueError, match="KEK"):
            await kms.wrap(name, bytes(32))
    assert [path for _, path in served[0].requests if "/transit/" in path] == []
