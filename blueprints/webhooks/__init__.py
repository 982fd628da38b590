"""Webhooks: a business has other programs told what happens, by signed calls that are tried until they are taken."""

from blueprints.webhooks.routes import bp
from blueprints.webhooks.services import call, tell_programs
from ofektom.identity import Role

USES: set[str] = set()
GRANTS = {"webhooks.manage": {Role.ADMIN}}
LISTENERS = [tell_programs]
SENDERS = {"webhook": call}

__all__ = ["GRANTS", "LISTENERS", "SENDERS", "USES", "bp"]
