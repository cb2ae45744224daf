"""Every refusal of the gateway; importing this package fills the registry."""

from services.kernel.refusals.registry import Pointer, Refusal, Text, registered

__all__ = ["Pointer", "Refusal", "Text", "registered"]
