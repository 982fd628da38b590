"""The money rules of a business: commission, cycle, collection days, holidays, windows and limits."""

from blueprints.settings.routes import bp
from ofektom.identity import Role

USES: set[str] = set()
STAFF = {Role.ADMIN, Role.AGENT, Role.SUB_AGENT}
GRANTS = {"settings.read": STAFF, "settings.change": {Role.ADMIN}}

__all__ = ["GRANTS", "USES", "bp"]
