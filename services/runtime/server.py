"""Two listeners, one event loop: the public one and the admin one.

uvicorn with httptools and uvloop. Its signal handling is replaced, so that one event ends both listeners; its proxy
headers and its own access log are off, because the client's address is no one's business here.

Source: DESIGN 3, security register §8.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import ssl
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import uvicorn
import uvloop
from starlette.types import ASGIApp

from services.runtime.logging import logger
from services.runtime.settings import ServiceSettings
from services.runtime.unix_sockets import open_private

GRACE_SECONDS: Final = 10
_KEEP_ALIVE_SECONDS: Final = 60  # longer than the front proxy's, which must be the one to close
_BACKLOG: Final = 2048

Started = Callable[[str, str], Awaitable[None]]
"""Told once both listeners are open: the public address and the admin address, with the ports the system chose."""


async def serve(
    public: ASGIApp,
    admin: ASGIApp,
    settings: ServiceSettings,
    stop: asyncio.Event,
    *,
    started: Started | None = None,
) -> None:
    """Serve until `stop` is set or a listener fails; requests in flight then have `GRACE_SECONDS` to finish.

    Raises:
        OSError: an address cannot be used, or a certificate cannot be read.
        SocketExposed: others than the front proxy could reach a Unix socket.
    """
    tls = _tls(settings.tls_cert, settings.tls_key)
    outer = _server(public, settings.listen, tls)
    try:
        inner = _server(admin, settings.admin_listen, None)
    except BaseException:
        outer.close()
        raise
    await _serve([outer, inner], stop, started)


async def serve_admin(admin: ASGIApp, admin_listen: str, stop: asyncio.Event) -> None:
    """The admin listener alone, for a process that answers no client: a worker, the sequencer.

    Raises:
        OSError: the address cannot be used.
    """
    await _serve([_server(admin, admin_listen, None)], stop, None)


async def _serve(servers: list[_Server], stop: asyncio.Event, started: Started | None) -> None:
    running = [asyncio.create_task(server.serve(server.listening)) for server in servers]
    stopping = asyncio.create_task(stop.wait())
    try:
        if await _opened(servers, running, stopping):
            addresses = [server.address() for server in servers]
            logger().info("serving", address=addresses[0])
            if started is not None:
                await started(addresses[0], addresses[-1])
            await asyncio.wait([*running, stopping], return_when=asyncio.FIRST_COMPLETED)
    finally:
        stop.set()
        for server in servers:
            server.should_exit = True
        stopping.cancel()
        outcomes = await asyncio.gather(*running, return_exceptions=True)
        with suppress(asyncio.CancelledError):
            await stopping
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome


def run(main: Callable[[asyncio.Event], Coroutine[Any, Any, None]]) -> None:
    """Run a process's main coroutine on uvloop; SIGTERM and SIGINT set the event it is given."""

    async def with_signals() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        await main(stop)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(with_signals())


class _Server(uvicorn.Server):
    """uvicorn's server without its signal handlers, on sockets that are open already."""

    def __init__(self, config: uvicorn.Config, listening: list[socket.socket]) -> None:
        super().__init__(config)
        self.listening = listening
        self._address = _name_of(listening[0])

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def address(self) -> str:
        return self._address

    def close(self) -> None:
        """Close what was opened and will not be served."""
        for each in self.listening:
            each.close()


def _name_of(listening: socket.socket) -> str:
    if listening.family == socket.AF_UNIX:
        return f"unix:{listening.getsockname()}"
    host, port = listening.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _tcp(host: str, port: int) -> list[socket.socket]:
    """A socket for each address that the host's name has, all on one port; port 0: the system chooses it."""
    opened: list[socket.socket] = []
    try:
        for family, _, _, _, place in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE):
            chosen = opened[0].getsockname()[1] if opened else port
            opened.append(socket.create_server((place[0], chosen), family=family, backlog=_BACKLOG))
            opened[-1].setblocking(False)
    except BaseException:
        for each in opened:
            each.close()
        raise
    return opened


def _server(app: ASGIApp, address: str, tls: ssl.SSLContext | None) -> _Server:
    if address.startswith("unix:"):
        listening = [open_private(Path(address.removeprefix("unix:")), _BACKLOG)]
    else:
        host, _, port = address.rpartition(":")
        listening = _tcp(host.strip("[]"), int(port))
    config = uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=True,
        backlog=_BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
        ssl_context_factory=None if tls is None else lambda _config, _default: tls,
    )
    return _Server(config, listening)


def _tls(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    """TLS 1.3 only; `make run` is the one who listens without a front proxy."""
    if certificate is None or key is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["http/1.1"])
    return context


async def _opened(servers: list[_Server], running: list[asyncio.Task[None]], stopping: asyncio.Task[Any]) -> bool:
    """Whether every listener opened before the stop."""
    while not all(server.started for server in servers):
        if stopping.done() or any(task.done() for task in running):
            return False
        await asyncio.sleep(0.005)
    return True
