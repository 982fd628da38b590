"""Marking the card: what a collector takes in, which slots it pays, and taking it back."""

from blueprints.markings.routes import bp
from ofektom.identity import Role

USES = {"commissions", "savings", "settings", "users"}
STAFF = {Role.ADMIN, Role.AGENT, Role.SUB_AGENT}
GRANTS = {
    "markings.read": STAFF | {Role.CUSTOMER},
    "markings.collect": STAFF,
    "markings.reverse": STAFF,
    "markings.route": STAFF,
}

__all__ = ["GRANTS", "USES", "bp"]
