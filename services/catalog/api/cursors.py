"""Page marks as clients carry them: opaque, and good only for the search that gave them."""

from __future__ import annotations

import hashlib
import struct
from typing import Final
from uuid import UUID

from services.catalog.usecases.ports import Mark
from services.kernel.canonical import b64url, canonical, unb64url
from services.kernel.identifiers import DocumentId
from services.kernel.refusals.catalog import CursorInvalid

_FORM: Final = struct.Struct(">8s?f16s")


def write_cursor(mark: Mark, *search: str | None) -> str:
    """The mark's text; `search` is all that decides which documents are found."""
    return b64url(_FORM.pack(_digest(search), mark.exact, mark.rank, mark.document.bytes))


def read_cursor(text: str | None, *search: str | None) -> Mark | None:
    """The mark in a cursor; None for none.

    Raises:
        CursorInvalid: not a cursor of this search.
    """
    if text is None:
        return None
    try:
        digest, exact, rank, document = _FORM.unpack(unb64url(text))
    except (ValueError, struct.error) as error:
        raise CursorInvalid from error
    if digest != _digest(search) or rank != rank:  # the second: not a number
        raise CursorInvalid
    return Mark(exact, rank, DocumentId(UUID(bytes=document)))


def _digest(search: tuple[str | None, ...]) -> bytes:
    return hashlib.sha256(canonical(list(search))).digest()[:8]
