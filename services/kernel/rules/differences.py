"""What a new bundle changes in an older one: rules added, removed, changed, each member in words.

The order of rows says nothing (every matching rule fires), so it is not compared.

Source: DESIGN 9.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from services.kernel.canonical import canonical
from services.kernel.refusals.registry import Text
from services.kernel.rules.model import Basis, Bundle, Rule

_EFFECTS: Final = {
    "refuse": Text("Từ chối", "refuse"),
    "quarantine": Text("Giữ chờ cán bộ", "hold for an officer"),
    "withhold": Text("Chỉ giữ phiếu", "keep the stub only"),
    "conditional": Text("Nhận có điều kiện", "admit under conditions"),
    "admit": Text("Nhận", "admit"),
}
_YES, _NO = Text("có", "yes"), Text("không", "no")


@dataclass(frozen=True, slots=True)
class Change:
    """One member of a rule: its name for people, and what it was and is."""

    member: Text
    before: Text
    after: Text


@dataclass(frozen=True, slots=True)
class Difference:
    """One rule that is not as it was. `kind`: added, removed, changed; an added or removed one has no changes."""

    rule: str
    kind: str
    condition: str
    changes: tuple[Change, ...] = ()


def differences(old: Bundle, new: Bundle) -> list[Difference]:
    """Removed rules first, for those are missed most easily; then changed ones, then added ones."""
    before, after = ({rule.id: rule for rule in bundle.rules} for bundle in (old, new))
    removed = [Difference(id_, "removed", rule.condition) for id_, rule in before.items() if id_ not in after]
    changed = [
        Difference(id_, "changed", rule.condition, changes)
        for id_, rule in after.items()
        if id_ in before and (changes := tuple(_changes(before[id_], rule)))
    ]
    added = [Difference(id_, "added", rule.condition) for id_, rule in after.items() if id_ not in before]
    return [*removed, *changed, *added]


def _changes(old: Rule, new: Rule) -> Iterator[Change]:
    for name, before, after in (
        (Text("Hệ quả", "Effect"), _EFFECTS[old.effect.wire], _EFFECTS[new.effect.wire]),
        (Text("Báo cáo công an", "Report to the police"), _flag(old.report), _flag(new.report)),
        (Text("Điều kiện", "Condition"), _same(old.condition), _same(new.condition)),
        (Text("Biểu thức", "Expression"), _same(old.cel), _same(new.cel)),
        (Text("Căn cứ", "Legal basis"), _basis(old.basis), _basis(new.basis)),
        (Text("Đã xác nhận", "Confirmed"), _flag(old.confirmed), _flag(new.confirmed)),
        (Text("Điều còn phải xác nhận", "Still to confirm"), _same(old.note), _same(new.note)),
        (Text("Thông báo", "Message"), old.message, new.message),
    ):
        if before != after:
            yield Change(name, before, after)
    for name, one, other in (
        (Text("Ví dụ phải khớp", "Examples that match"), old.positive, new.positive),
        (Text("Ví dụ không được khớp", "Examples that do not match"), old.negative, new.negative),
    ):
        before_set, after_set = ({canonical(dict(entry)) for entry in entries} for entries in (one, other))
        if before_set != after_set:
            gone, come = len(before_set - after_set), len(after_set - before_set)
            yield Change(
                name,
                Text(f"{len(one)}", f"{len(one)}"),
                Text(f"{len(other)} (+{come} −{gone})", f"{len(other)} (+{come} -{gone})"),
            )


def _flag(value: bool) -> Text:
    return _YES if value else _NO


def _same(text: str) -> Text:
    return Text(text, text)


def _basis(entries: tuple[Basis, ...]) -> Text:
    return _same(
        "; ".join(f"{entry.text}, {entry.article} ({entry.since or '…'} – {entry.until or '…'})" for entry in entries)
    )
