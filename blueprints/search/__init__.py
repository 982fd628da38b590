"""Finding customers and their accounts by what somebody at the door can say: a name, a phone, a card's number."""

from blueprints.search.routes import bp
from ofektom.identity import Role

USES = {"savings", "users"}
GRANTS = {"search.read": {Role.ADMIN, Role.AGENT, Role.SUB_AGENT}}

__all__ = ["GRANTS", "USES", "bp"]
