"""The metadata profiles `tt02`, `tt05` and `party`: fields, lengths, codes and wire names, as data beside this file.

Agency and gateway read the same data, so both judge alike. Each field has the identifier that the rest of the code
calls it by (`subject`, `issued_on` …) and the wire name of its circular; no other module spells a wire name. What no
text was seen for is marked `doubtful` in the data.

Source: domain notes §1.1-1.5; DESIGN 5.1, 10.
"""

from services.kernel.profiles.loading import NAMES, profile
from services.kernel.profiles.model import Field, FieldKind, Part, Profile

__all__ = ["NAMES", "Field", "FieldKind", "Part", "Profile", "profile"]
