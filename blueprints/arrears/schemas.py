"""What is unpaid, as it is shown. Amounts in minor units."""

from marshmallow import fields

from blueprints.savings.rules import State
from ofektom.schemas import Choice, Currency, Day, Id, PageIn, Schema, Whole
from ofektom.views import page_of


class ArrearsQuery(PageIn):
    as_of = Day(load_default=None, metadata={"description": "slots before this day count; default today"})
    collector_id = Id(from_text=True, load_default=None)


class DormantQuery(PageIn):
    days = Whole(low=1, high=366, from_text=True, load_default=30)
    collector_id = Id(from_text=True, load_default=None)


class _AccountOut(Schema):
    account_id = fields.Integer()
    tracking_number = fields.String()
    customer_id = fields.Integer()
    customer_name = fields.String()
    collector_id = fields.Integer()


class ArrearOut(_AccountOut):
    currency = Currency()
    missed = fields.Integer(metadata={"description": "slots before the day that are still unpaid"})
    amount_missed = fields.Integer()
    oldest_missed = fields.Date()


class DormantOut(_AccountOut):
    state = Choice(State)
    last_collected_on = fields.Date(allow_none=True)
    days = fields.Integer(metadata={"description": "since then, or since the start if nothing was ever collected"})


ArrearsPage = page_of(ArrearOut())
DormantPage = page_of(DormantOut())
