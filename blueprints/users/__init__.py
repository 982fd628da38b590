"""People: members of a business by role, their invitations, and the collectors' portfolios."""

from blueprints.users.routes import bp
from ofektom.identity import Role

USES = {"auth", "settings"}
STAFF = {Role.ADMIN, Role.AGENT, Role.SUB_AGENT}
GRANTS = {
    "members.read": STAFF | {Role.CUSTOMER},
    "members.add": STAFF,
    "members.manage": {Role.ADMIN},
    "users.manage": {Role.SUPER_ADMIN},
}

__all__ = ["GRANTS", "USES", "bp"]
