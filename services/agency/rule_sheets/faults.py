"""What can be wrong with a workbook of rules, in both languages; each is told with sheet, row and column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from services.agency.errors import Fault, RejectedError
from services.kernel.refusals.registry import Text

FAULTS: Final[Mapping[str, Text]] = {
    "sheet-missing": Text(
        "Không có trang này; hãy giữ nguyên tên các trang như khi xuất (nopluu rules export).",
        "There is no such sheet; keep the names of the sheets as exported (nopluu rules export).",
    ),
    "sheet-unknown": Text("Bộ quy tắc không có trang này; hãy xóa trang.", "Rules have no such sheet; delete it."),
    "sheet-too-large": Text(
        "Trang có quá nhiều dòng hoặc cột; chọn các dòng, cột trống phía sau dữ liệu rồi xóa hẳn.",
        "The sheet has too many rows or columns; select the empty ones behind the data and delete them.",
    ),
    "cell-error": Text(
        "Ô mang giá trị lỗi của bảng tính (như #REF!); gõ lại giá trị.",
        "The cell holds an error of the spreadsheet (like #REF!); type the value again.",
    ),
    "hidden": Text(
        "Trang, dòng, cột hoặc ô bị ẩn: không ai duyệt điều không nhìn thấy. Bỏ lọc, bỏ ẩn, bỏ định dạng ẩn.",
        "A sheet, row, column or cell is hidden: nobody approves what they do not see. Unhide it, clear filters and formats.",
    ),
    "merged": Text("Ô bị gộp; hãy bỏ gộp.", "Merged cells; unmerge them."),
    "formula": Text(
        "Ô là công thức. Quy tắc chỉ gồm chữ, số và ngày; gõ giá trị thay cho công thức.",
        "The cell is a formula. Rules hold text, numbers and dates only; type the value instead.",
    ),
    "heading-unknown": Text(
        "Không có cột nào tên như vậy; tên cột phải như khi xuất (nopluu rules export).",
        "There is no column of that heading; headings must be as exported (nopluu rules export).",
    ),
    "heading-missing": Text(
        "Thiếu cột này; tên cột phải ở dòng 1, như khi xuất (nopluu rules export).",
        "This column is missing; headings stand in row 1, as exported (nopluu rules export).",
    ),
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
    "day-expected": Text(
        "Phải là ngày có thật, ngày trước tháng sau, như 01/03/2026. Nếu ô hiện một số như 46082, hãy định dạng ô là Ngày.",
        "It must be a real day, day before month, like 01/03/2026. If the cell shows a number like 46082, format it as Date.",
    ),
    "choice-expected": Text("Phải là một trong: {choices}.", "It must be one of: {choices}."),
    "flag-expected": Text("Phải là “có” hoặc “không”.", "It must be “có” or “không”."),
    "count-expected": Text("Phải là số nguyên.", "It must be a whole number."),
    "json-invalid": Text(
        "Phần JSON trong ô sai cú pháp (kiểm tra dấu nháy cong).",
        "The JSON in the cell is malformed (look for curly quotes).",
    ),
    "basis-expected": Text(
        "Mỗi căn cứ một dòng: văn bản | điều | từ 01/07/2020 | đến 28/02/2026 (từ, đến có thể bỏ).",
        "One basis a line: text | article | từ 01/07/2020 | đến 28/02/2026 (từ, đến may be left out).",
    ),
    "extensions-expected": Text(
        "Mỗi lần gia hạn một dòng: quyết định 01/05/2019, đến 01/05/2029.",
        "One extension a line: quyết định 01/05/2019, đến 01/05/2029.",
    ),
    "rule-twice": Text("Mã quy tắc này có hai dòng.", "This rule's id has two rows."),
    "rule-unknown": Text(
        "Không có quy tắc nào mang mã này; nếu đã bỏ quy tắc thì xóa cả ví dụ của nó.",
        "There is no rule of this id; where the rule was removed, delete its examples too.",
    ),
    "match-expected": Text(
        "Phải là “Phải khớp” hoặc “Không được khớp”.", "It must be “Phải khớp” or “Không được khớp”."
    ),
    "told-twice": Text(
        "Cột “Khác (JSON)” nói lại điều một cột khác đã nói.",
        "The column “Khác (JSON)” says again what another one says.",
    ),
}


def fault(place: str, code: str, choices: Sequence[str] = ()) -> Fault:
    """A fault at a place like `Quy tắc!C7`."""
    return Fault(place, code, FAULTS[code].filled({"choices": ", ".join(choices)}))


def places_to_mend(code: str, faults: Sequence[Fault]) -> RejectedError:
    """What refuses a workbook as a whole."""
    return RejectedError(
        code,
        Text(f"Bảng quy tắc có {len(faults)} chỗ phải sửa", f"{len(faults)} places of the workbook must be mended"),
        Text("Sửa các ô được nêu rồi chạy lại", "Mend the cells named and run again"),
        faults=faults,
    )
