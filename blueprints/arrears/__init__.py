"""What was not paid when it was to be: arrears, what is due today, and accounts on which nothing happens any more."""

from blueprints.arrears.commands import reckon
from blueprints.arrears.routes import bp
from blueprints.arrears.services import reckon_some
from ofektom.identity import Role

USES = {"markings", "savings", "settings", "users"}
GRANTS = {"arrears.read": {Role.ADMIN, Role.AGENT, Role.SUB_AGENT}}
COMMANDS = [reckon]
CHORES = [reckon_some]

__all__ = ["CHORES", "COMMANDS", "GRANTS", "USES", "bp"]
