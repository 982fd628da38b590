"""Webhooks and calls as they are sent and shown."""

from marshmallow import fields, validate

from blueprints.webhooks.rules import EVENTS
from ofektom.deliveries import DeliveryState
from ofektom.outgoing import LONGEST_URL
from ofektom.schemas import Choice, PageIn, Schema, StrictBoolean, Text
from ofektom.views import page_of

_URL = {
    "description": "https, on the open Internet; http on your own machine while you develop",
    "example": "http://127.0.0.1:8080/hook",
}
_EVENTS = {"description": "which events; empty for all of them"}


def _events(**kwargs) -> fields.List:
    return fields.List(Choice(EVENTS), validate=validate.Length(max=len(EVENTS)), metadata=_EVENTS, **kwargs)


class WebhookIn(Schema):
    url = Text(longest=LONGEST_URL, required=True, metadata=_URL)
    events = _events(load_default=list)


class WebhookChangesIn(Schema):
    url = Text(longest=LONGEST_URL, metadata=_URL)
    events = _events()
    is_active = StrictBoolean(metadata={"description": "switched on, it gets what was held back"})


class WebhookOut(Schema):
    id = fields.Integer()
    url = fields.String()
    events = fields.List(fields.String(), metadata=_EVENTS)
    is_active = fields.Boolean()
    created_by_id = fields.Integer()
    created_at = fields.DateTime()


class WebhookWithSecretOut(WebhookOut):
    signing_secret = fields.String(metadata={"description": "signs every call; shown only now"})


class CallsQuery(PageIn):
    state = Choice(DeliveryState, load_default=None)


class CallOut(Schema):
    id = fields.Integer()
    event = fields.String(metadata={"description": "what the header Ofektom-Event says; the same in a replay"})
    topic = fields.String()
    state = Choice(DeliveryState, metadata={"description": "waiting, held, sent or dead"})
    attempts = fields.Integer()
    created_at = fields.DateTime()
    due_at = fields.DateTime(metadata={"description": "of the next attempt, while it waits"})
    ended_at = fields.DateTime(allow_none=True)
    error = fields.String(allow_none=True, metadata={"description": "of the last attempt that failed"})


WebhookPage = page_of(WebhookOut())
CallPage = page_of(CallOut())
