"""A TCP relay that a test can break: between our client and a real server, as a network does it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Literal

Weather = Literal["fair", "refusing", "mute", "cutting", "one-way"]
"""`refusing` closes what is opened, `mute` passes nothing on, `cutting` ends every answer after its first bytes; `one-way`
passes everything on but HTTP requests that write (PUT): those wait.
"""

_FIRST_BYTES = 40


class Wire:
    """Set `weather` at any time; it holds for connections that are open as well."""

    def __init__(self, host: str, port: int) -> None:
        self.port = 0
        self._target = (host, port)
        self._weather: Weather = "fair"
        self._fair = asyncio.Event()
        self._fair.set()
        self._two_way = asyncio.Event()
        self._two_way.set()
        self._open: set[asyncio.StreamWriter] = set()
        self._relays: set[asyncio.Task[None]] = set()

    @property
    def weather(self) -> Weather:
        return self._weather

    @weather.setter
    def weather(self, weather: Weather) -> None:
        self._weather = weather
        (self._fair.clear if weather == "mute" else self._fair.set)()
        (self._two_way.clear if weather == "one-way" else self._two_way.set)()
        for writer in list(self._open):  # kept connections too
            if weather not in ("mute", "one-way"):
                writer.close()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """What the listener calls for each connection."""
        relay = asyncio.create_task(self._relay(reader, writer))
        self._relays.add(relay)
        relay.add_done_callback(self._relays.discard)

    async def end(self) -> None:
        """Close every connection and wait until that is done."""
        self.weather = "refusing"
        await asyncio.gather(*self._relays, return_exceptions=True)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            if self._weather == "refusing":
                return
            there_reader, there_writer = await asyncio.open_connection(*self._target)
            with suppress(ConnectionError):
                await asyncio.gather(
                    self._pass(reader, there_writer, answers=False), self._pass(there_reader, writer, answers=True)
                )
        finally:
            self._open.discard(writer)
            writer.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool) -> None:
        try:
            while data := await reader.read(65536):
                await self._fair.wait()
                if not answers and data.startswith(b"PUT "):
                    await self._two_way.wait()
                if answers and self._weather == "cutting":
                    data, over = data[:_FIRST_BYTES], True
                else:
                    over = False
                writer.write(data)
                await writer.drain()
                if over:
                    return
        finally:
            writer.close()


@asynccontextmanager
async def wire(host: str, port: int) -> AsyncIterator[Wire]:
    """A wire to a server, on a port of its own (`wire.port`)."""
    made = Wire(host, port)
    server = await asyncio.start_server(made.accept, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        await made.end()
        await server.wait_closed()
