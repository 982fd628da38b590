"""Money spent: the expenses of a business, and the expense cards that customers keep for themselves."""

from blueprints.expenses.routes import bp
from ofektom.identity import Role

USES = {"payments", "savings", "settings", "users"}
STAFF = {Role.ADMIN, Role.AGENT, Role.SUB_AGENT}
GRANTS = {
    "expenses.read": STAFF,
    "expenses.spend": STAFF,
    "expenses.decide": {Role.ADMIN},
    "expense_cards.read": STAFF | {Role.CUSTOMER},
    "expense_cards.keep": STAFF | {Role.CUSTOMER},
}

__all__ = ["GRANTS", "USES", "bp"]
