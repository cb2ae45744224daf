"""The `@target-uri` of a request, built from what the client sent and the origin we know ourselves by.

Never from a framework's URL or decoded path: those unescape `%2f`, follow the Host field and differ between servers.

Source: RFC 9421 §2.2.2; security register "Request signing" (CVE-2026-48710, -54282).
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from services.kernel.refusals.identity import TargetRefused

_PATH = re.compile(r"/(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})*", re.ASCII)
_QUERY = re.compile(r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?]|%[0-9A-Fa-f]{2})*", re.ASCII)
_SEPARATORS = re.compile(r"%2f|%5c", re.IGNORECASE)
_ENCODED_DOT = re.compile(r"%2e", re.IGNORECASE)
_LONGEST = 8192


def target_uri(origin: str, raw_path: bytes, query_string: bytes) -> str:
    """The full address, byte for byte as sent: `origin` (scheme and authority, ours) + path + `?` + query if any.

    Raises:
        TargetRefused: characters outside RFC 3986, an encoded separator, a dot segment, a parameter given twice.
    """
    try:
        path, query = raw_path.decode("ascii"), query_string.decode("ascii")
    except UnicodeDecodeError as error:
        raise TargetRefused from error
    if len(path) + len(query) > _LONGEST or not _PATH.fullmatch(path) or not _QUERY.fullmatch(query):
        raise TargetRefused
    segments = _ENCODED_DOT.sub(".", path).split("/")
    if _SEPARATORS.search(path) or "." in segments or ".." in segments:
        raise TargetRefused
    if _repeats_a_parameter(query):
        raise TargetRefused
    return f"{origin}{path}?{query}" if query else f"{origin}{path}"


def _repeats_a_parameter(query: str) -> bool:
    names = [unquote_to_bytes(pair.partition("=")[0].replace("+", " ")) for pair in query.split("&") if pair]
    return len(set(names)) != len(names)
