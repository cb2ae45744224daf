"""The client's connections: one is used again after an answer that nobody read, unless its rest is long."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import UUID

import pytest

from services.agency.profile import Profile
from services.agency.wire import Wire

LONG = 32 * 1024 * 1024  # more than the kernel's buffers take: the server would still be writing


class _Server(ThreadingHTTPServer):
    """Answers `/n` with n bytes, and counts connections."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.connections = 0

    def get_request(self) -> tuple[object, object]:  # type: ignore[override]  # typeshed knows a union that we need not
        self.connections += 1
        return super().get_request()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        length = int(self.path[1:])
        self.send_response(307 if length == 0 else 200)
        self.send_header("location", "/elsewhere")
        self.send_header("content-length", str(length))
        self.end_headers()
        try:
            self.wfile.write(bytes(length))
        except OSError:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is printed."""


@contextmanager
def _serving() -> Iterator[_Server]:
    server = _Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize(("length", "connections"), [(0, 1), (100, 1), (64 * 1024, 1), (LONG, 3)])
def test_a_connection_is_used_again_unless_much_was_left_unread(length: int, connections: int) -> None:
    with _serving() as server:
        origin = f"http://127.0.0.1:{server.server_port}"
        wire = Wire(Profile(origin, UUID(int=1), Path("key.pem")), connections=2)
        for _ in range(3):
            with wire.open("GET", f"{origin}/{length}", {}) as answer:
                assert answer.headers["content-length"] == str(length)
        assert server.connections == connections
        wire.close()


def test_who_breaks_off_does_not_wait_for_the_rest() -> None:
    with _serving() as server:
        origin = f"http://127.0.0.1:{server.server_port}"
        wire = Wire(Profile(origin, UUID(int=1), Path("key.pem")), connections=2)
        with pytest.raises(RuntimeError, match="enough"), wire.open("GET", f"{origin}/100", {}):
            raise RuntimeError("enough")
        wire.exchange("GET", f"{origin}/100", {})
        assert server.connections == 2
        wire.close()
