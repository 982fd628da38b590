"""Audit events as they are shown."""

from marshmallow import fields

from ofektom.schemas import Id, PageIn, Schema, Text
from ofektom.views import page_of


class EventsQuery(PageIn):
    action = Text(longest=60, load_default=None)
    object_type = Text(longest=40, load_default=None)
    object_id = Id(from_text=True, load_default=None)
    membership_id = Id(from_text=True, load_default=None)
    request_id = Text(longest=64, load_default=None)


class EventOut(Schema):
    id = fields.Integer()
    user_id = fields.Integer(allow_none=True)
    membership_id = fields.Integer(allow_none=True)
    action = fields.String()
    object_type = fields.String()
    object_id = fields.Integer(allow_none=True)
    before = fields.Dict(allow_none=True)
    after = fields.Dict(allow_none=True)
    request_id = fields.String(allow_none=True)
    at = fields.DateTime()


EventPage = page_of(EventOut())
