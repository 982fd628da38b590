"""Paying customers back: their bank accounts, and requests that are held, decided by somebody else, and paid once."""

from blueprints.payments.routes import bp
from ofektom.identity import Role

USES = {"savings", "settings", "users"}
STAFF = {Role.ADMIN, Role.AGENT, Role.SUB_AGENT}
GRANTS = {
    "payments.read": STAFF | {Role.CUSTOMER},
    "payments.request": STAFF | {Role.CUSTOMER},
    "payments.decide": {Role.ADMIN},
    "payments.pay_cash": STAFF,
    "payments.pay_transfer": {Role.ADMIN},
    "payments.code": {Role.CUSTOMER},
}

__all__ = ["GRANTS", "USES", "bp"]
