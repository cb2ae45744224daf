"""The secrecy rules: rows that officers approve, the bundle they are signed in, and verdicts on manifests.

A rule is a row of data: its basis in law, its condition in Vietnamese and as a CEL expression over typed facts, its
effect, messages and examples. Every row that matches fires and the strongest effect wins; where no row matches the
document is admitted. A row that cannot be evaluated quarantines and reports. Which facts there are is told in `facts`.

Source: DESIGN 9; security notes §6; domain notes §3.
"""

from services.kernel.refusals.rules import BundleInvalid
from services.kernel.rules.baseline import baseline_bundle
from services.kernel.rules.bundles import load_bundle
from services.kernel.rules.compiling import CompiledBundle, compile_bundle
from services.kernel.rules.model import Bundle, DocumentVerdict, Rule

__all__ = [
    "Bundle",
    "BundleInvalid",
    "CompiledBundle",
    "DocumentVerdict",
    "Rule",
    "baseline_bundle",
    "compile_bundle",
    "load_bundle",
]
