"""What is searched for and what is found."""

from marshmallow import fields

from blueprints.savings.rules import PlanKind, State
from ofektom.identity import MembershipStatus
from ofektom.schemas import Choice, Currency, Schema, Text, Whole


class SearchQuery(Schema):
    q = Text(shortest=2, longest=120, required=True, metadata={"description": "a name, phone or tracking number"})
    limit = Whole(low=1, high=20, from_text=True, load_default=20)


class FoundAccountOut(Schema):
    currency = Currency()
    id = fields.Integer()
    tracking_number = fields.String()
    kind = Choice(PlanKind)
    label = fields.String(allow_none=True)
    state = Choice(State)
    balance = fields.Integer()


class FoundCustomerOut(Schema):
    id = fields.Integer()
    full_name = fields.String()
    phone = fields.String(allow_none=True)
    status = Choice(MembershipStatus)
    parent_id = fields.Integer(metadata={"description": "their collector"})
    accounts = fields.List(fields.Nested(FoundAccountOut), metadata={"description": "the latest ten, newest first"})


class FoundOut(Schema):
    items = fields.List(fields.Nested(FoundCustomerOut))
