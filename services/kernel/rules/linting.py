"""What is doubtful in a bundle that would pass its gate: hints to the author, never a verdict.

The gate (`bundles`, `compiling`) refuses wrong types, unknown fields, missing examples, missing basis. What is looked for
here can only be judged by a person: a row that decides nothing, a row that fails on somebody else's example, a basis that
is no longer law, a numbered rule that is gone.

Source: DESIGN 9; domain notes §3.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from services.kernel.refusals.registry import Text
from services.kernel.rules.baseline import baseline_rows
from services.kernel.rules.compiling import CompiledBundle
from services.kernel.rules.model import Rule
from services.kernel.rules.situations import Situation, example

_MOMENT: Final = re.compile(r"""timestamp\(\s*(["'])(.*?)\1\s*\)""")

CEILING: Final = "agency.ceiling"

REMARKS: Final[Mapping[str, Text]] = {
    "unconfirmed": Text("Chưa được xác nhận với văn bản pháp luật.", "Not confirmed against the text of the law."),
    "may-fail": Text(
        "Không tính được điều kiện trong một tình huống ở ví dụ của quy tắc khác: thiếu điều kiện doc.has_….",
        "The condition cannot be evaluated in a situation of another rule's example: a guard doc.has_… is missing.",
    ),
    "moment-invalid": Text("Ngày trong timestamp(…) không có thật.", "The day in a timestamp(…) does not exist."),
    "never-decides": Text(
        "Trong mọi ví dụ của chính nó, một quy tắc khác mạnh hơn đã quyết định: quy tắc này có thể không bao giờ có tác dụng.",
        "In each of its own examples a stronger rule decides: this row may never have an effect.",
    ),
    "same-condition": Text("Một quy tắc khác có cùng biểu thức.", "Another rule has the same expression."),
    "basis-not-in-force": Text(
        "Không căn cứ nào còn hiệu lực vào ngày đầu của bộ quy tắc: chỉ đúng nếu quy tắc xét việc đã xảy ra trước đó.",
        "No basis is in force on the bundle's first day: right only where the row judges what happened earlier.",
    ),
    "basis-dates-crossed": Text(
        "Một căn cứ hết hiệu lực trước ngày có hiệu lực của chính nó.",
        "A basis ends before the day on which it begins.",
    ),
    "ceiling-unread": Text(
        "Không quy tắc nào xét agency.ceiling: mức cao nhất của từng cơ quan trên mạng LAN độc lập không có tác dụng.",
        "No rule reads agency.ceiling: what each agency may hand in over the independent LAN has no effect.",
    ),
    "number-missing": Text(
        "Quy tắc số này có trong bộ gốc mà không có ở đây.",
        "The baseline has a rule of this number, this bundle has none.",
    ),
}


@dataclass(frozen=True, slots=True)
class Remark:
    """Something to look at: the rule's id (or the number, or the fact, that is missing), a code, the words."""

    rule: str
    code: str
    text: Text


def remarks(compiled: CompiledBundle) -> list[Remark]:
    """Every remark, in the order of the rows; what is missing comes last."""
    rules = compiled.bundle.rules
    situations = {rule.id: [example(value) for value in (*rule.positive, *rule.negative)] for rule in rules}
    failing = {
        rule.id
        for entries in situations.values()
        for situation in entries
        for rule, matched in compiled.each(situation)
        if matched is None
    }
    found: list[Remark] = []
    seen: set[str] = set()
    for rule in rules:
        codes = list(_of_rule(rule, compiled, situations[rule.id][: len(rule.positive)]))
        if rule.id in failing:
            codes.append("may-fail")
        expression = " ".join(rule.cel.split())
        if expression in seen:
            codes.append("same-condition")
        seen.add(expression)
        found += [Remark(rule.id, code, REMARKS[code]) for code in codes]
    numbers = {_number(rule.id) for rule in rules}
    for number in dict.fromkeys(_number(str(row["id"])) for row in baseline_rows()):
        if number not in numbers:
            found.append(Remark(number, "number-missing", REMARKS["number-missing"]))
    if not any(CEILING in rule.cel for rule in rules):
        found.append(Remark(CEILING, "ceiling-unread", REMARKS["ceiling-unread"]))
    return found


def _of_rule(rule: Rule, compiled: CompiledBundle, positives: list[Situation]) -> Iterator[str]:
    if not rule.confirmed:
        yield "unconfirmed"
    if any(not _real(match[2]) for match in _MOMENT.finditer(rule.cel)):
        yield "moment-invalid"
    if all(_outdone(rule, compiled, situation) for situation in positives):
        yield "never-decides"
    if any(basis.since and basis.until and basis.until < basis.since for basis in rule.basis):
        yield "basis-dates-crossed"
    first_day = compiled.bundle.effective_from
    if all(basis.until is not None and basis.until < first_day for basis in rule.basis):
        yield "basis-not-in-force"


def _outdone(rule: Rule, compiled: CompiledBundle, situation: Situation) -> bool:
    """Whether another row decides here: what DESIGN 9 itself makes of a quarantine is this row's own doing."""
    return any(other.effect > rule.effect for other, matched in compiled.each(situation) if matched)


def _real(moment: str) -> bool:
    try:
        return datetime.fromisoformat(moment).tzinfo is not None
    except ValueError:
        return False


def _number(id_: str) -> str:
    return id_.partition(".")[0]
