"""The manifest: what one package declares, read strictly and with every problem at once.

Source: FORMATS "Manifest"; DESIGN 4, 5.1.
"""

from services.kernel.manifest.model import Manifest, ManifestComponent, ManifestDocument
from services.kernel.manifest.parsing import FORMAT, MAX_MANIFEST, component_bound, parse

__all__ = [
    "FORMAT",
    "MAX_MANIFEST",
    "Manifest",
    "ManifestComponent",
    "ManifestDocument",
    "component_bound",
    "parse",
]
