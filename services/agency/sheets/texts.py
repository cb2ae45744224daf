"""Every problem `check` can find: its code, how severe it is, what it says and how it is mended.

Codes that begin with `ok-` were understood and mended on reading; they never stop a delivery. `{value}` is the cell's
value, other placeholders are facts of the finding. Texts are shown on the clerk's own machine only.

Source: usability notes B5-B7; domain notes §1.6.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from services.kernel.refusals.registry import Text

Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of problem."""

    severity: Severity
    message: Text
    fix: Text


def _kind(severity: Severity, vi: str, en: str, fix_vi: str, fix_en: str) -> Kind:
    return Kind(severity, Text(vi, en), Text(fix_vi, fix_en))


KINDS: Final[Mapping[str, Kind]] = {
    # the workbook
    "not-xlsx": _kind(
        "error",
        "Tệp không phải là sổ tính .xlsx",
        "The file is not an .xlsx workbook",
        "Mở bằng Excel và lưu lại dưới dạng Excel Workbook (.xlsx)",
        "Open it in Excel and save as Excel Workbook (.xlsx)",
    ),
    "encrypted": _kind(
        "error",
        "Sổ tính được đặt mật khẩu",
        "The workbook is protected by a password",
        "Bỏ mật khẩu mở tệp rồi chạy lại",
        "Remove the opening password and run again",
    ),
    "too-large": _kind(
        "error",
        "Sổ tính quá lớn khi giải nén",
        "The workbook is too large when unpacked",
        "Chia mục lục thành nhiều tệp",
        "Split the inventory into several files",
    ),
    "damaged": _kind(
        "error",
        "Sổ tính bị hỏng, không đọc được",
        "The workbook is damaged and cannot be read",
        "Mở bằng Excel, sửa lỗi và lưu lại",
        "Open it in Excel, repair it and save again",
    ),
    "header-not-found": _kind(
        "error",
        "Không tìm thấy dòng tiêu đề cột trong 40 dòng đầu",
        "No row of column headings in the first 40 rows",
        "Dùng đúng tên cột của mẫu mục lục, ví dụ: Hồ sơ số, Tiêu đề hồ sơ, Trích yếu nội dung, Đường dẫn tệp",
        "Use the headings of the inventory form, such as Hồ sơ số, Tiêu đề hồ sơ, Trích yếu nội dung, Đường dẫn tệp",
    ),
    "column-missing": _kind(
        "error",
        "Thiếu cột “{name}”",
        "The column “{name}” is missing",
        "Thêm cột “{name}” vào dòng tiêu đề",
        "Add the column “{name}” to the heading row",
    ),
    "column-unknown": _kind(
        "info",
        "Cột “{value}” không có trong mẫu; nội dung được giữ nguyên",
        "The column “{value}” is not in the form; it is kept as it stands",
        "Không cần sửa",
        "Nothing to mend",
    ),
    "column-twice": _kind(
        "error",
        "Tên cột “{value}” lặp lại",
        "The heading “{value}” stands twice",
        "Đặt lại tên hoặc xóa một cột",
        "Rename or remove one of the columns",
    ),
    "no-documents": _kind(
        "error",
        "Mục lục không có tài liệu nào",
        "The inventory lists no document",
        "Kiểm tra lại trang tính và dòng tiêu đề",
        "Check the sheet and its heading row",
    ),
    "hidden-row": _kind(
        "warning",
        "Dòng bị ẩn nhưng vẫn được nộp",
        "The row is hidden, yet it is delivered",
        "Hiện dòng để kiểm tra, hoặc xóa nếu không nộp",
        "Unhide it and look, or delete it if it is not to be delivered",
    ),
    "ok-total-row": _kind(
        "info",
        "Dòng tổng cộng, không phải tài liệu; được bỏ qua",
        "A totals row, not a document; ignored",
        "Không cần sửa",
        "Nothing to mend",
    ),
    "ok-ignored-row": _kind(
        "warning",
        "Dòng không có dữ liệu của tài liệu nào; được bỏ qua",
        "The row has no data of any document; ignored",
        "Nếu là tài liệu, điền đủ các cột",
        "If it is a document, fill in its columns",
    ),
    "ok-cover": _kind(
        "info",
        "Tệp bìa của hồ sơ, không tính là tài liệu",
        "The dossier's cover, not counted as a document",
        "Không cần sửa",
        "Nothing to mend",
    ),
    "ok-carried-down": _kind(
        "warning",
        "Các ô của hồ sơ để trống (ô gộp); hiểu là cùng hồ sơ với dòng trên",
        "The dossier's cells are empty (merged); read as the dossier of the row above",
        "Nếu không đúng, điền đủ các cột của hồ sơ",
        "If that is wrong, fill in the dossier's columns",
    ),
    # any cell
    "cell-error": _kind(
        "error",
        "Ô chứa lỗi của Excel: {value}",
        "The cell holds an Excel error: {value}",
        "Sửa công thức hoặc gõ giá trị",
        "Mend the formula or type the value",
    ),
    "formula-uncached": _kind(
        "error",
        "Ô là công thức chưa có kết quả được lưu",
        "The cell is a formula whose result was never stored",
        "Mở bằng Excel, tính lại và lưu; hoặc thay bằng giá trị",
        "Open it in Excel, recalculate and save; or replace it by its value",
    ),
    "required-missing": _kind(
        "error",
        "Thiếu “{name}”",
        "“{name}” is missing",
        "Điền vào ô này",
        "Fill in this cell",
    ),
    "too-long": _kind(
        "error",
        "“{name}” dài {length} ký tự, tối đa {limit}",
        "“{name}” has {length} characters, at most {limit} are allowed",
        "Rút gọn nội dung",
        "Shorten the text",
    ),
    "ok-normalised": _kind(
        "info",
        "Chữ có dấu tổ hợp hoặc khoảng trắng thừa; đã chuẩn hóa",
        "Decomposed letters or stray blanks; normalised",
        "Không cần sửa",
        "Nothing to mend",
    ),
    "legacy-font": _kind(
        "error",
        "Chữ gõ bằng bảng mã cũ {encoding}: “{value}”",
        "Text in the old encoding {encoding}: “{value}”",
        "Chuyển sang Unicode; có lẽ là: “{guess}”",
        "Convert it to Unicode; it probably says: “{guess}”",
    ),
    "control-character": _kind(
        "error",
        "Ô chứa ký tự điều khiển hoặc chữ bị hỏng",
        "The cell holds control or broken characters",
        "Gõ lại nội dung ô",
        "Type the cell again",
    ),
    "precision-lost": _kind(
        "error",
        "Số quá dài, Excel đã làm mất chữ số: {value}",
        "The number is too long, Excel has lost digits: {value}",
        "Định dạng cột là Text rồi gõ lại",
        "Format the column as Text and type it again",
    ),
    "number-turned-date": _kind(
        "error",
        "Excel đã đổi mã thành ngày tháng: {value}",
        "Excel has turned a code into a date: {value}",
        "Định dạng cột là Text rồi gõ lại",
        "Format the column as Text and type it again",
    ),
    "ok-leading-zero": _kind(
        "warning",
        "Số 0 ở đầu bị mất: {value} được hiểu là {mended}",
        "Leading zeros were lost: {value} is read as {mended}",
        "Nếu không đúng, định dạng cột là Text và gõ lại",
        "If that is wrong, format the column as Text and type it again",
    ),
    "not-a-number": _kind(
        "error",
        "“{value}” không phải là số nguyên không âm",
        "“{value}” is not a whole number of zero or more",
        "Nhập bằng chữ số",
        "Enter it in digits",
    ),
    # dates
    "ok-date-text": _kind(
        "info",
        "Ngày nhập dạng chữ; hiểu là {date}",
        "A date typed as text; read as {date}",
        "Không cần sửa",
        "Nothing to mend",
    ),
    "ok-date-serial": _kind(
        "info",
        "Ngày dạng số sê-ri của Excel; hiểu là {date}",
        "A date as an Excel serial number; read as {date}",
        "Không cần sửa",
        "Nothing to mend",
    ),
    "date-year-only": _kind(
        "error",
        "Chỉ có năm {value}, thiếu ngày và tháng",
        "Only the year {value}, without day and month",
        "Nhập đủ ngày/tháng/năm (dd/mm/yyyy)",
        "Enter day/month/year (dd/mm/yyyy)",
    ),
    "date-invalid": _kind(
        "error",
        "“{value}” không phải là ngày hợp lệ",
        "“{value}” is not a valid date",
        "Nhập theo dạng dd/mm/yyyy",
        "Enter it as dd/mm/yyyy",
    ),
    "date-future": _kind(
        "warning",
        "Ngày {value} ở tương lai",
        "The date {value} lies in the future",
        "Kiểm tra lại ngày",
        "Check the date",
    ),
    "dates-reversed": _kind(
        "error",
        "Ngày bắt đầu {start} sau ngày kết thúc {end}",
        "The start {start} is after the end {end}",
        "Sửa ngày bắt đầu hoặc ngày kết thúc",
        "Mend the start or the end date",
    ),
    # code lists
    "unknown-type": _kind(
        "error",
        "Thể loại “{value}” không có trong danh mục",
        "The document type “{value}” is not in the code list",
        "Chọn một thể loại trong danh mục, hoặc “Khác”",
        "Choose a type of the list, or “Khác”",
    ),
    "unknown-code": _kind(
        "error",
        "“{value}” không có trong danh mục của “{name}”",
        "“{value}” is not in the code list of “{name}”",
        "Chọn một trong: {choices}",
        "Choose one of: {choices}",
    ),
    # the dossier
    "dossier-differs": _kind(
        "error",
        "“{name}” khác với các dòng khác của cùng hồ sơ: “{value}”, không phải “{usual}”",
        "“{name}” differs from the other rows of the same dossier: “{value}”, not “{usual}”",
        "Sửa cho giống nhau trên mọi dòng của hồ sơ",
        "Make it the same on all rows of the dossier",
    ),
    "retention-differs": _kind(
        "error",
        "Thời hạn bảo quản “{value}” khác với các dòng khác của hồ sơ (“{usual}”)",
        "The retention “{value}” differs from the dossier's other rows (“{usual}”)",
        "Sửa cho giống nhau; chỉ hồ sơ vĩnh viễn nộp vào lưu trữ lịch sử",
        "Make them the same; only permanent dossiers go to the historical archive",
    ),
    "retention-not-permanent": _kind(
        "warning",
        "Thời hạn bảo quản “{value}”: chỉ hồ sơ vĩnh viễn nộp vào lưu trữ lịch sử",
        "Retention “{value}”: only permanent dossiers go to the historical archive",
        "Kiểm tra lại thời hạn bảo quản",
        "Check the retention",
    ),
    "count-mismatch": _kind(
        "error",
        "Ghi {value} văn bản trong hồ sơ, mục lục có {listed}",
        "{value} documents stated for the dossier, the sheet lists {listed}",
        "Sửa tổng số văn bản hoặc bổ sung dòng thiếu",
        "Mend the total or add the missing rows",
    ),
    "ordinal-twice": _kind(
        "error",
        "Số thứ tự {value} lặp lại trong hồ sơ (dòng {first})",
        "The ordinal {value} stands twice in the dossier (row {first})",
        "Đánh lại số thứ tự",
        "Number the documents anew",
    ),
    "dossier-unknown": _kind(
        "error",
        "Hồ sơ “{value}” không có trong trang HoSo",
        "The dossier “{value}” is not in the dossier sheet",
        "Thêm hồ sơ vào trang HoSo hoặc sửa mã",
        "Add the dossier to the sheet, or mend the code",
    ),
    "dossier-twice": _kind(
        "error",
        "Hồ sơ “{value}” có hai dòng (dòng {first})",
        "The dossier “{value}” has two rows (row {first})",
        "Xóa một dòng",
        "Delete one row",
    ),
    "dossier-empty": _kind(
        "error",
        "Hồ sơ “{value}” không có tài liệu nào",
        "The dossier “{value}” lists no document",
        "Bổ sung tài liệu hoặc xóa hồ sơ",
        "Add its documents or delete the dossier",
    ),
    "agency-code-invalid": _kind(
        "error",
        "Mã “{value}” không đúng dạng mã cơ quan",
        "“{value}” is not an agency code",
        "Dùng mã dạng 000.00.47.A47 hoặc H47.12",
        "Use a code like 000.00.47.A47 or H47.12",
    ),
    # files
    "file-missing": _kind(
        "error",
        "Không có tệp này trong thư mục: {value}",
        "There is no such file under the folder: {value}",
        "{hint_vi}",
        "{hint_en}",
    ),
    "path-ambiguous": _kind(
        "error",
        "Đường dẫn khớp với nhiều tệp: {value}",
        "The path matches several files: {value}",
        "Ghi đường dẫn đầy đủ hơn, hoặc đổi tên tệp trùng",
        "Write a longer path, or rename one of the files",
    ),
    "path-twice": _kind(
        "error",
        "Tệp đã thuộc về dòng {first}: {value}",
        "The file is already claimed by row {first}: {value}",
        "Sửa đường dẫn của một trong hai dòng",
        "Mend the path of one of the two rows",
    ),
    "ok-case": _kind(
        "warning",
        "Đường dẫn khác tên tệp thật về chữ hoa, chữ thường; hiểu là {name}",
        "The path differs from the file's name in case; read as {name}",
        "Không cần sửa",
        "Nothing to mend",
    ),
    "file-unclaimed": _kind(
        "error",
        "Tệp có trong thư mục nhưng không dòng nào nhắc tới: {value}",
        "The file is on the disk and in no row: {value}",
        "Thêm vào mục lục, hoặc chuyển tệp ra khỏi thư mục",
        "Add it to the inventory, or move it out of the folder",
    ),
    "file-unreadable": _kind(
        "error",
        "Không đọc được tệp: {value}",
        "The file cannot be read: {value}",
        "Kiểm tra quyền truy cập và ổ đĩa",
        "Check its permissions and the disk",
    ),
    "file-empty": _kind(
        "warning",
        "Tệp rỗng (0 byte): {value}",
        "The file is empty (0 bytes): {value}",
        "Kiểm tra lại tệp số hóa",
        "Check the scan",
    ),
    "file-name-unsafe": _kind(
        "error",
        "Tên tệp có ký tự không dùng được: {value}",
        "The file's name has characters that cannot be used: {value}",
        "Đổi tên tệp",
        "Rename the file",
    ),
    "file-count-mismatch": _kind(
        "error",
        "Ghi {value} tệp, đường dẫn có {listed}",
        "{value} files stated, the path cell lists {listed}",
        "Sửa số lượng tệp hoặc đường dẫn",
        "Mend the number of files or the paths",
    ),
    # secrecy
    "secrecy-unknown": _kind(
        "error",
        "Độ mật “{value}” không phải là Không, Mật, Tối mật hay Tuyệt mật",
        "The level “{value}” is none of Không, Mật, Tối mật, Tuyệt mật",
        "Ghi một trong bốn từ: Không, Mật, Tối mật, Tuyệt mật",
        "Write one of the four words: Không, Mật, Tối mật, Tuyệt mật",
    ),
    "ok-secrecy-expired": _kind(
        "warning",
        "{level} đã hết thời hạn bảo vệ ngày {until}; được giải mật theo luật, độ mật giữ làm lịch sử",
        "{level}: protection ended on {until}; declassified by law, the level is kept as history",
        "Nếu đã được gia hạn, ghi quyết định gia hạn",
        "If the term was extended, state the decision",
    ),
    "secrecy-unexpired": _kind(
        "error",
        "{level} còn trong thời hạn bảo vệ (đến {until}): chỉ được nộp phiếu thay, không trích yếu, không tệp",
        "{level}, still protected (until {until}): only a stub may be sent, no subject, no file",
        "Lệnh push sẽ chỉ gửi phiếu thay; đưa tệp ra khỏi máy nối mạng và báo người phụ trách bảo mật",
        "push will send a stub only; take the file off the networked machine and tell your security officer",
    ),
    "secrecy-stub-only": _kind(
        "error",
        "Chỉ được nộp phiếu thay, không trích yếu, không tệp: {text_vi}",
        "Only a stub may be sent, no subject, no file: {text_en}",
        "Lệnh push sẽ chỉ gửi phiếu thay; làm rõ ngày hoặc quyết định (quy tắc {rule}) rồi nộp lại",
        "push will send a stub only; settle the date or the decision (rule {rule}) and push again",
    ),
    "mark-of-secrecy": _kind(
        "error",
        "Khai không mật nhưng tệp “{value}”, trang {page}, có {marks_vi}",
        "Declared as no secret, but the file “{value}”, page {page}, bears {marks_en}",
        "Dừng lại, xem trang đó. Nếu là văn bản mật: ghi độ mật vào mục lục, đưa tệp ra khỏi máy nối mạng, báo người phụ trách "
        "bảo mật. Nếu đã xem từng trang và không phải dấu mật: chạy lại với --marks-reviewed",
        "Stop and look at that page. If it is secret: write its level into the inventory, take the file off the networked "
        "machine, tell your security officer. If you have seen each such page and none bears a mark: run it again with "
        "--marks-reviewed",
    ),
    "mark-reviewed": _kind(
        "warning",
        "Tệp “{value}”, trang {page}, có chữ giống {marks_vi}; đã được xác nhận là không phải",
        "The file “{value}”, page {page}, has what looks like {marks_en}; it was confirmed that it is none",
        "Sau khi nhận, cổng vẫn phong tỏa để cán bộ xem xét, trừ khi đã được giải tỏa trước đó",
        "After it is received the gateway holds it for officers all the same, unless they have let it go before",
    ),
    "file-not-looked-into": _kind(
        "warning",
        "Không đọc được nội dung tệp “{value}” để tìm dấu mật (tệp hỏng hoặc đặt mật khẩu)",
        "The file “{value}” could not be looked into for marks of secrecy (broken, or under a password)",
        "Mở thử tệp; bỏ mật khẩu hoặc quét lại nếu hỏng",
        "Open it; remove the password, or scan it again if it is broken",
    ),
    "rule-held": _kind(
        "warning",
        "Cổng sẽ giữ lại chờ cán bộ xem xét: {text_vi}",
        "The gateway will hold it for an officer: {text_en}",
        "Xem căn cứ của quy tắc {rule}",
        "See the basis of rule {rule}",
    ),
    "rule": _kind(
        "error",
        "{text_vi}",
        "{text_en}",
        "Xem căn cứ của quy tắc {rule}",
        "See the basis of rule {rule}",
    ),
}
