"""Messages, wishes and deliveries as they are sent and shown."""

from marshmallow import fields

from blueprints.notifications.rules import Channel, ReadState
from ofektom.deliveries import DeliveryState
from ofektom.schemas import Choice, Id, PageIn, Schema, StrictBoolean
from ofektom.sms import ReportStatus
from ofektom.views import page_of

OUTSIDE = [Channel.SMS, Channel.EMAIL]
_BY_SMS = {"description": "by SMS, where the business has it on and knows your phone"}


class MessagesQuery(PageIn):
    state = Choice(ReadState, load_default=None)


class MessageOut(Schema):
    id = fields.Integer()
    topic = fields.String(metadata={"description": "such as markings.collected"})
    object_type = fields.String()
    object_id = fields.Integer(allow_none=True)
    text = fields.String()
    created_at = fields.DateTime()
    read_at = fields.DateTime(allow_none=True)


class UnreadOut(Schema):
    unread = fields.Integer()


class MarkedOut(Schema):
    marked = fields.Integer(metadata={"description": "messages that were unread"})


class WishesIn(Schema):
    in_app = StrictBoolean()
    sms = StrictBoolean(metadata=_BY_SMS)
    email = StrictBoolean()


class WishesOut(Schema):
    in_app = fields.Boolean()
    sms = fields.Boolean(metadata=_BY_SMS)
    email = fields.Boolean()


class DeliveriesQuery(PageIn):
    channel = Choice(OUTSIDE, load_default=None)
    state = Choice(DeliveryState, load_default=None)
    member_id = Id(from_text=True, load_default=None)


class SentOut(Schema):
    id = fields.Integer()
    channel = Choice(OUTSIDE)
    topic = fields.String()
    member_id = fields.Integer(allow_none=True)
    state = Choice(DeliveryState, metadata={"description": "waiting, held, sent (the carrier has it) or dead"})
    attempts = fields.Integer()
    created_at = fields.DateTime()
    due_at = fields.DateTime(metadata={"description": "of the next attempt, while it waits"})
    ended_at = fields.DateTime(allow_none=True)
    reference = fields.String(allow_none=True, metadata={"description": "the carrier's"})
    error = fields.String(allow_none=True, metadata={"description": "of the last attempt that failed"})
    report = Choice(ReportStatus, allow_none=True, metadata={"description": "what the carrier said later"})


MessagePage = page_of(MessageOut())
SentPage = page_of(SentOut())
