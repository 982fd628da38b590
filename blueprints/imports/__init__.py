"""Imports: customers, their savings accounts and what they are owed, from paper cards or another program, by CSV."""

from blueprints.imports.commands import import_file
from blueprints.imports.routes import bp
from ofektom.identity import Role

USES = {"commissions", "savings", "settings", "users"}
GRANTS = {"imports.make": {Role.ADMIN}}
COMMANDS = [import_file]

__all__ = ["COMMANDS", "GRANTS", "USES", "bp"]
