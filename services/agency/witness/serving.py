"""The witness's HTTP side: `POST /add-checkpoint`, and `GET /checkpoint/<sha256 of an origin>` to show what it holds.

Nothing here is secret and every answer is signed, so plain HTTP behind a firewall or a proxy is enough.

Source: C2SP tlog-witness.
"""

from __future__ import annotations

import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from services.agency.witness.state import WitnessState
from services.kernel.tlog.witnessing import MAX_REQUEST, SIZE_TYPE, WitnessRefused

_SECONDS: Final = 10.0
_TEXT: Final = "text/plain; charset=utf-8"
_SHOW: Final = "/checkpoint/"


class WitnessServer(ThreadingHTTPServer):
    """Serves one witness until `shutdown`."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], state: WitnessState) -> None:
        super().__init__(address, _Handler)
        self.state = state


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "nopluu-witness"
    sys_version = ""
    timeout = _SECONDS

    def do_POST(self) -> None:
        """Cosign, or say why not."""
        if self.path != "/add-checkpoint":
            self._answer(404, "not found\n", close=True)
            return
        length = self.headers.get("content-length", "")
        if not (length.isascii() and length.isdigit()) or "transfer-encoding" in self.headers:
            self._answer(411, "a content length is needed\n", close=True)
            return
        if int(length) > MAX_REQUEST:
            self._answer(413, "too long\n", close=True)
            return
        body = self.rfile.read(int(length))
        if len(body) != int(length):
            self.close_connection = True
            return
        try:
            line = self._state.add_checkpoint(body, int(time.time()))
        except WitnessRefused as refused:
            self._tell(f"refused {refused.status}: {refused.reason}")
            if refused.size is None:
                self._answer(refused.status, f"{refused.reason}\n")
            else:
                self._answer(refused.status, f"{refused.size}\n", SIZE_TYPE)
        except OSError as error:
            self._tell(f"not written: {type(error).__name__}")
            self._answer(503, "the state cannot be written\n")
        else:
            self._answer(200, line)

    def do_GET(self) -> None:
        """Show the newest checkpoint of a log."""
        note = self._state.shown(self.path.removeprefix(_SHOW)) if self.path.startswith(_SHOW) else None
        self._answer(200, note) if note is not None else self._answer(404, "not found\n")

    def log_message(self, format: str, *args: object) -> None:
        """Nothing of a request is written that is no refusal: addresses of callers say nothing of the log."""

    @property
    def _state(self) -> WitnessState:
        if not isinstance(self.server, WitnessServer):
            raise TypeError("another server's handler")
        return self.server.state

    def _answer(self, status: int, text: str, kind: str = _TEXT, *, close: bool = False) -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        if close:
            self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(data)

    def _tell(self, what: str) -> None:
        sys.stderr.write(f"{self.log_date_time_string()} {what}\n")
        sys.stderr.flush()
