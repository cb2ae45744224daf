"""Reading a bundle: strictly, in its canonical form, with every problem at its pointer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Final

from services.kernel import strict_json
from services.kernel.canonical import canonical
from services.kernel.manifest.secrecy import iso_day
from services.kernel.refusals.registry import Pointer, Text
from services.kernel.refusals.rules import BundleInvalid
from services.kernel.rules.model import FORMAT, Basis, Bundle, Rule
from services.kernel.secrecy import Effect

MAX_BUNDLE: Final = 4 * 1024 * 1024  # bytes
MAX_ROWS: Final = 500
_LARGEST: Final = 2**53 - 1
_ID: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,39}")
_MEMBERS: Final = frozenset({"format", "version", "effective_from", "rows"})
_OF_ROW: Final = frozenset(
    {"id", "basis", "condition", "cel", "effect", "report", "message", "confirmed", "note", "examples"}
)
_OF_BASIS: Final = frozenset({"text", "article", "from", "until"})
_LONGEST: Final = 4000  # characters of a condition, an expression, a message
_EXAMPLES: Final = range(1, 51)

PROBLEMS: Final[Mapping[str, Text]] = {
    "not-json": Text("Không phải JSON hợp lệ.", "It is not strict JSON."),
    "not-canonical": Text("Không ở dạng JSON chuẩn tắc (RFC 8785).", "It is not canonical JSON (RFC 8785)."),
    "format-unknown": Text("Phải là một đối tượng “nopluu/rules1”.", "It must be an object of “nopluu/rules1”."),
    "member-unknown": Text("Định dạng không có thành phần này.", "The format has no such member."),
    "version-invalid": Text("Phiên bản là số nguyên từ 1.", "A version is a whole number from 1."),
    "date-invalid": Text("Ngày phải có dạng yyyy-mm-dd.", "A date is yyyy-mm-dd."),
    "rows-invalid": Text("Cần từ 1 đến 500 dòng quy tắc.", "There must be 1 to 500 rows."),
    "text-invalid": Text(
        "Phải là chuỗi không trống, không quá dài.", "It must be a string, neither empty nor too long."
    ),
    "flag-invalid": Text("Phải là true hoặc false.", "It must be true or false."),
    "id-invalid": Text("Mã dòng sai dạng hoặc bị lặp.", "The row's id is malformed or stands twice."),
    "effect-unknown": Text(
        "Hệ quả phải là refuse, quarantine, withhold, conditional hoặc admit.",
        "An effect is refuse, quarantine, withhold, conditional or admit.",
    ),
    "basis-invalid": Text(
        "Mỗi căn cứ gồm text, article, from, until; cần ít nhất một căn cứ.",
        "A basis has text, article, from, until; there must be one at least.",
    ),
    "message-invalid": Text(
        "Thông báo gồm vi và en, không trống, không có dấu { }.",
        "A message has vi and en, neither empty, without braces.",
    ),
    "examples-invalid": Text(
        "Cần ít nhất một ví dụ khớp (positive) và một ví dụ không khớp (negative).",
        "There must be at least one positive and one negative example.",
    ),
    "example-invalid": Text("Ví dụ sai dạng.", "The example is malformed."),
    "example-not-matched": Text(
        "Điều kiện không khớp với ví dụ khớp này.", "The condition does not match this example."
    ),
    "example-matched": Text("Điều kiện khớp với ví dụ không khớp này.", "The condition matches this negative example."),
    "example-error": Text(
        "Không tính được điều kiện trên ví dụ này: thiếu điều kiện doc.has_….",
        "The condition cannot be evaluated on this example: a guard doc.has_… is missing.",
    ),
    "cel-invalid": Text(
        "Biểu thức CEL sai cú pháp, sai kiểu hoặc dùng tên không có.",
        "The CEL expression has wrong syntax, types or names.",
    ),
    "cel-curly": Text(
        'Biểu thức có dấu nháy cong hoặc dấu cách đặc biệt do chương trình soạn thảo đổi; gõ lại dấu nháy thẳng " và dấu cách.',
        'The expression has curly quotes or special blanks that a word processor made; type straight quotes " and blanks.',
    ),
    "cel-not-bool": Text("Biểu thức CEL phải cho true hoặc false.", "The CEL expression must be a BOOL."),
}


def load_bundle(payload: bytes) -> Bundle:
    """The bundle in these bytes, as far as it can be judged without evaluating it.

    Raises:
        BundleInvalid: with every problem at its pointer.
    """
    return _Reader(payload).bundle()


class _Reader:
    def __init__(self, payload: bytes) -> None:
        self._payload = payload
        self._problems: list[Pointer] = []
        self._ids: set[str] = set()

    def bundle(self) -> Bundle:
        value = self._value()
        self._only(value, _MEMBERS, "")
        version, effective = value.get("version"), self._date(value, "effective_from", "", required=True)
        if not isinstance(version, int) or isinstance(version, bool) or not 1 <= version <= _LARGEST:
            self._fault("/version", "version-invalid")
        rows = value.get("rows")
        rules: list[Rule] = []
        if not isinstance(rows, list) or not 1 <= len(rows) <= MAX_ROWS:
            self._fault("/rows", "rows-invalid")
        else:
            rules = [self._rule(row, f"/rows/{at}") for at, row in enumerate(rows)]
        if self._problems or not isinstance(version, int) or effective is None:
            raise BundleInvalid(pointers=self._problems, problems=len(self._problems))
        return Bundle(version, effective, tuple(rules), self._payload)

    def _value(self) -> Mapping[str, object]:
        try:
            value = strict_json.parse(self._payload, max_bytes=MAX_BUNDLE)
            same = canonical(value) == self._payload
        except ValueError:  # not strict, or text that has no UTF-8
            self._fault("", "not-json")
        else:
            if not isinstance(value, dict) or value.get("format") != FORMAT:
                self._fault("/format", "format-unknown")
            elif not same:
                self._fault("", "not-canonical")
            else:
                return value
        raise BundleInvalid(pointers=self._problems, problems=len(self._problems))

    def _rule(self, row: object, pointer: str) -> Rule:
        members: Mapping[str, object] = row if isinstance(row, dict) else {}
        self._only(members, _OF_ROW, pointer)
        id_ = members.get("id")
        if not isinstance(id_, str) or not _ID.fullmatch(id_) or id_ in self._ids:
            self._fault(f"{pointer}/id", "id-invalid")
        self._ids.add(str(id_))
        positive, negative = self._examples(members, pointer)
        return Rule(
            id=str(id_),
            basis=self._basis(members, pointer),
            condition=self._text(members, "condition", pointer),
            cel=self._text(members, "cel", pointer),
            effect=self._effect(members, pointer),
            report=self._flag(members, "report", pointer),
            message=self._message(members, pointer),
            confirmed=self._flag(members, "confirmed", pointer),
            note=self._text(members, "note", pointer) if "note" in members else "",
            positive=positive,
            negative=negative,
        )

    def _basis(self, members: Mapping[str, object], pointer: str) -> tuple[Basis, ...]:
        entries = members.get("basis")
        found: list[Basis] = []
        for at, entry in enumerate(entries if isinstance(entries, list) else []):
            place = f"{pointer}/basis/{at}"
            stated = entry if isinstance(entry, dict) else {}
            text, article = stated.get("text"), stated.get("article")
            if (
                not isinstance(text, str)
                or not isinstance(article, str)
                or not text.strip()
                or max(len(text), len(article)) > _LONGEST
                or stated.keys() - _OF_BASIS
            ):
                self._fault(place, "basis-invalid")
                continue
            since, until = (self._date(stated, name, place) for name in ("from", "until"))
            found.append(Basis(text, article, since, until))
        if not isinstance(entries, list) or not entries:
            self._fault(f"{pointer}/basis", "basis-invalid")
        return tuple(found)

    def _message(self, members: Mapping[str, object], pointer: str) -> Text:
        match members.get("message"):
            case {"vi": str(vi), "en": str(en), **rest} if not rest and _speaks(vi) and _speaks(en):
                return Text(vi, en)
            case _:
                self._fault(f"{pointer}/message", "message-invalid")
                return Text("", "")

    def _examples(
        self, members: Mapping[str, object], pointer: str
    ) -> tuple[tuple[Mapping[str, object], ...], tuple[Mapping[str, object], ...]]:
        match members.get("examples"):
            case {"positive": list(positive), "negative": list(negative), **rest} if (
                not rest
                and len(positive) in _EXAMPLES
                and len(negative) in _EXAMPLES
                and all(isinstance(entry, dict) for entry in [*positive, *negative])
            ):
                return tuple(positive), tuple(negative)
            case _:
                self._fault(f"{pointer}/examples", "examples-invalid")
                return (), ()

    def _effect(self, members: Mapping[str, object], pointer: str) -> Effect:
        try:
            return Effect.from_wire(str(members.get("effect")))
        except ValueError:
            self._fault(f"{pointer}/effect", "effect-unknown")
            return Effect.REFUSE

    def _text(self, members: Mapping[str, object], name: str, pointer: str) -> str:
        value = members.get(name)
        if isinstance(value, str) and value.strip() and len(value) <= _LONGEST:
            return value
        self._fault(f"{pointer}/{name}", "text-invalid")
        return ""

    def _flag(self, members: Mapping[str, object], name: str, pointer: str) -> bool:
        value = members.get(name)
        if not isinstance(value, bool):
            self._fault(f"{pointer}/{name}", "flag-invalid")
        return value is True

    def _date(self, members: Mapping[str, object], name: str, pointer: str, *, required: bool = False) -> date | None:
        value = members.get(name)
        if name not in members and not required:
            return None
        day = iso_day(value) if isinstance(value, str) else None
        if day is None:
            self._fault(f"{pointer}/{name}", "date-invalid")
        return day

    def _only(self, members: Mapping[str, object], known: frozenset[str], pointer: str) -> None:
        for _ in members.keys() - known:
            self._fault(pointer, "member-unknown")

    def _fault(self, pointer: str, code: str) -> None:
        self._problems.append(Pointer(pointer, code, PROBLEMS[code]))


def _speaks(text: str) -> bool:
    return bool(text.strip()) and len(text) <= _LONGEST and "{" not in text and "}" not in text
