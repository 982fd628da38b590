"""What was not paid when it was to be: arrears, what is due today, and accounts on which nothing happens any more."""

from blueprints.arrears.routes import bp
from ofektom.identity import Role

USES = {"markings", "savings", "settings", "users"}
GRANTS = {"arrears.read": {Role.ADMIN, Role.AGENT, Role.SUB_AGENT}}

__all__ = ["GRANTS", "USES", "bp"]
