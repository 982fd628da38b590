"""What the collector keeps: commission by policy, exactly once for each account and cycle."""

from blueprints.commissions.routes import bp
from ofektom.identity import Role

USES = {"settings", "users"}
GRANTS = {"commissions.read": {Role.ADMIN, Role.AGENT, Role.SUB_AGENT}}

__all__ = ["GRANTS", "USES", "bp"]
