"""A Transit server for tests: what of OpenBao's and Vault's API our adapter uses, in memory, over real HTTP.

It stands beside the contract suite, which also runs on a real server where `NOPLUU_TEST_TRANSIT_ADDR` names one. It can
be sealed, slow, mute, forgetful, or answer with another key.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.runtime.kms.transit import TransitSettings

ADDRESS_VARIABLE = "NOPLUU_TEST_TRANSIT_ADDR"
TOKEN_VARIABLE = "NOPLUU_TEST_TRANSIT_TOKEN_FILE"
TRANSIT_MISSING = (
    f"no server: set {ADDRESS_VARIABLE} and {TOKEN_VARIABLE} (and NOPLUU_TEST_TRANSIT_MOUNT, else transit)"
)


def real_transit() -> TransitSettings | None:
    """The real server that the environment names."""
    address, token_file = os.environ.get(ADDRESS_VARIABLE), os.environ.get(TOKEN_VARIABLE)
    if not address or not token_file:
        return None
    return TransitSettings(
        address.rstrip("/"), Path(token_file), os.environ.get("NOPLUU_TEST_TRANSIT_MOUNT", "transit")
    )


@dataclass(slots=True)
class _Key:
    versions: dict[int, AESGCM] = field(default_factory=dict)
    oldest_decryption: int = 1
    oldest_available: int = 0

    @property
    def newest(self) -> int:
        return max(self.versions)

    def rotate(self) -> None:
        self.versions[max(self.versions, default=0) + 1] = AESGCM(AESGCM.generate_key(256))

    def encrypt(self, plaintext: bytes) -> str:
        nonce = secrets.token_bytes(12)
        return f"vault:v{self.newest}:{b64encode(nonce + self.versions[self.newest].encrypt(nonce, plaintext, None)).decode()}"

    def decrypt(self, ciphertext: str) -> bytes:
        """Raises ValueError with Vault's own words."""
        vault, version, encoded = ciphertext.split(":")
        number = int(version.removeprefix("v"))
        if vault != "vault" or number > self.newest:
            raise ValueError("invalid ciphertext: version is too new")
        if number < self.oldest_decryption or number not in self.versions:
            raise ValueError("ciphertext or signature version is disallowed by policy (too old)")
        data = b64decode(encoded)
        try:
            return self.versions[number].decrypt(data[:12], data[12:], None)
        except InvalidTag:
            raise ValueError("cipher: message authentication failed") from None


class TransitServer:
    """Change its members while it runs."""

    def __init__(self) -> None:
        self.keys: dict[str, _Key] = {}
        self.tokens = {"s.first"}
        self.sealed = False
        self.stall = asyncio.Event()
        self.stall.set()
        self.other_keys = False
        self.requests: list[tuple[str, str]] = []
        self.renewals = 0

    def application(self) -> web.Application:
        app = web.Application(middlewares=[self._at_the_door], client_max_size=64 * 1024 * 1024)
        app.router.add_get("/v1/auth/token/lookup-self", self._look_up)
        app.router.add_post("/v1/auth/token/renew-self", self._renew)
        app.router.add_get("/v1/transit/keys/{name}", self._read)
        app.router.add_post("/v1/transit/keys/{name}", self._create)
        app.router.add_post("/v1/transit/keys/{name}/rotate", self._rotate)
        app.router.add_post("/v1/transit/keys/{name}/config", self._configure)
        app.router.add_post("/v1/transit/keys/{name}/trim", self._trim)
        app.router.add_post("/v1/transit/{verb:encrypt|decrypt|rewrap}/{name}", self._use)
        return app

    @web.middleware
    async def _at_the_door(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        self.requests.append((request.method, request.path))
        await self.stall.wait()
        if self.sealed:
            return _errors(503, "Vault is sealed")
        if request.headers.get("X-Vault-Token") not in self.tokens:
            return _errors(403, "permission denied")
        return await handler(request)

    async def _look_up(self, _: web.Request) -> web.Response:
        return web.json_response({"data": {"ttl": 3600, "renewable": True}})

    async def _renew(self, _: web.Request) -> web.Response:
        self.renewals += 1
        return web.json_response({"auth": {"lease_duration": 3600}})

    async def _read(self, request: web.Request) -> web.Response:
        key = self.keys.get(request.match_info["name"])
        if key is None:
            return _errors(404)
        return web.json_response(
            {
                "data": {
                    "type": "aes256-gcm96",
                    "exportable": False,
                    "latest_version": key.newest,
                    "min_available_version": key.oldest_available,
                    "min_decryption_version": key.oldest_decryption,
                }
            }
        )

    async def _create(self, request: web.Request) -> web.Response:
        body = await request.json()
        if body != {"type": "aes256-gcm96", "exportable": False}:
            return _errors(400, "unexpected")
        if request.match_info["name"] not in self.keys:
            key = self.keys[request.match_info["name"]] = _Key()
            key.rotate()
        return web.Response(status=204)

    async def _rotate(self, request: web.Request) -> web.Response:
        key = self.keys.get(request.match_info["name"])
        if key is None:
            return _errors(400, "key not found")
        key.rotate()
        return web.Response(status=204)

    async def _configure(self, request: web.Request) -> web.Response:
        key, body = self.keys[request.match_info["name"]], await request.json()
        if not 1 <= body["min_decryption_version"] <= key.newest:
            return _errors(400, "cannot set min decryption version")
        key.oldest_decryption = body["min_decryption_version"]
        return web.Response(status=204)

    async def _trim(self, request: web.Request) -> web.Response:
        key, body = self.keys[request.match_info["name"]], await request.json()
        wanted = body["min_available_version"]
        if wanted > key.oldest_decryption or wanted > key.newest:
            return _errors(400, "minimum available version cannot be greater than minimum decryption version")
        key.oldest_available = wanted
        for number in [number for number in key.versions if number < wanted]:
            del key.versions[number]
        return web.Response(status=204)

    async def _use(self, request: web.Request) -> web.Response:
        key, body = self.keys.get(request.match_info["name"]), await request.json()
        if key is None:
            return _errors(400, "encryption key not found")
        if request.match_info["verb"] == "encrypt":
            return web.json_response({"data": {"ciphertext": key.encrypt(b64decode(body["plaintext"]))}})
        results = [self._answer(key, request.match_info["verb"], entry["ciphertext"]) for entry in body["batch_input"]]
        status = 400 if all("error" in result for result in results) else 200
        return web.json_response({"data": {"batch_results": results}}, status=status)

    def _answer(self, key: _Key, verb: str, ciphertext: str) -> dict[str, Any]:
        try:
            plaintext = key.decrypt(ciphertext)
        except ValueError as error:
            return {"error": str(error)}
        if self.other_keys:
            plaintext = bytes(byte ^ 0xFF for byte in plaintext)
        if verb == "decrypt":
            return {"plaintext": b64encode(plaintext).decode()}
        return {"ciphertext": key.encrypt(plaintext)}


def _errors(status: int, *messages: str) -> web.Response:
    return web.json_response({"errors": list(messages)}, status=status)


@asynccontextmanager
async def transit_server(folder: Path) -> AsyncIterator[tuple[TransitServer, TransitSettings]]:
    """The server on a port of this machine, and the settings that reach it."""
    server = TransitServer()
    runner = web.AppRunner(server.application(), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    token_file = folder / "transit-token"
    token_file.write_text("s.first\n")
    port = runner.addresses[0][1]
    try:
        yield server, TransitSettings(f"http://127.0.0.1:{port}", token_file)
    finally:
        server.stall.set()
        await runner.cleanup()
