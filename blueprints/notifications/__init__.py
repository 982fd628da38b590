"""Telling people what happened: in the application, by SMS and by e-mail, as they and their business wish."""

from blueprints.notifications.routes import bp
from blueprints.notifications.services import send_email, send_sms, tell_people
from ofektom.identity import Role

USES = {"settings"}
EVERYBODY = {Role.ADMIN, Role.AGENT, Role.SUB_AGENT, Role.CUSTOMER}
GRANTS = {"notifications.own": EVERYBODY, "notifications.deliveries": {Role.ADMIN}}
LISTENERS = [tell_people]
SENDERS = {"sms": send_sms, "email": send_email}

__all__ = ["GRANTS", "LISTENERS", "SENDERS", "USES", "bp"]
