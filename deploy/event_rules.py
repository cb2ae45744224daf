"""The rules about events: where each happens in the code, what it rests on, which tests run it, and what is still missing.

A rule about a manifest is a row that officers change; what happens later cannot be a row, because code must be at the
place where it happens. This table is that link, written into `services/LEGAL.md` and held against the code by a test.

Source: domain notes §3, rules 21, 23, 24, 26-30; DESIGN 9.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class EventRule:
    """`places` are `module:name`, `tests` are `path::name`; `gap` says what is not done here, "" where nothing is."""

    id: str
    condition: str
    effect: str
    basis: str
    places: tuple[str, ...]
    tests: tuple[str, ...]
    gap: str = ""


_INCIDENTS: Final = "tests/integration/ingest/test_incidents.py"
_CONTENT: Final = "tests/integration/ingest/test_content.py"
_EXPORTS: Final = "tests/integration/catalog/test_exports.py"
_OPENED: Final = "services.ingest.usecases.open_incident:open_incident"
_KINDS: Final = f"{_INCIDENTS}::test_an_incident_names_the_rule_of_its_kind_and_starts_its_clocks"
_INSPECTED: Final = "services.ingest.usecases.inspect_agency:add_step"
_VIOLATIONS: Final = (
    "tests/integration/ingest/test_inspections_and_report.py::test_a_finding_names_the_rule_that_was_broken"
)

EVENT_RULES: Final = (
    EventRule(
        "21",
        "Độ mật được nâng sau khi nhận.",
        "hold every copy, report, act within 15 days",
        "Luật Bảo vệ bí mật nhà nước 29/2018/QH14, Điều 21; Luật 117/2025/QH15 (01/03/2026–), chưa đọc",
        (
            "services.ingest.usecases.classify_record:record_step",
            "services.ingest.usecases.open_raised_incident:open_raised_incident",
        ),
        (
            "tests/integration/ingest/test_classification.py::test_what_becomes_secret_in_the_open_is_stopped_in_the_same_transaction",
            "tests/integration/ingest/test_classification.py::test_what_was_raised_becomes_one_incident",
        ),
    ),
    EventRule(
        "23",
        "Khai không mật mà trên văn bản có dấu độ mật, «Bản số» hoặc ký hiệu A, B, C.",
        "hold, report to the police the same day",
        "Suy luận của thiết kế, chờ cơ quan có thẩm quyền xác nhận, quy tắc 23; Nghị định 26/2020/NĐ-CP, Điều 8",
        ("services.ingest.usecases.inspect_content:inspect_content", _OPENED),
        (
            f"{_CONTENT}::test_a_stamp_in_what_was_declared_none_is_held_and_told_to_the_officers",
            f"{_CONTENT}::test_what_two_officers_let_go_is_not_held_again_for_the_same_bytes",
            "tests/unit/kernel/test_marks.py::test_a_mark_is_seen",
            "tests/unit/kernel/test_marks.py::test_a_sentence_about_secrets_is_no_mark",
            _KINDS,
            f"{_INCIDENTS}::test_archivists_open_and_only_officers_go_on",
        ),
        "Text layers are searched, pictures are not: of a scan without OCR an archivist or officer who sees the stamp opens the incident.",
    ),
    EventRule(
        "24",
        "Chạy OCR hoặc AI trên dữ liệu bí mật ngoài vùng được phép.",
        "no grant for a machine; an incident or a finding of an inspection where it happened outside",
        "Luật Bảo vệ bí mật nhà nước 117/2025/QH15, Điều 5 (01/03/2026–)",
        ("services.catalog.domain.labels:reader_of", _OPENED, _INSPECTED),
        (
            "tests/unit/catalog/test_ceilings.py::test_no_scope_of_a_machine_can_be_given_a_ceiling",
            "tests/unit/catalog/test_ceilings.py::test_a_machine_sees_nothing_above_none_whatever_others_may_see",
            _KINDS,
            _VIOLATIONS,
        ),
    ),
    EventRule(
        "26",
        "Lộ, mất bí mật nhà nước.",
        "hold, report to the police the same day, keep the trail and the log",
        "Nghị định 26/2020/NĐ-CP, Điều 8 (01/07/2020–28/02/2026); Nghị định 63/2026/NĐ-CP (01/03/2026–), chưa đọc",
        (_OPENED, "services.ingest.usecases.decide_incident:close_incident"),
        (
            _KINDS,
            f"{_INCIDENTS}::test_a_running_download_is_cut_and_never_ends_as_whole",
            f"{_INCIDENTS}::test_the_trail_cannot_be_rewritten_with_the_services_rights",
        ),
    ),
    EventRule(
        "27",
        "Báo cáo bí mật nhà nước hằng năm, số liệu từ 15/12 đến 14/12.",
        "the yearly report, and every clock that has run out",
        "Nghị định 26/2020/NĐ-CP, Điều 8 (01/07/2020–28/02/2026); Nghị định 63/2026/NĐ-CP (01/03/2026–), chưa đọc",
        (
            "services.ingest.usecases.report_secrets:secrets_report",
            "services.ingest.usecases.report_secrets:overdue_clocks",
        ),
        (
            "tests/integration/ingest/test_inspections_and_report.py::test_the_report_counts_what_the_year_held",
            "tests/integration/ingest/test_inspections_and_report.py::test_incidents_and_their_clocks_are_in_the_report",
        ),
    ),
    EventRule(
        "28",
        "Xuất tài liệu có chế độ sử dụng Mật (03) mà không có văn bản phê duyệt.",
        "no grant without another person's approval in force; none above the reader's ceiling; each grant is in the log",
        "Suy luận của thiết kế, chờ cơ quan có thẩm quyền xác nhận, quy tắc 28",
        (
            "services.catalog.usecases.grant_reading:grant_reading",
            "services.catalog.usecases.approve_export:settle_export",
            _OPENED,
        ),
        (
            f"{_EXPORTS}::test_no_restricted_document_leaves_without_an_approval_in_force",
            f"{_EXPORTS}::test_an_approval_is_for_its_documents_and_its_days",
            "tests/integration/catalog/test_api.py::test_an_archivist_sees_every_fonds_but_nothing_above_none",
            "tests/integration/catalog/test_api.py::test_reading_a_labelled_component_is_in_the_log_before_the_grant_leaves",
            _KINDS,
        ),
        "Whether the paper's authority was competent is for the approver to check.",
    ),
    EventRule(
        "29",
        "Dùng lại vật mang tin từng chứa bí mật nhà nước.",
        "reuse is refused until another person verified the wiping; the inspection cannot close before; an incident where a record is concerned",
        "Thông tư 02/2019/TT-BNV",
        ("services.ingest.usecases.keep_media:add_medium_step", _INSPECTED, _OPENED),
        (
            "tests/integration/ingest/test_media.py::test_no_medium_is_used_again_before_another_person_saw_it_wiped",
            _VIOLATIONS,
            _KINDS,
        ),
        "Media are outside the gateway: the register knows those that somebody entered.",
    ),
    EventRule(
        "30",
        "Nhật ký hoặc số đo nêu tên tài liệu bí mật.",
        "only listed fields in logs, only counts in metrics",
        "Suy luận của thiết kế, chờ cơ quan có thẩm quyền xác nhận, quy tắc 30",
        ("services.runtime.logging:configure", "services.ingest.main:register_incident_counts"),
        (
            "tests/unit/runtime/test_app.py::test_a_bug_is_logged_by_place_and_never_by_its_words",
            "tests/unit/runtime/test_app.py::test_one_line_a_request_by_template",
        ),
    ),
)
