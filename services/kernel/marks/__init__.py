"""Marks of secrecy in the text of a file: which words count as a stamp, and where a file keeps its text.

Both sides look with these same eyes: the agency before anything leaves, the gateway after sealing. What is found is told
as codes and page numbers; the text itself goes nowhere.

Source: domain notes §3 rule 23; NĐ 26/2020/NĐ-CP; DECISION-0025.
"""

from services.kernel.marks.inspecting import MATCHER, MAX_FILE, Inspected, Outcome, inspect, worth_reading
from services.kernel.marks.stamps import WORDS, Mark, marks_on

__all__ = ["MATCHER", "MAX_FILE", "WORDS", "Inspected", "Mark", "Outcome", "inspect", "marks_on", "worth_reading"]
