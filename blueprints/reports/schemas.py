"""Proofs and statements as they are shown. Amounts in minor units."""

from marshmallow import fields

from ofektom.schemas import Currency, LedgerLineOut, Schema


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


class SavingsStatementOut(Schema):
    currency = Currency()
    account_id = fields.Integer()
    tracking_number = fields.String()
    balance = fields.Integer()
    available = fields.Integer()
    items = fields.List(fields.Nested(LedgerLineOut))
    next = fields.String(allow_none=True)
