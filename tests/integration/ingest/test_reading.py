"""Promise: a grant opens one component once for one client, and broken bytes never pass for a whole answer."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, MutableMapping
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from services.ingest.adapters.vault_s3 import S3Vault
from services.kernel.sealing.open import SealBroken
from services.runtime.database import transaction
from services.runtime.object_store.memory import MemoryStore
from tests.support.asgi import Reply
from tests.support.enrolled import Enrolled
from tests.support.ingest import Ingest
from tests.support.ingest_manifests import Dossier

MIB = 1 << 20


async def deposited(gateway: Ingest, data: bytes) -> tuple[Enrolled, str]:
    client = gateway.enrol("submitter")
    package = await gateway.deposit(client, Dossier([data]))
    plan = (await gateway.get(client, f"/v1/packages/{package}/plan")).json()
    return client, plan["components"][0][0]


async def test_a_grant_is_good_once_for_its_own_reader_and_component(gateway: Ingest) -> None:
    client, component = await deposited(gateway, b"mot")
    stranger = gateway.enrol("archivist")
    grant = gateway.grant(client, component)
    target = f"/v1/components/{component}?grant={grant}"
    refused = [
        await gateway.get(stranger, target),
        await gateway.get(client, f"/v1/components/{uuid4()}?grant={grant}"),
        await gateway.get(client, f"/v1/components/{component}?grant={grant[:-4]}AAAA"),
        await gateway.get(client, f"/v1/components/{component}?grant={gateway.grant(client, component, -1)}"),
    ]
    assert {(reply.status, reply.json()["code"]) for reply in refused} == {(403, "grant-invalid")}
    assert (await gateway.get(client, target)).body == b"mot"
    again = await gateway.get(client, target)
    assert (again.status, again.json()["code"]) == (403, "grant-invalid")


@pytest.mark.parametrize("asked", ["bytes=3-", "bytes=999999999999999999-", "bytes=-0"])
async def test_a_range_outside_the_file_is_not_satisfiable(gateway: Ingest, asked: str) -> None:
    client, component = await deposited(gateway, b"mot")
    reply = await gateway.read(client, component, ("range", asked))
    assert (reply.status, reply.json()["code"]) == (416, "range-not-satisfiable")
    assert reply.headers["content-range"] == "bytes */3"


@pytest.mark.parametrize("hidden", ["held = true", "wrapped_key = NULL"])
async def test_held_and_erased_answer_like_absent(gateway: Ingest, hidden: str) -> None:
    client, component = await deposited(gateway, b"mot")
    async with transaction(gateway.engine) as connection:
        await connection.execute(text(f"UPDATE ingest.component SET {hidden}"))  # noqa: S608 - from this list
    nowhere = str(uuid4())
    seen, absent = await gateway.read(client, component), await gateway.read(client, nowhere)
    assert seen.status == absent.status == 404
    told, expected = seen.json(), absent.json()
    del told["request_id"], expected["request_id"]
    assert told == expected


async def test_a_package_that_is_not_sealed_cannot_be_read(gateway: Ingest) -> None:
    client = gateway.enrol("submitter")
    declared = (await gateway.declare(client, Dossier([b"mot"]))).json()
    await gateway.send(client, declared["package"], 0, b"mot")
    reply = await gateway.read(client, declared["plan"]["components"][0][0])
    assert (reply.status, reply.json()["code"]) == (404, "component-unknown")


async def test_a_body_that_ends_too_soon_is_never_told_to_be_whole(
    gateway: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, component = await deposited(gateway, b"mot hai ba")

    async def short(*asked: object) -> AsyncIterator[bytes]:
        yield b"mot"

    monkeypatch.setattr(S3Vault, "read", short)
    with pytest.raises(RuntimeError, match="another length"):
        await gateway.read(client, component)


async def test_bytes_that_break_midway_cut_the_answer(gateway: Ingest) -> None:
    client, component = await deposited(gateway, os.urandom(MIB))
    store = gateway.store
    assert isinstance(store, MemoryStore)
    name = (await anext(aiter(store.list("parts/")))).name
    for version, data in store._objects[name].items():
        store._objects[name][version] = data[:900_000] + bytes([data[900_000] ^ 1]) + data[900_001:]
    target = f"/v1/components/{component}?grant={gateway.grant(client, component)}"
    sent: list[dict[str, object]] = []

    received: list[str] = []

    async def receive() -> dict[str, object]:
        if received:
            await asyncio.Event().wait()  # the client stays
        received.append("head")
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: object) -> None:
        assert isinstance(message, dict)
        sent.append(message)

    with pytest.raises(SealBroken):  # the server closes the connection where the application raises
        await gateway.app(client.scope("GET", target), receive, send)
    assert sent[0]["status"] == 200
    assert sent[-1].get("more_body", False) is True  # never told to be whole


async def test_bytes_that_are_broken_from_the_start_are_no_answer(gateway: Ingest) -> None:
    client, component = await deposited(gateway, b"mot")
    store = gateway.store
    assert isinstance(store, MemoryStore)
    name = (await anext(aiter(store.list("parts/")))).name
    for version, data in store._objects[name].items():
        store._objects[name][version] = data[:-1] + bytes([data[-1] ^ 1])
    reply = await gateway.read(client, component)
    assert (reply.status, reply.json()["code"]) == (502, "content-broken")


async def test_a_store_that_lost_the_object_is_told_from_one_that_is_away(gateway: Ingest) -> None:
    client, component = await deposited(gateway, b"mot")
    store = gateway.store
    assert isinstance(store, MemoryStore)
    store._objects.clear()
    reply = await gateway.read(client, component)
    assert (reply.status, reply.json()["code"]) == (503, "content-missing")
    assert reply.json()["retryable"] is True


def multipart(reply: Reply) -> list[tuple[str, bytes]]:
    """(Content-Range, bytes) of each part, read by the standard library."""
    kind = reply.headers["content-type"]
    assert kind.startswith("multipart/byteranges; boundary=")
    parsed = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + reply.body)
    assert parsed.is_multipart()
    assert not parsed.defects
    found = []
    for part in parsed.iter_parts():
        assert part["Content-Type"] == "application/pdf"
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        found.append((str(part["Content-Range"]), content))
    return found


async def test_several_ranges_come_as_parts_in_the_order_asked_for(gateway: Ingest) -> None:
    data = bytes(range(32, 126)) * 23_000  # over three parts; of letters, so that a reader of mail can read it
    client, component = await deposited(gateway, data)
    size = len(data)
    reply = await gateway.read(client, component, ("range", f"bytes={MIB - 5}-{MIB + 9}, 0-2,-4, {size}-, 50-50"))
    assert reply.status == 206
    assert int(reply.headers["content-length"]) == len(reply.body)
    wanted = [(MIB - 5, MIB + 10), (0, 3), (size - 4, size), (50, 51)]
    assert multipart(reply) == [(f"bytes {start}-{end - 1}/{size}", data[start:end]) for start, end in wanted]
    one = await gateway.read(client, component, ("range", f"bytes=7-9,{size}-"))
    assert (one.status, one.body, one.headers["content-range"]) == (206, data[7:10], f"bytes 7-9/{size}")


@pytest.mark.parametrize(
    "asked", ["bytes=0-1,1-2", "bytes=" + ",".join("0-" for _ in range(3)), "bytes=" + "1-1," * 16]
)
async def test_overlapping_and_too_many_ranges_are_refused(gateway: Ingest, asked: str) -> None:
    client, component = await deposited(gateway, b"mot hai ba")
    reply = await gateway.read(client, component, ("range", asked))
    assert (reply.status, reply.json()["code"]) == (416, "ranges-refused")


async def test_ranges_of_broken_bytes_never_come_to_their_closing_line(gateway: Ingest) -> None:
    client, component = await deposited(gateway, os.urandom(MIB // 2))
    store = gateway.store
    assert isinstance(store, MemoryStore)
    name = (await anext(aiter(store.list("parts/")))).name
    for version, data in store._objects[name].items():
        store._objects[name][version] = data[:400_000] + bytes([data[400_000] ^ 1]) + data[400_001:]
    sent: list[bytes] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message.get("body", b""))

    target = f"/v1/components/{component}?grant={gateway.grant(client, component)}"
    scope = client.scope("GET", target)
    scope["headers"].append((b"range", b"bytes=0-99,390000-410000"))
    given = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> MutableMapping[str, Any]:
        for message in given:
            return dict(message)
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(SealBroken):
        await gateway.app(scope, receive, send)
    whole = b"".join(sent)
    boundary = whole.split(b"\r\n")[1]
    assert whole.count(boundary) == 2
    assert boundary + b"--" not in whole


async def test_preconditions_decide_before_ranges_do(gateway: Ingest) -> None:
    client, component = await deposited(gateway, b"mot hai")
    etag = (await gateway.read(client, component)).headers["etag"]
    asked = ("range", "bytes=0-2")

    async def told(*headers: tuple[str, str]) -> tuple[int, bytes | str]:
        reply = await gateway.read(client, component, *headers)
        return reply.status, reply.body if reply.status in (200, 206, 304) else str(reply.json()["code"])

    assert await told(("if-none-match", f'"x", W/{etag}'), asked) == (304, b"")
    assert await told(("if-none-match", "*")) == (304, b"")
    assert await told(("if-none-match", '"x"'), asked) == (206, b"mot")
    assert await told(("if-match", etag), asked) == (206, b"mot")
    assert await told(("if-match", f"W/{etag}"), asked) == (412, "precondition-failed")
    assert await told(("if-match", '"x"')) == (412, "precondition-failed")
    assert await told(("if-range", etag), asked) == (206, b"mot")
    assert await told(("if-range", '"x"'), asked) == (200, b"mot hai")
    assert await told(("if-range", "Wed, 25 Nov 2026 00:00:00 GMT"), asked) == (200, b"mot hai")
    assert await told(("range", "bytes=9-")) == (416, "range-not-satisfiable")
    assert await told(("range", "lines=1-2")) == (200, b"mot hai")


async def test_services_read_manifests_by_digest_and_nobody_else(gateway: Ingest) -> None:
    client = gateway.enrol("submitter")
    dossier = Dossier([b"mot"])
    digest = (await gateway.declare(client, dossier)).json()["manifest_sha256"]
    service = gateway.enrol("service")
    assert (await gateway.get(service, f"/v1/manifests/{digest}")).body == dossier.manifest
    assert (await gateway.get(service, f"/v1/manifests/{'0' * 64}")).json()["code"] == "manifest-unknown"
    assert (await gateway.get(client, f"/v1/manifests/{digest}")).status == 403
