"""What people take away: exports and statements as files, receipts to print, and a page to check a receipt on."""

from blueprints.documents.routes import bp
from ofektom.identity import Role

USES = {"commissions", "markings", "payments", "savings", "settings", "users"}
STAFF = {Role.ADMIN, Role.AGENT, Role.SUB_AGENT}
GRANTS = {
    "documents.export": STAFF,
    "documents.read": STAFF | {Role.CUSTOMER},
}

__all__ = ["GRANTS", "USES", "bp"]
