"""Reports and dashboards as they are asked for and shown. Amounts in minor units."""

from marshmallow import fields

from ofektom.schemas import Currency, Day, Id, Schema
from ofektom.views import page_of


class PeriodQuery(Schema):
    since = Day(load_default=None, metadata={"description": "first day; default 31 days with the last one"})
    until = Day(load_default=None, metadata={"description": "last day; default today, or 31 days from the first"})


class CollectionsQuery(PeriodQuery):
    collector_id = Id(from_text=True, load_default=None)


class TakenOut(Schema):
    count = fields.Integer(metadata={"description": "collections that count"})
    amount = fields.Integer()
    reversed_count = fields.Integer(metadata={"description": "collections taken back"})
    reversed_amount = fields.Integer()


class _DayOut(TakenOut):
    day = fields.Date()


class _UnitOut(TakenOut):
    unit_id = fields.Integer(allow_none=True, metadata={"description": "of who collected; null: of no unit"})
    unit_name = fields.String(allow_none=True)


class _WhoOut(Schema):
    agent_id = fields.Integer()
    agent_name = fields.String()
    role = fields.String()


class _AgentOut(_WhoOut, TakenOut):
    pass


class _DaysOut(Schema):
    currency = Currency()
    since = fields.Date()
    until = fields.Date()


class CollectionsByDayOut(_DaysOut, TakenOut):
    items = fields.List(fields.Nested(_DayOut))


class CollectionsByUnitOut(_DaysOut, TakenOut):
    items = fields.List(fields.Nested(_UnitOut))


class CollectionsByAgentOut(_DaysOut, TakenOut):
    items = fields.List(fields.Nested(_AgentOut))


class EarnedOut(Schema):
    cycles = fields.Integer()
    agent_amount = fields.Integer()
    business_amount = fields.Integer()


class _AgentEarnedOut(_WhoOut, EarnedOut):
    pass


class CommissionsByAgentOut(_DaysOut, EarnedOut):
    items = fields.List(fields.Nested(_AgentEarnedOut))


class CashOut(_WhoOut):
    currency = Currency()
    amount = fields.Integer(metadata={"description": "what they hold and have not handed over"})
    oldest_at = fields.DateTime(metadata={"description": "when the oldest of it was taken in, first in, first out"})
    days = fields.Integer(metadata={"description": "business days since then"})


class _UnpaidOut(Schema):
    accounts = fields.Integer()
    slots = fields.Integer()
    amount = fields.Integer()


class _DueOut(Schema):
    slots = fields.Integer()
    amount = fields.Integer()


class _WaitingOut(Schema):
    requests = fields.Integer()
    amount = fields.Integer()


class _HeldOut(Schema):
    agents = fields.Integer()
    amount = fields.Integer()


class DashboardOut(Schema):
    currency = Currency()
    today = fields.Date(metadata={"description": "the business day"})
    collected_today = fields.Nested(TakenOut)
    still_due_today = fields.Nested(
        _DueOut, allow_none=True, metadata={"description": "today's unpaid slots; null: not reckoned yet today"}
    )
    active_accounts = fields.Integer(
        allow_none=True, metadata={"description": "in progress; null: many, and never reckoned yet"}
    )
    approvals_waiting = fields.Nested(_WaitingOut)
    cash_with_agents = fields.Nested(_HeldOut)
    arrears = fields.Nested(
        _UnpaidOut, allow_none=True, metadata={"description": "slots missed before today; null: never reckoned yet"}
    )
    reckoned_at = fields.DateTime(
        allow_none=True,
        metadata={
            "description": "as of when these three are, of a business with many accounts; null: of this moment, or,"
            " where they are null, of no moment yet"
        },
    )
    commission_this_month = fields.Nested(EarnedOut)


class BusinessTotalsOut(Schema):
    id = fields.Integer()
    name = fields.String()
    currency = fields.String()
    is_active = fields.Boolean()
    customers = fields.Integer()
    open_accounts = fields.Integer()
    owed_to_customers = fields.Integer(metadata={"description": "savings and payouts on hold"})
    cash_with_agents = fields.Integer()
    collected_today = fields.Integer(metadata={"description": "on the business's own day"})


class PlatformOut(type(page_of(BusinessTotalsOut()))):
    businesses = fields.Integer(metadata={"description": "all there are"})
    active = fields.Integer()


CashPage = page_of(CashOut())
