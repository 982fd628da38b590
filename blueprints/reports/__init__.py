"""Whether everything adds up: trial balance, the four pots, statements, and `flask verify`."""

from blueprints.reports.commands import verify
from blueprints.reports.routes import bp
from ofektom.identity import Role

USES = {"savings", "settings"}
GRANTS = {
    "reports.read": {Role.ADMIN},
    "statements.read": {Role.ADMIN, Role.AGENT, Role.SUB_AGENT, Role.CUSTOMER},
}
COMMANDS = [verify]

__all__ = ["COMMANDS", "GRANTS", "USES", "bp"]
