"""Hand files to the process that reads them; whatever becomes of it is an outcome of the file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final

from services.ingest.adapters import content_child
from services.ingest.adapters.reading_child import ended, started
from services.kernel.marks import MAX_FILE, Inspected, Outcome, worth_reading

SECONDS: Final = 120.0
_HEAD: Final = 4096


class ChildInspector:
    """See `usecases.content_ports.Inspector`. One file at a time; `close` ends the process."""

    def __init__(self, *, seconds: float = SECONDS, max_file: int = MAX_FILE) -> None:
        self._seconds = seconds
        self._max_file = max_file
        self._child: asyncio.subprocess.Process | None = None
        self._read = 0
        self._turn = asyncio.Lock()

    async def inspect(self, size: int, body: AsyncIterator[bytes]) -> Inspected:
        if size > self._max_file:
            return Inspected(Outcome.TOO_LARGE)
        async with self._turn:
            head = bytearray()
            async for chunk in body:
                head += chunk
                if len(head) >= _HEAD:
                    break
            if not worth_reading(bytes(head)):
                return Inspected(Outcome.UNSUPPORTED)
            try:
                return await self._asked(size, bytes(head), body)
            except BaseException:
                await self.close()  # half a file was written to it, or no answer came
                raise

    async def close(self) -> None:
        """End the process."""
        child, self._child = self._child, None
        if child is not None:
            await ended(child)

    async def _asked(self, size: int, head: bytes, body: AsyncIterator[bytes]) -> Inspected:
        child = await self._standing()
        if child.stdin is None or child.stdout is None:
            raise RuntimeError("a process without pipes")
        sent = await _sent(child.stdin, content_child.LENGTH.pack(size), head, body)
        answer = b""
        if sent:
            with suppress(TimeoutError, asyncio.LimitOverrunError, ValueError):
                async with asyncio.timeout(self._seconds):
                    answer = await child.stdout.readline()
        if answer.startswith(content_child.ENDS):
            await self.close()
        try:
            return Inspected.from_json(answer.removeprefix(content_child.ENDS))
        except ValueError:
            await self.close()
            return Inspected(Outcome.UNREADABLE)

    async def _standing(self) -> asyncio.subprocess.Process:
        if self._child is not None and self._read == content_child.FILES:
            await self.close()
        if self._child is None or self._child.returncode is not None:
            self._read = 0
            self._child = await started(content_child.__name__)
        self._read += 1
        return self._child


async def _sent(pipe: asyncio.StreamWriter, length: bytes, head: bytes, body: AsyncIterator[bytes]) -> bool:
    """Whether all of the file reached the process; what `body` raises is raised."""
    try:
        pipe.write(length)
        pipe.write(head)
        await pipe.drain()
    except OSError:
        return False
    async for chunk in body:
        try:
            pipe.write(chunk)
            await pipe.drain()
        except OSError:
            return False
    return True
