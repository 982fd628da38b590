"""Proofs and statements as they are shown. Amounts in minor units."""

from marshmallow import fields

from ofektom.schemas import Currency, LedgerLineOut, PageIn, PeriodIn, Schema


class TrialLineOut(Schema):
    kind = fields.String()
    debit = fields.Integer()
    credit = fields.Integer()


class TrialBalanceOut(Schema):
    currency = Currency()
    lines = fields.List(fields.Nested(TrialLineOut))
    debits = fields.Integer()
    credits = fields.Integer()
    balanced = fields.Boolean()


class FourPotsOut(Schema):
    currency = Currency()
    customer_liabilities = fields.Integer(metadata={"description": "savings and payouts on hold"})
    business_cash_and_bank = fields.Integer()
    agents_cash = fields.Integer()
    gateway_clearing = fields.Integer()
    income = fields.Integer()
    commission_payable = fields.Integer()
    over_short = fields.Integer()
    expenses = fields.Integer(metadata={"description": "what was spent, below zero"})
    covered = fields.Integer(metadata={"description": "what the pots hold for customers"})
    difference = fields.Integer(metadata={"description": "liabilities less what is covered: 0"})


class SavingsStatementQuery(PageIn, PeriodIn):
    pass


class SavingsStatementOut(Schema):
    currency = Currency()
    account_id = fields.Integer()
    tracking_number = fields.String()
    balance = fields.Integer(metadata={"description": "now"})
    available = fields.Integer(metadata={"description": "now"})
    first = fields.Date(data_key="from", attribute="from", allow_none=True)
    last = fields.Date(data_key="to", attribute="to", allow_none=True)
    opening_balance = fields.Integer(metadata={"description": "before the first day"})
    total_in = fields.Integer(metadata={"description": "what came in on those days"})
    total_out = fields.Integer(metadata={"description": "what went out on those days"})
    closing_balance = fields.Integer(metadata={"description": "after the last day: opening + in - out"})
    lines = fields.Integer(metadata={"description": "movements on those days, on all pages"})
    items = fields.List(fields.Nested(LedgerLineOut))
    next = fields.String(allow_none=True)
