"""The audit trail, for a business's admins and, for acts of no business, platform staff."""

from blueprints.audit.routes import bp
from ofektom.identity import Role

USES: set[str] = set()
GRANTS = {"audit.read": {Role.ADMIN}, "audit.read_platform": {Role.SUPER_ADMIN}}

__all__ = ["GRANTS", "USES", "bp"]
