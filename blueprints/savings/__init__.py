"""Savings accounts: the plan of one customer, its card with a slot for every collection day, and its life."""

from blueprints.savings.routes import bp
from ofektom.identity import Role

USES = {"commissions", "settings", "users"}
STAFF = {Role.ADMIN, Role.AGENT, Role.SUB_AGENT}
GRANTS = {
    "savings.read": STAFF | {Role.CUSTOMER},
    "savings.open": STAFF,
    "savings.change": STAFF,
}

__all__ = ["GRANTS", "USES", "bp"]
