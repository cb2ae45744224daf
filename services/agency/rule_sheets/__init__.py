"""The secrecy rules as a workbook that an officer reads and edits, and back again without loss.

Three sheets: the cover with version and first day, the rules one a row, their examples one a row. Whatever a cell cannot
hold as a person would write it stands there as `json:` and a JSON value, so nothing of a bundle is ever left out; and no
cell is ever a formula, neither written nor read.

Source: DESIGN 9; DECISION-0019.
"""

from services.agency.rule_sheets.faults import places_to_mend
from services.agency.rule_sheets.reading import ImportedRules, read_rules
from services.agency.rule_sheets.writing import workbook_of

__all__ = ["ImportedRules", "places_to_mend", "read_rules", "workbook_of"]
