"""Businesses as platform staff open them, and the units (branches, markets, routes) of one."""

from blueprints.businesses.routes import bp
from ofektom.identity import Role

USES = {"settings", "users"}
GRANTS = {
    "businesses.manage": {Role.SUPER_ADMIN},
    "business.read": {Role.ADMIN, Role.AGENT, Role.SUB_AGENT, Role.CUSTOMER},
    "units.read": {Role.ADMIN, Role.AGENT, Role.SUB_AGENT},
    "units.manage": {Role.ADMIN},
}

__all__ = ["GRANTS", "USES", "bp"]
