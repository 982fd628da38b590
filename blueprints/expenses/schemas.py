"""Expenses and expense cards as they are sent and shown. Amounts in minor units."""

from marshmallow import fields

from blueprints.expenses.rules import Category, ExpenseStatus, ItemCategory, ItemStatus, PaidFrom
from ofektom.schemas import Amount, Choice, Currency, Day, Id, PageIn, Schema, StrictBoolean, Text
from ofektom.views import page_of


class ExpenseIn(Schema):
    amount = Amount(required=True)
    category = Choice(Category, required=True)
    note = Text(longest=300, lines=True, required=True, metadata={"description": "what it was for"})
    receipt_number = Text(longest=60, load_default=None)
    paid_from = Choice(
        PaidFrom,
        load_default=None,
        metadata={"description": "default: the office's cash for admins, for others what they hold themselves"},
    )


class ExpenseOut(Schema):
    currency = Currency()
    id = fields.Integer()
    spender_id = fields.Integer()
    paid_from = Choice(PaidFrom)
    category = Choice(Category)
    amount = fields.Integer()
    note = fields.String()
    receipt_number = fields.String(allow_none=True)
    status = Choice(ExpenseStatus, metadata={"description": "requested: no money has moved yet"})
    needs_approval = fields.Boolean(metadata={"description": "above the business's limit when it was asked for"})
    business_day = fields.Date(metadata={"description": "on which the money moved; until then of the request"})
    at = fields.DateTime()
    decided_by_id = fields.Integer(allow_none=True)
    decided_at = fields.DateTime(allow_none=True)
    reversed_by_id = fields.Integer(allow_none=True)
    reversed_at = fields.DateTime(allow_none=True)
    reason = fields.String(allow_none=True, metadata={"description": "why it was rejected or reversed"})


class TotalsQuery(Schema):
    since = Day(required=True, metadata={"description": "first business day"})
    until = Day(required=True, metadata={"description": "last business day"})
    spender_id = Id(from_text=True, load_default=None)


class ExpensesQuery(PageIn):
    since = Day(load_default=None, metadata={"description": "first business day"})
    until = Day(load_default=None, metadata={"description": "last business day"})
    spender_id = Id(from_text=True, load_default=None)
    status = Choice(ExpenseStatus, load_default=None)
    category = Choice(Category, load_default=None)


class ExpenseTotalOut(Schema):
    category = Choice(Category)
    expenses = fields.Integer(metadata={"description": "how many"})
    amount = fields.Integer()


class ExpenseTotalsOut(Schema):
    currency = Currency()
    since = fields.Date()
    until = fields.Date()
    expenses = fields.Integer(metadata={"description": "how many; neither waiting nor taken back"})
    amount = fields.Integer()
    items = fields.List(fields.Nested(ExpenseTotalOut))


class IncomeIn(Schema):
    amount = Amount(required=True)
    source = Text(longest=120, required=True, metadata={"description": "where the money came from"})


class ExpenseCardIn(IncomeIn):
    customer_id = Id(load_default=None, metadata={"description": "default: yourself, if you are a customer"})
    name = Text(longest=80, required=True)


class ExpenseCardOfAccountIn(Schema):
    name = Text(longest=80, required=True)


class ExpenseCardOut(Schema):
    currency = Currency()
    id = fields.Integer()
    customer_id = fields.Integer()
    name = fields.String()
    account_id = fields.Integer(allow_none=True, metadata={"description": "the savings account paid out into it"})
    income = fields.Integer()
    spent = fields.Integer()
    left = fields.Integer(metadata={"description": "income less what was spent; plans take nothing away"})
    created_at = fields.DateTime()


class CategoryProgressOut(Schema):
    category = Choice(ItemCategory)
    planned = fields.Integer(metadata={"description": "still planned"})
    spent = fields.Integer()


class ProgressOut(ExpenseCardOut):
    planned = fields.Integer(metadata={"description": "still planned; may be more than is left"})
    categories = fields.List(fields.Nested(CategoryProgressOut))


class CardsQuery(PageIn):
    customer_id = Id(from_text=True, load_default=None)


class IncomeOut(Schema):
    currency = Currency()
    id = fields.Integer()
    card_id = fields.Integer()
    amount = fields.Integer()
    source = fields.String()
    created_by_id = fields.Integer()
    at = fields.DateTime()


class ExpenseItemIn(Schema):
    name = Text(longest=120, required=True)
    category = Choice(ItemCategory, required=True)
    amount = Amount(required=True)
    planned = StrictBoolean(load_default=False, metadata={"description": "only planned; default: spent already"})


class SpendItemIn(Schema):
    amount = Amount(load_default=None, metadata={"description": "what it really cost; default: as planned"})


class ExpenseItemOut(Schema):
    currency = Currency()
    id = fields.Integer()
    card_id = fields.Integer()
    name = fields.String()
    category = Choice(ItemCategory)
    status = Choice(ItemStatus)
    planned_amount = fields.Integer(allow_none=True)
    spent_amount = fields.Integer(allow_none=True)
    created_at = fields.DateTime()
    spent_at = fields.DateTime(allow_none=True)


class ItemsQuery(PageIn):
    status = Choice(ItemStatus, load_default=None)
    category = Choice(ItemCategory, load_default=None)


ExpensePage = page_of(ExpenseOut())
ExpenseCardPage = page_of(ExpenseCardOut())
IncomePage = page_of(IncomeOut())
ExpenseItemPage = page_of(ExpenseItemOut())
