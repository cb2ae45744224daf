"""A refusal as it is kept in a row: its code, facts and pointers, and none of what the client sent.

Texts of pointers are kept too, because a finding's words may depend on the rules then in force.
"""

from __future__ import annotations

from collections.abc import Mapping

from services.kernel.refusals import Pointer, Refusal, Text, registered
from services.kernel.refusals.packages import DeclarationLost


def kept(refusal: Refusal) -> Mapping[str, object]:
    """What is kept of a refusal; JSON."""
    return {
        "code": refusal.code,
        "facts": dict(refusal.facts),
        "errors": [[entry.pointer, entry.code, entry.detail.vi, entry.detail.en] for entry in refusal.pointers],
    }


def restored(record: Mapping[str, object]) -> Refusal:
    """The refusal that `kept` wrote; one that this release no longer knows tells the client to declare again."""
    match record:
        case {"code": str(code), "facts": dict(facts), "errors": list(errors)} if code in registered():
            return registered()[code](pointers=[_pointer(entry) for entry in errors], **facts)
        case _:
            return DeclarationLost()


def _pointer(entry: object) -> Pointer:
    match entry:
        case [str(pointer), str(code), str(vi), str(en)]:
            return Pointer(pointer, code, Text(vi, en))
        case _:
            raise ValueError("a kept refusal is malformed")
