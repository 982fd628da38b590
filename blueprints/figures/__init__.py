"""What was taken in and earned, what is out, and how a business, or all of them, stand: reports and dashboards."""

from blueprints.figures.routes import bp
from ofektom.identity import Role

USES = {"arrears", "businesses", "commissions", "markings", "payments", "savings", "settings", "users"}
GRANTS = {
    "figures.read": {Role.ADMIN, Role.AGENT, Role.SUB_AGENT},
    "figures.dashboard": {Role.ADMIN},
    "figures.platform": {Role.SUPER_ADMIN},
}

__all__ = ["GRANTS", "USES", "bp"]
