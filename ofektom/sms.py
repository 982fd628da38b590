"""SMS through Termii: sending one, and the reports of what became of it.

Source: Termii's documentation, https://developer.termii.com: `POST /api/sms/send`, and "Events and Reports". Sending
has no idempotency key: when no answer comes nobody can tell whether the text went out, and it is sent again.
"""

import hashlib
import hmac
from datetime import datetime, timedelta
from enum import StrEnum

import orjson
from flask import current_app
from sqlalchemy import CheckConstraint, String, func
from sqlalchemy.orm import Mapped, mapped_column

from ofektom import outgoing
from ofektom.deliveries import Later, Outcome, Sent
from ofektom.errors import NotFound, Problem
from ofektom.extensions import db
from ofektom.identity import moment, one_of
from ofektom.plain import Statement

PAGE = 160
LONGEST_REFERENCE = 100
MOST_REPORT_BYTES = 16_384


class WrongSignature(Problem):
    code, status, title = "sms.wrong_signature", 403, "The report is not signed with our key"


class ReportStatus(StrEnum):
    ON_ITS_WAY = "on_its_way"
    FAILED = "failed"
    BLOCKED = "blocked"  # the number takes no messages of this kind (do not disturb)
    DELIVERED = "delivered"


# What a report says, by the words it begins with, in lower case.
_WORDS = {
    "delivered": ReportStatus.DELIVERED,
    "message sent": ReportStatus.ON_ITS_WAY,
    "received": ReportStatus.ON_ITS_WAY,
    "message failed": ReportStatus.FAILED,
    "failed": ReportStatus.FAILED,
    "rejected": ReportStatus.FAILED,
    "expired": ReportStatus.FAILED,
    "dnd active": ReportStatus.BLOCKED,
}


class SmsReport(db.Model):
    """The last word on an SMS, by the carrier's reference. A report may come before we have noted the reference."""

    __tablename__ = "sms_reports"

    reference: Mapped[str] = mapped_column(String(LONGEST_REFERENCE), primary_key=True)
    status: Mapped[str] = mapped_column(String(10))
    at: Mapped[datetime] = moment(server_default=func.now())

    __table_args__ = (CheckConstraint(one_of("status", ReportStatus), name="status"),)


def is_configured() -> bool:
    """Whether SMS can be sent at all."""
    return bool(current_app.config["TERMII_API_KEY"])


def send(to: str, text: str, sender: str | None) -> Outcome:
    """Send `text` (GSM 7 bit, up to PAGE characters) to a number of E.164, from a registered sender ID.

    Any refusal is tried again: it may be a balance, a key or a sender ID that somebody will put right.
    """
    config = current_app.config
    message = {
        "api_key": config["TERMII_API_KEY"],
        "to": to.removeprefix("+"),
        "from": sender or config["SMS_SENDER"],
        "sms": text,
        "type": "plain",
        "channel": "dnd",
    }
    url = config["TERMII_URL"].rstrip("/") + "/api/sms/send"
    try:
        reply = outgoing.post(url, orjson.dumps(message), {"Content-Type": "application/json"})
    except outgoing.Unreachable as error:
        return Later(f"no answer: {error}")
    if not 200 <= reply.status < 300:
        return Later(f"answered {reply.status}", reply.retry_after)
    reference = _field(reply.body, "message_id")
    return Sent(reference) if reference else Later("answered without a message_id")


def _field(body: bytes, name: str) -> str | None:
    """A text of a JSON object, None when there is none of sane length."""
    try:
        found = orjson.loads(body)
        value = found[name] if isinstance(found, dict) else None
    except (KeyError, orjson.JSONDecodeError):
        return None
    value = str(value) if type(value) is int else value
    fits = isinstance(value, str) and 0 < len(value) <= LONGEST_REFERENCE and value.isascii() and value.isprintable()
    return value if fits else None


# What is final stays: reports come twice, late and in any order.
_NOTE = Statement(
    """
    INSERT INTO sms_reports AS known (reference, status) VALUES (%(reference)s, %(status)s)
    ON CONFLICT (reference) DO UPDATE SET status = EXCLUDED.status, at = now()
    WHERE known.status = 'on_its_way' OR (known.status <> 'delivered' AND EXCLUDED.status = 'delivered')
    RETURNING reference
    """
)


def take_report(body: bytes, signature: str) -> None:
    """Note what became of an SMS, if the carrier says so. Raises NotFound without a key, WrongSignature.

    What is signed and means nothing to us (an incoming SMS, a status to come) is taken and forgotten.
    """
    key = current_app.config["TERMII_SECRET_KEY"]
    if not key:
        raise NotFound
    expected = hmac.new(key.encode(), body, hashlib.sha512).hexdigest()
    if not hmac.compare_digest(expected.encode(), signature.strip().lower().encode()):
        raise WrongSignature
    reference, said = _field(body, "message_id"), (_field(body, "status") or "").lower()
    status = next((status for words, status in _WORDS.items() if said.startswith(words)), None)
    if reference and status:
        _NOTE.run({"reference": reference, "status": status.value})


def forget_reports(days: int) -> int:
    """Delete reports older than `days`; returns how many."""
    old = SmsReport.at < func.now() - timedelta(days=days)
    return db.session.execute(db.delete(SmsReport).where(old)).rowcount
