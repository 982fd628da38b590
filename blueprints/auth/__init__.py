"""Signing in and out, sessions, and one's own PIN or password."""

from blueprints.auth.commands import create_super_admin
from blueprints.auth.routes import bp

USES: set[str] = set()
GRANTS: dict[str, set[str]] = {}
COMMANDS = [create_super_admin]

__all__ = ["COMMANDS", "GRANTS", "USES", "bp"]
