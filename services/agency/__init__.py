"""The agency's side of the gateway: the SDK and the `nopluu` command. It imports the kernel only."""

from services.agency.errors import AgencyError
from services.agency.gateway import Gateway, Outcome
from services.agency.profile import Profile

__all__ = ["AgencyError", "Gateway", "Outcome", "Profile"]
