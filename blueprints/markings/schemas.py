"""Collections as they are sent and shown. Amounts in minor units."""

from marshmallow import ValidationError, fields, validates_schema

from blueprints.markings.rules import Method, ReceiptStatus, RouteStatus
from blueprints.savings.rules import MAX_SLOTS, State
from ofektom.schemas import Amount, Choice, Currency, Day, Id, ListOf, Moment, PageIn, Schema, Voucher, Whole
from ofektom.views import page_of

_NUMBER = {"description": "1, 2, 3 … of the collector, without a gap; a reversed receipt keeps its own"}
_CHECK_CODE = "what anybody can look the receipt up by, at /receipts/{check_code}; null in a dry run"


class CollectIn(Schema):
    days = Whole(
        low=1, high=MAX_SLOTS, load_default=None, metadata={"description": "how many slots; default 1", "example": 1}
    )
    dates = ListOf(Day(), most=MAX_SLOTS, load_default=None)
    amount = Amount(load_default=None, metadata={"description": "cash taken; what fills no slot is kept as credit"})
    collected_on = Day(load_default=None, metadata={"description": "default today; not in the future"})
    client_time = Moment(load_default=None, metadata={"description": "the device's clock, kept as evidence only"})

    @validates_schema
    def check_one_way(self, data, **kwargs):
        """Days, dates and amount exclude each other."""
        given = [name for name in ("days", "dates", "amount") if data.get(name) is not None]
        if len(given) > 1:
            raise ValidationError({name: ["Give only one of days, dates and amount."] for name in given})


class MarkedSlotOut(Schema):
    date = fields.Date()
    amount = fields.Integer()
    cycle = fields.Integer()


class ReceiptOut(Schema):
    currency = Currency()
    collection_id = fields.Integer()
    receipt_number = fields.Integer(metadata=_NUMBER)
    account_id = fields.Integer()
    tracking_number = fields.String()
    amount = fields.Integer(metadata={"description": "cash taken"})
    slots = fields.List(fields.Nested(MarkedSlotOut), metadata={"description": "the slots it paid"})
    credit = fields.Integer(metadata={"description": "kept for the next slot"})
    check_code = Voucher(metadata={"description": _CHECK_CODE})
    commission = fields.Integer(metadata={"description": "taken on this occasion"})
    balance = fields.Integer(metadata={"description": "the customer's, afterwards"})
    state = Choice(State)
    collected_on = fields.Date()
    at = fields.DateTime()


class CollectionOut(Schema):
    currency = Currency()
    id = fields.Integer()
    account_id = fields.Integer()
    collector_id = fields.Integer()
    receipt_number = fields.Integer(attribute="number", metadata=_NUMBER)
    method = Choice(Method)
    amount = fields.Integer()
    credit_change = fields.Integer()
    slots = fields.List(fields.Nested(MarkedSlotOut))
    collected_on = fields.Date()
    at = fields.DateTime()
    reversed_at = fields.DateTime(allow_none=True)
    reversed_by_id = fields.Integer(allow_none=True)
    reversal_reason = fields.String(allow_none=True)
    check_code = Voucher(metadata={"description": _CHECK_CODE})


class ReceiptCheckOut(Schema):
    business_name = fields.String()
    receipt_number = fields.Integer(metadata=_NUMBER)
    currency = fields.String()
    amount = fields.Integer(metadata={"description": "cash taken"})
    slots = fields.List(fields.Nested(MarkedSlotOut), metadata={"description": "the slots it paid"})
    collected_on = fields.Date()
    at = fields.DateTime()
    status = Choice(ReceiptStatus, metadata={"description": "valid, or reversed: it no longer counts"})
    reversed_at = fields.DateTime(allow_none=True)


class CollectionsQuery(PageIn):
    account_id = Id(from_text=True, load_default=None)
    collector_id = Id(from_text=True, load_default=None)
    collected_on = Day(load_default=None)


class RouteQuery(PageIn):
    collector_id = Id(from_text=True, load_default=None)


class StopOut(Schema):
    currency = Currency()
    account_id = fields.Integer()
    tracking_number = fields.String()
    customer_id = fields.Integer()
    customer_name = fields.String()
    status = Choice(RouteStatus, metadata={"description": "due, missed, paid or nothing"})
    missed = fields.Integer(metadata={"description": "open slots before today"})
    amount_due = fields.Integer(metadata={"description": "today's slot and the missed ones"})
    credit = fields.Integer()


CollectionPage = page_of(CollectionOut())
RoutePage = page_of(StopOut())
