"""Commissions as they are shown."""

from marshmallow import fields

from blueprints.commissions.rules import CommissionStatus
from ofektom.schemas import Choice, Currency, Day, Id, LedgerLineOut, PageIn, Schema
from ofektom.views import page_of


class CommissionsQuery(PageIn):
    agent_id = Id(from_text=True, load_default=None)
    account_id = Id(from_text=True, load_default=None)


class StatementQuery(PageIn):
    since = Day(load_default=None, metadata={"description": "first day of the sums"})
    until = Day(load_default=None, metadata={"description": "last day of the sums"})


class CommissionOut(Schema):
    currency = Currency()
    id = fields.Integer()
    account_id = fields.Integer()
    cycle = fields.Integer()
    agent_id = fields.Integer()
    agent_amount = fields.Integer()
    business_amount = fields.Integer()
    status = Choice(CommissionStatus)
    at = fields.DateTime()


class StatementOut(Schema):
    currency = Currency()
    agent_id = fields.Integer()
    balance = fields.Integer(metadata={"description": "minor units the business owes the collector"})
    cycles = fields.Integer(metadata={"description": "commissions of the period"})
    agent_amount = fields.Integer(metadata={"description": "the collector's part of the period"})
    business_amount = fields.Integer(metadata={"description": "the business's part of the period"})
    items = fields.List(fields.Nested(LedgerLineOut))
    next = fields.String(allow_none=True)


CommissionPage = page_of(CommissionOut())
