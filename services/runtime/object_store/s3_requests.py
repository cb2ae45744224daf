"""Signed requests to one bucket, by one credential."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import SplitResult, quote, urlsplit

from minio.credentials.credentials import Credentials
from minio.signer import sign_v4_s3
from yarl import URL

UNSIGNED = "UNSIGNED-PAYLOAD"


@dataclass(frozen=True, slots=True)
class S3Settings:
    """Where the bucket is, and the files that hold the one credential which serves it.

    `filer` is set for SeaweedFS only: the address where its rules are read, because SeaweedFS answers before its writes
    are on disk unless a rule says otherwise.
    """

    endpoint: str
    bucket: str
    access_key_file: Path
    secret_key_file: Path
    region: str = "us-east-1"
    ca_file: Path | None = None
    filer: str | None = None


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A request as it goes out."""

    method: str
    url: URL
    headers: Mapping[str, str] = field(repr=False)


class RequestSigner:
    """Signs requests (AWS Signature Version 4, by the minio SDK's signer) for one bucket and one credential."""

    def __init__(self, settings: S3Settings) -> None:
        self._origin = urlsplit(settings.endpoint)
        if self._origin.scheme not in ("http", "https") or self._origin.path.strip("/"):
            raise ValueError("the store's endpoint is an http(s) origin")
        self._bucket = settings.bucket
        self._region = settings.region
        self._credentials = Credentials(
            settings.access_key_file.read_text().strip(), settings.secret_key_file.read_text().strip()
        )

    def sign(
        self,
        method: str,
        name: str = "",
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        payload: str = UNSIGNED,
    ) -> SignedRequest:
        """A request for the object `name`, or for the bucket itself."""
        now = datetime.now(UTC)
        asked = "&".join(f"{_quoted(key)}={_quoted(value)}" for key, value in sorted((query or {}).items()))
        path = f"/{self._bucket}/{quote(name, safe='/-._~')}" if name else f"/{self._bucket}"
        url = SplitResult(self._origin.scheme, self._origin.netloc, path, asked, "")
        unsigned = {
            "Host": self._origin.netloc,
            "x-amz-content-sha256": payload,
            "x-amz-date": now.strftime("%Y%m%dT%H%M%SZ"),
            **(headers or {}),
        }
        signed = sign_v4_s3(
            method=method,
            url=url,
            region=self._region,
            headers=dict(unsigned),
            credentials=self._credentials,
            content_sha256=payload,
            date=now,
        )
        return SignedRequest(method, URL(url.geturl(), encoded=True), {key: str(signed[key]) for key in signed})


def _quoted(text: str) -> str:
    return quote(text, safe="-._~")
