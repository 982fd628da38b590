"""What can be listened to, how a call is signed, and this domain's errors."""

import hashlib
import hmac

from ofektom.errors import Problem

CHANNEL = "webhook"
MOST_WEBHOOKS = 10
TEST_EVENT = "webhooks.test"
# Every topic that is told outside of the business; a secret that goes with one is no part of the call.
EVENTS = (
    "markings.collected",
    "markings.reversed",
    "savings.completed",
    "payments.requested",
    "payments.approved",
    "payments.rejected",
    "payments.cancelled",
    "payments.failed",
    "payments.paid",
    "members.invited",
)


class TooManyWebhooks(Problem):
    code, status, title = "webhooks.too_many", 409, f"A business has {MOST_WEBHOOKS} webhooks at most"


class SwitchedOff(Problem):
    code, status, title = "webhooks.switched_off", 409, "This webhook is switched off; switch it on first"


def event_name(business_id: int, event_id: int) -> str:
    """By what a receiver knows an event that comes a second time."""
    return f"evt_{business_id}_{event_id}"


def signature(secret: str, moment: int, body: bytes) -> str:
    """The header that proves a call is ours: `moment` in Unix seconds and the HMAC-SHA256 of "moment.body"."""
    digest = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={digest}"
