"""One client of the running gateway that signs its own requests and moves bytes on its own connections."""

from __future__ import annotations

import hashlib
import os
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlencode, urlsplit

from deploy.onebox.stack import OneBox
from services.kernel.signing import Content, sign_request
from services.kernel.signing.assertions import ASSERTION_TYPE
from tests.support.enrolled import FORM, Enrolled
from tests.support.front import Reply, Talk


@dataclass(slots=True)
class Wired:
    """See the module. Addresses are whole; services are named as in `OneBox.origins`."""

    box: OneBox
    enrolled: Enrolled
    token: str = field(default="")

    def url(self, service: str, target: str) -> str:
        return self.box.origins.origin(service) + target

    @contextmanager
    def talk(self, url: str) -> Iterator[Talk]:
        """A connection to the address's host; closed with the block."""
        parts = urlsplit(url)
        tls = ssl.create_default_context(cafile=str(self.box.folder.path / "tls" / "ca.pem"))
        with (
            socket.create_connection((parts.hostname or "", parts.port or 443), timeout=30) as plain,
            tls.wrap_socket(plain, server_hostname=parts.hostname) as sock,
        ):
            yield Talk(sock)

    def obtain(self) -> Reply:
        """Ask for a token, and keep it."""
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self.enrolled.assertion(),
        }
        body, url = urlencode(form).encode(), self.url("auth", "/v1/token")
        with self.talk(url) as talk:
            talk.send(self._head("POST", url, {"content-type": FORM, "content-length": str(len(body))}) + body)
            reply = talk.reply()
        if reply.status == 200:
            self.token = reply.json()["access_token"]
        return reply

    def ask(self, method: str, url: str, body: bytes | None = None, *, content_type: str = "application/json") -> Reply:
        """The answer to one signed request."""
        with self.talk(url) as talk:
            talk.send(self.signed(method, url, body, content_type=content_type) + (body or b""))
            return talk.reply(120)

    def signed(
        self, method: str, url: str, body: bytes | None = None, *, content_type: str = "application/json"
    ) -> bytes:
        """The head of a signed request."""
        fields = {"authorization": f"Bearer {self.token}", "accept-language": "en"}
        content = None
        if body is not None:
            fields["content-type"] = content_type
            content = Content(hashlib.sha256(body).digest(), len(body))
        signed = sign_request(
            method, url, fields, content=content, key=self.enrolled.key, now=datetime.now(UTC), nonce=os.urandom(16)
        )
        return self._head(method, url, signed)

    def _head(self, method: str, url: str, fields: dict[str, str]) -> bytes:
        parts = urlsplit(url)
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        lines = [f"{method} {target} HTTP/1.1", f"Host: {parts.netloc}"]
        lines += [f"{name}: {value}" for name, value in fields.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
