"""What can be wrong with a workbook of rules, in both languages; each is told with sheet, row and column."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from services.agency.errors import Fault
from services.kernel.refusals.registry import Text

FAULTS: Final[Mapping[str, Text]] = {
    "sheet-missing": Text("Không có trang này.", "There is no such sheet."),
    "sheet-unknown": Text("Bộ quy tắc không có trang này.", "Rules have no such sheet."),
    "hidden": Text(
        "Trang, dòng hoặc cột bị ẩn: không ai duyệt điều không nhìn thấy. Bỏ lọc và bỏ ẩn.",
        "A sheet, row or column is hidden: nobody approves what they do not see. Unhide it, clear filters.",
    ),
    "merged": Text("Ô bị gộp; hãy bỏ gộp.", "Merged cells; unmerge them."),
    "formula": Text(
        "Ô là công thức. Quy tắc chỉ gồm chữ, số và ngày; gõ giá trị thay cho công thức.",
        "The cell is a formula. Rules hold text, numbers and dates only; type the value instead.",
    ),
    "heading-unknown": Text("Không có cột nào tên như vậy.", "There is no column of that heading."),
    "heading-missing": Text("Thiếu cột này.", "This column is missing."),
    "heading-twice": Text("Cột này có hai lần.", "This column stands twice."),
    "heading-empty": Text("Cột có dữ liệu mà không có tên cột.", "A column with values has no heading."),
    "cell-missing": Text("Ô này không được để trống.", "This cell may not be empty."),
    "cover-invalid": Text(
        "Trang Bìa phải có “Phiên bản” (số nguyên) và “Hiệu lực từ ngày” (ngày) ở cột A, giá trị ở cột B.",
        "The cover must have “Phiên bản” (a whole number) and “Hiệu lực từ ngày” (a day) in column A, values in column B.",
    ),
    "text-expected": Text(
        "Phải là chữ. Định dạng ô là Text rồi gõ lại (số thập phân hay ngày do bảng tính tự đổi sẽ mất chữ số).",
        "It must be text. Format the cell as Text and type it again: what a spreadsheet turns into a number or date loses digits.",
    ),
    "day-expected": Text("Phải là ngày, như 01/03/2026.", "It must be a day, like 01/03/2026."),
    "flag-expected": Text("Phải là “có” hoặc “không”.", "It must be “có” or “không”."),
    "count-expected": Text("Phải là số nguyên.", "It must be a whole number."),
    "json-invalid": Text("Phần JSON trong ô sai cú pháp.", "The JSON in the cell is malformed."),
    "basis-expected": Text(
        "Mỗi căn cứ một dòng: văn bản | điều | từ 01/07/2020 | đến 28/02/2026 (từ, đến có thể bỏ).",
        "One basis a line: text | article | từ 01/07/2020 | đến 28/02/2026 (từ, đến may be left out).",
    ),
    "extensions-expected": Text(
        "Mỗi lần gia hạn một dòng: quyết định 01/05/2019, đến 01/05/2029.",
        "One extension a line: quyết định 01/05/2019, đến 01/05/2029.",
    ),
    "rule-twice": Text("Mã quy tắc này có hai dòng.", "This rule's id has two rows."),
    "rule-unknown": Text("Không có quy tắc nào mang mã này.", "There is no rule of this id."),
    "match-expected": Text(
        "Phải là “Phải khớp” hoặc “Không được khớp”.", "It must be “Phải khớp” or “Không được khớp”."
    ),
    "told-twice": Text(
        "Cột “Khác (JSON)” nói lại điều một cột khác đã nói.",
        "The column “Khác (JSON)” says again what another one says.",
    ),
}


def fault(place: str, code: str) -> Fault:
    """A fault at a place like `Quy tắc!C7`."""
    return Fault(place, code, FAULTS[code])
