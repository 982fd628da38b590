"""The operator's console: pages on which a business, and the platform, see how they stand today, and decide."""

from blueprints.console.routes import bp

USES = {"arrears", "auth", "expenses", "figures", "markings", "ops", "payments", "users"}
GRANTS: dict[str, set[str]] = {}

__all__ = ["GRANTS", "USES", "bp"]
