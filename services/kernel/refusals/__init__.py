"""Every refusal of the gateway; importing this package fills the registry.

The families are the modules beside this file: one that is added is registered without a list to keep.
"""

from importlib import import_module
from pkgutil import iter_modules

from services.kernel.refusals.registry import Pointer, Refusal, Text, registered

__all__ = ["Pointer", "Refusal", "Text", "registered"]

for _family in iter_modules(__path__, f"{__name__}."):
    import_module(_family.name)
