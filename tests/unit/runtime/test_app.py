"""Whatever goes wrong is a problem document with a stable code, a request id and nothing the client sent."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator, Iterator
from typing import Literal

import pytest
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict
from starlette.types import ASGIApp

from services.kernel.refusals import Pointer, Text, registered
from services.kernel.refusals.packages import AgencyBusy, PackageUnknown, PartNotPlanned
from services.kernel.refusals.platform import RequestInvalid
from services.runtime import logging
from services.runtime.app import create_app
from services.runtime.guard import Guard
from services.runtime.metrics import Metrics
from services.runtime.observing import Observed
from services.runtime.openapi import refusing
from tests.support.asgi import Reply, ask, call, http_scope

CANARY = "bí mật 7f3a"


class Dossier(BaseModel):
    model_config = ConfigDict(extra="forbid")

    pages: int
    kinds: list[Literal["a", "b"]] = []


def routes() -> APIRouter:
    router = APIRouter()

    @router.get("/v1/packages/{package}", responses=refusing(PackageUnknown, PartNotPlanned))
    async def package(package: int) -> dict[str, int]:
        raise PackageUnknown()

    @router.post("/v1/dossiers")
    async def dossier(dossier: Dossier, first: int = 0) -> Dossier:
        return dossier

    @router.get("/v1/busy")
    async def busy() -> None:
        raise AgencyBusy(retry_after=7, limit=5)

    @router.get("/v1/many")
    async def many() -> None:
        raise RequestInvalid(
            pointers=[Pointer(f"/documents/{n}", "wrong", Text("Sai.", "Wrong.")) for n in range(3000)], errors=3000
        )

    @router.get("/v1/bug")
    async def bug() -> None:
        raise RuntimeError(CANARY)

    @router.get("/v1/half")
    async def half() -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"half"
            raise RuntimeError(CANARY)

        return StreamingResponse(pieces())

    @router.put("/v1/stream")
    async def stream(request: Request) -> int:
        return sum([len(chunk) async for chunk in request.stream()])

    return router


@pytest.fixture
def metrics() -> Metrics:
    return Metrics("test")


@pytest.fixture
def app() -> FastAPI:
    return create_app(service="test", title="Thử", description="Một.\n\nHai.", routers=[routes()])


@pytest.fixture
def edge(app: FastAPI, metrics: Metrics) -> ASGIApp:
    return Observed(Guard(app, ["gateway"]), metrics)


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    logging.configure("test", stream=stream)
    yield stream
    logging.configure("test", "error")


def code_of(reply: Reply) -> object:
    assert reply.headers["content-type"] == "application/problem+json"
    problem = reply.json()
    assert problem["type"] == f"/errors#{problem['code']}"
    assert problem["status"] == reply.status == registered()[problem["code"]].status
    assert problem["request_id"] == reply.headers["x-request-id"]
    assert problem["retryable"] is registered()[problem["code"]].retryable
    return problem["code"]


JSON = ("content-type", "application/json")


@pytest.mark.parametrize(
    ("method", "target", "body", "headers", "code"),
    [
        ("GET", "/v1/packages/7", b"", [], "package-unknown"),
        ("GET", "/v1/packages/seven", b"", [], "request-invalid"),
        ("GET", "/v1/busy", b"", [], "agency-in-flight-limit"),
        ("GET", "/v1/bug", b"", [], "internal-error"),
        ("GET", "/v1/nothing", b"", [], "not-found"),
        ("GET", "/v1/packages/7/", b"", [], "not-found"),
        ("DELETE", "/v1/dossiers", b"", [], "method-not-allowed"),
        ("POST", "/v1/dossiers", b"{", [JSON], "request-not-json"),
        ("POST", "/v1/dossiers", b'{"pages":1,"pages":2}', [JSON], "request-not-json"),
        ("POST", "/v1/dossiers", b'{"pages":NaN}', [JSON], "request-not-json"),
        ("POST", "/v1/dossiers", b"[" * 100_000, [JSON], "request-not-json"),
        ("POST", "/v1/dossiers", b'\xff{"pages":1}', [JSON], "request-not-json"),
        ("POST", "/v1/dossiers", b'{"pages":1}', [("content-type", "text/plain")], "media-type-unsupported"),
        ("POST", "/v1/dossiers", b"", [JSON], "request-invalid"),
        ("POST", "/v1/dossiers", b'{"pages":"x"}', [JSON], "request-invalid"),
        ("POST", "/v1/dossiers?first=x", b'{"pages":1}', [JSON], "request-invalid"),
    ],
)
async def test_each_fault_has_its_code(
    edge: ASGIApp, method: str, target: str, body: bytes, headers: list[tuple[str, str]], code: str
) -> None:
    assert code_of(await ask(edge, method, target, body, headers)) == code


async def test_a_good_request_passes(edge: ASGIApp) -> None:
    reply = await ask(edge, "POST", "/v1/dossiers", b'{"pages":3,"kinds":["a"]}', [JSON])
    assert (reply.status, reply.json()) == (200, {"pages": 3, "kinds": ["a"]})
    assert len(reply.headers["x-request-id"]) == 32


async def test_validation_names_every_place_and_echoes_nothing(edge: ASGIApp) -> None:
    body = json.dumps({"pages": CANARY, "kinds": ["a", CANARY], "more/~": CANARY}).encode()
    reply = await ask(edge, "POST", "/v1/dossiers", body, [JSON])
    assert {entry["pointer"] for entry in reply.json()["errors"]} == {"/pages", "/kinds/1", "/more~1~0"}
    assert "7f3a" not in reply.body.decode()


async def test_every_pointer_is_told_however_many(edge: ASGIApp) -> None:
    assert len((await ask(edge, "GET", "/v1/many")).json()["errors"]) == 3000


async def test_the_allowed_methods_and_the_wait_are_told(edge: ASGIApp) -> None:
    assert (await ask(edge, "DELETE", "/v1/dossiers")).headers["allow"] == "POST"
    assert (await ask(edge, "GET", "/v1/busy")).headers["retry-after"] == "7"


@pytest.mark.parametrize(
    ("asked", "language"),
    [
        (None, "vi"),
        ("en", "en"),
        ("en-GB,en;q=0.9", "en"),
        ("vi", "vi"),
        ("fr", "vi"),
        ("*", "vi"),
        ("vi;q=0.3, en;q=0.7", "en"),
        ("en;q=0.5, vi;q=0.5", "vi"),
        ("en;q=0", "vi"),
        ("en;q=zzz", "vi"),
        ("en;q=nan", "vi"),
        (",,;;=,", "vi"),
    ],
)
async def test_the_language_is_the_one_asked_for(edge: ASGIApp, asked: str | None, language: str) -> None:
    headers = [] if asked is None else [("accept-language", asked)]
    reply = await ask(edge, "GET", "/v1/packages/7", headers=headers)
    title = PackageUnknown.title
    assert reply.json()["title"] == (title.vi if language == "vi" else title.en)
    assert reply.headers["content-language"] == language


async def test_a_bug_is_logged_by_place_and_never_by_its_words(edge: ASGIApp, log: io.StringIO) -> None:
    reply = await ask(edge, "GET", f"/v1/bug?q={'7f3a'}")
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    bugs = [line for line in lines if line["event"] == "unexpected-error"]
    assert len(bugs) == 1
    assert bugs[0]["request_id"] == reply.headers["x-request-id"]
    assert bugs[0]["exception"] == "builtins.RuntimeError"
    assert bugs[0]["places"][-1].endswith(" bug")
    assert "7f3a" not in log.getvalue()


async def test_one_line_a_request_by_template(edge: ASGIApp, log: io.StringIO, metrics: Metrics) -> None:
    await ask(edge, "GET", "/v1/packages/123456")
    await ask(edge, "BREW", "/v1/pot")
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [(line["event"], line["route"], line["method"], line["status"]) for line in lines] == [
        ("request", "/v1/packages/{package}", "GET", 404),
        ("request", "(none)", "OTHER", 404),
    ]
    assert "123456" not in log.getvalue()
    value = metrics.registry.get_sample_value
    labels = {"route": "/v1/packages/{package}", "method": "GET", "code": "404"}
    assert value("nopluu_http_requests_total", labels) == 1
    assert value("nopluu_http_requests_total", {"route": "(none)", "method": "OTHER", "code": "404"}) == 1
    assert value("nopluu_problem_total", {"code": "package-unknown"}) == 1
    assert value("nopluu_http_requests_in_flight") == 0


async def test_half_an_answer_is_cut_not_ended(edge: ASGIApp, metrics: Metrics) -> None:
    with pytest.raises(RuntimeError):
        await ask(edge, "GET", "/v1/half")
    assert metrics.registry.get_sample_value("nopluu_http_requests_in_flight") == 0


async def test_a_client_that_leaves_is_no_bug(edge: ASGIApp, log: io.StringIO) -> None:
    reply = await call(edge, http_scope("PUT", "/v1/stream"), [])
    assert reply.status == 499
    assert "unexpected-error" not in log.getvalue()


async def test_the_document_has_the_problem_on_every_operation(app: FastAPI) -> None:
    document = app.openapi()
    assert document["openapi"] == "3.1.0"
    reference = {"$ref": "#/components/schemas/Problem"}
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert len(operations) == 7
    for operation in operations:
        assert operation["responses"]["default"]["content"]["application/problem+json"]["schema"] == reference
    assert "package-unknown" in document["paths"]["/v1/packages/{package}"]["get"]["responses"]["404"]["description"]
    assert "HTTPValidationError" not in json.dumps(document)


@pytest.mark.parametrize("target", ["/docs", "/errors", "/openapi.json", "/docs.css"])
async def test_no_page_refers_to_elsewhere(edge: ASGIApp, target: str) -> None:
    reply = await ask(edge, "GET", target)
    assert reply.status == 200
    assert "default-src 'none'" in reply.headers["content-security-policy"]
    text = reply.body.decode()
    assert "//" not in text.replace("application/", "")
    assert "<script" not in text


async def test_every_code_has_its_place_on_the_page_of_refusals(edge: ASGIApp) -> None:
    page = (await ask(edge, "GET", "/errors")).body.decode()
    for code, refusal in registered().items():
        assert f'id="{code}"' in page
        assert refusal.title.vi in page.replace("&#x27;", "'").replace("&quot;", '"').replace("&amp;", "&")
