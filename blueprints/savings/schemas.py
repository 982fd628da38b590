"""Savings accounts as they are sent and shown. Amounts in minor units."""

from marshmallow import ValidationError, fields, validates_schema

from blueprints.savings.rules import PlanKind, SlotStatus, State
from blueprints.settings.rules import MAX_CYCLE_DAYS, CommissionKind, CycleKind, Earned
from blueprints.settings.schemas import Weekdays
from ofektom.schemas import Amount, Choice, Currency, Day, Id, PageIn, Schema, Text, Whole
from ofektom.views import page_of

MAX_CYCLES = 120


class PlanIn(Schema):
    kind = Choice(PlanKind, required=True)
    contribution = Amount(
        load_default=None, metadata={"description": "daily plans: minor units each collection day", "example": 50_000}
    )
    cycles = Whole(low=1, high=MAX_CYCLES, load_default=None, metadata={"description": "daily plans; default 1"})
    target_amount = Amount(load_default=None, metadata={"description": "target plans"})
    end_date = Day(load_default=None, metadata={"description": "target plans; the last day, inclusive"})
    start = Day(load_default=None, metadata={"description": "default today"})
    weekdays = Weekdays(load_default=None)
    cycle_kind = Choice(CycleKind, load_default=None)
    cycle_days = Whole(low=1, high=MAX_CYCLE_DAYS, load_default=None)

    @validates_schema
    def check_kind(self, data, **kwargs):
        """Each kind has its own terms and none of the other's."""
        daily = data["kind"] == PlanKind.DAILY
        needed = {"contribution"} if daily else {"target_amount", "end_date"}
        foreign = {"target_amount", "end_date"} if daily else {"contribution", "cycles"}
        problems = {name: ["Needed for this kind."] for name in needed if data.get(name) is None}
        problems |= {name: ["Not for this kind."] for name in foreign if data.get(name) is not None}
        if problems:
            raise ValidationError(problems)
        if daily and data["cycles"] is None:
            data["cycles"] = 1


class AccountIn(PlanIn):
    customer_id = Id(required=True)
    label = Text(longest=80, load_default=None)


class OutlineOut(Schema):
    currency = Currency()
    contribution = fields.Integer()
    slots = fields.Integer()
    cycles = fields.Integer()
    first_day = fields.Date()
    last_day = fields.Date()
    last_amount = fields.Integer(metadata={"description": "the last slot of a target plan may be smaller"})
    total = fields.Integer()
    commission = fields.Integer(metadata={"description": "if every slot is paid"})
    payout = fields.Integer(metadata={"description": "total less commission"})


class AccountOut(Schema):
    currency = Currency()
    id = fields.Integer()
    tracking_number = fields.String()
    customer_id = fields.Integer()
    customer_name = fields.String()
    collector_id = fields.Integer()
    kind = Choice(PlanKind)
    label = fields.String(allow_none=True)
    state = Choice(State)
    start = fields.Date()
    ended_on = fields.Date(allow_none=True)
    rolled_from_id = fields.Integer(allow_none=True)
    reference = fields.String(allow_none=True, metadata={"description": "what an imported account was called before"})
    cycle_kind = Choice(CycleKind)
    cycle_days = fields.Integer()
    contribution = fields.Integer()
    weekdays = Weekdays()
    cycles = fields.Integer(allow_none=True)
    target_amount = fields.Integer(allow_none=True)
    end_date = fields.Date(allow_none=True)
    commission_kind = Choice(CommissionKind)
    commission_earned = Choice(Earned)
    slots_paid = fields.Integer()
    amount_paid = fields.Integer()
    credit = fields.Integer()
    opening_balance = fields.Integer(metadata={"description": "what the customer was owed when it was imported"})
    balance = fields.Integer()
    created_at = fields.DateTime()


class AccountsQuery(PageIn):
    customer_id = Id(from_text=True, load_default=None)
    collector_id = Id(from_text=True, load_default=None)
    state = Choice(State, load_default=None)
    kind = Choice(PlanKind, load_default=None)
    tracking_number = Text(longest=10, load_default=None)
    reference = Text(longest=40, load_default=None)


class SlotOut(Schema):
    date = fields.Date()
    amount = fields.Integer()
    cycle = fields.Integer()
    status = Choice(SlotStatus, metadata={"description": "paid, due (today), missed (before today) or open (to come)"})


class TotalsOut(Schema):
    slots = fields.Integer()
    slots_paid = fields.Integer()
    slots_missed = fields.Integer()
    amount_planned = fields.Integer()
    amount_paid = fields.Integer()
    amount_missed = fields.Integer()
    amount_open = fields.Integer()
    credit = fields.Integer(metadata={"description": "paid in and not yet enough for a slot"})
    balance = fields.Integer()
    available = fields.Integer(metadata={"description": "the balance less commission that started cycles still owe"})


class CardOut(Schema):
    account = fields.Nested(AccountOut)
    today = fields.Date(metadata={"description": "the business day"})
    slots = fields.List(fields.Nested(SlotOut))
    totals = fields.Nested(TotalsOut)


class ExtendIn(Schema):
    cycles = Whole(
        low=1, high=MAX_CYCLES, load_default=None, metadata={"description": "daily plans: how many more", "example": 1}
    )
    end_date = Day(load_default=None, metadata={"description": "target plans: the new last day"})


class TermsIn(Schema):
    effective_from = Day(load_default=None, metadata={"description": "default today"})
    contribution = Amount(load_default=None, metadata={"example": 60_000})
    weekdays = Weekdays(load_default=None)
    target_amount = Amount(load_default=None)
    end_date = Day(load_default=None)


class RollOverIn(Schema):
    start = Day(load_default=None)


AccountPage = page_of(AccountOut())
