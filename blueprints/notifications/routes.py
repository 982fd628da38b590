"""/notifications of whoever asks, what was sent to the people of a business, and the carrier's reports."""

from flask import request

from blueprints.notifications import queries, schemas, services
from ofektom import http, sms
from ofektom.auth import PUBLIC
from ofektom.errors import BodyTooLarge, NotFound
from ofektom.examples import Example
from ofektom.views import Slice

bp = Slice("notifications", __name__, url_prefix="/notifications")


@bp.get("", access="notifications.own", query=schemas.MessagesQuery(), answer=schemas.MessagePage)
def messages(actor, query):
    """Your messages, newest first."""
    return queries.messages(actor, **query)


@bp.get("/unread-count", access="notifications.own", answer=schemas.UnreadOut())
def unread_count(actor):
    """How many messages you have not read."""
    return {"unread": queries.unread(actor)}


@bp.post(
    "/<id:message_id>/read",
    access="notifications.own",
    status=200,
    answer=schemas.MessageOut(),
    example=Example(by="customer"),
)
def mark_read(actor, message_id):
    """Note that you have read a message."""
    return services.mark_read(actor=actor, message_id=message_id)


@bp.post("/read", access="notifications.own", status=200, answer=schemas.MarkedOut())
def mark_all_read(actor):
    """Note that you have read all your messages."""
    return {"marked": services.mark_all_read(actor=actor)}


@bp.get("/preferences", access="notifications.own", answer=schemas.WishesOut())
def preferences(actor):
    """By which channels you are told."""
    return queries.wishes(actor)


@bp.patch("/preferences", access="notifications.own", body=schemas.WishesIn(), answer=schemas.WishesOut())
def change_preferences(actor, body):
    """Choose by which channels you are told. Codes and invitations come all the same."""
    return services.change_wishes(actor=actor, changes=body)


@bp.get("/deliveries", access="notifications.deliveries", query=schemas.DeliveriesQuery(), answer=schemas.SentPage)
def deliveries(actor, query):
    """SMS and e-mails to the people of the business, newest first, and what became of them."""
    return queries.deliveries(actor, **query)


@bp.post(
    "/sms-reports",
    access=PUBLIC,
    status=204,
    errors=[sms.WrongSignature, BodyTooLarge, NotFound],
    example=Example(refused=sms.WrongSignature, why="the carrier signs it"),
)
def take_sms_report():
    """For the SMS carrier (Termii): what became of an SMS, signed in `X-Termii-Signature`."""
    sms.take_report(http.read_raw(sms.MOST_REPORT_BYTES), request.headers.get("X-Termii-Signature", ""))
