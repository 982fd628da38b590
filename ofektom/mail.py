"""E-mail by SMTP, with STARTTLS or TLS from the start wherever a password is sent."""

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate
from urllib.parse import unquote, urlsplit

from flask import current_app

from ofektom import outgoing
from ofektom.deliveries import Later, Never, Outcome, Sent

SECONDS = 20
STEP_SECONDS = 10
PERMANENT = 500


def is_configured() -> bool:
    """Whether e-mail can be sent at all."""
    return bool(current_app.config["SMTP_URL"])


def send(to: str, subject: str, text: str, name: str) -> Outcome:
    """Send a plain text. `name` is the same whenever the same message is sent again, and becomes its Message-ID."""
    sender = current_app.config["MAIL_FROM"]
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, to, subject
    message["Date"] = formatdate()
    message["Message-ID"] = f"<{name}@{sender.rpartition('@')[2].rstrip('>') or 'localhost'}>"
    message.set_content(text)
    try:
        return _hand_over(message)
    except smtplib.SMTPRecipientsRefused as refused:
        return _judge(max(code for code, _ in refused.recipients.values()), "recipient refused")
    except smtplib.SMTPDataError as refused:
        return _judge(refused.smtp_code, "message refused")
    except smtplib.SMTPResponseException as refused:  # signing in and the like, which somebody will put right
        return Later(f"answered {refused.smtp_code}")
    except (smtplib.SMTPException, OSError) as error:
        return Later(f"no answer: {type(error).__name__}")


def _judge(code: int, what: str) -> Outcome:
    return Never(f"{what}: {code}") if code >= PERMANENT else Later(f"{what}: {code}")


def _hand_over(message: EmailMessage) -> Outcome:
    parts = urlsplit(current_app.config["SMTP_URL"])
    context = ssl.create_default_context()
    client = smtplib.SMTP_SSL(timeout=STEP_SECONDS, context=context) if parts.scheme == "smtps" else None
    client = client or smtplib.SMTP(timeout=STEP_SECONDS)
    # What the certificate is checked for; given to the constructor, it would connect at once.
    client._host = parts.hostname
    try:
        with outgoing.cut_off(lambda: client.sock, SECONDS):
            client.connect(parts.hostname, parts.port or (465 if parts.scheme == "smtps" else 587))
            _be_private(client, parts.scheme, needed=bool(parts.username), context=context)
            if parts.username:
                client.login(unquote(parts.username), unquote(parts.password or ""))
            client.send_message(message)
    finally:
        client.close()
    return Sent(message["Message-ID"])


def _be_private(client: smtplib.SMTP, scheme: str, *, needed: bool, context: ssl.SSLContext) -> None:
    """STARTTLS where it is offered. Raises SMTPNotSupportedError where it is not and a password would be sent."""
    client.ehlo()
    if scheme == "smtps":
        return
    if client.has_extn("starttls"):
        client.starttls(context=context)
        client.ehlo()
    elif needed:
        raise smtplib.SMTPNotSupportedError
