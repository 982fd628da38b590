"""Payment accounts and requests as they are sent and shown. Amounts in minor units."""

from marshmallow import fields, validate

from blueprints.payments.rules import Nuban, PayMethod, RequestStatus
from ofektom.schemas import Amount, Choice, Currency, Digits, Id, PageIn, Schema, Text
from ofektom.views import page_of


class BankOut(Schema):
    code = fields.String(metadata={"description": "the `bank_code` of a payment account"})
    name = fields.String()
    nuban = fields.Boolean(metadata={"description": "whether account numbers must carry the right check digit"})


class BanksOut(Schema):
    items = fields.List(fields.Nested(BankOut))


class PaymentAccountIn(Schema):
    customer_id = Id(load_default=None, metadata={"description": "default: yourself, if you are a customer"})
    bank_code = Digits(lengths=(3, 5, 6), required=True, metadata={"description": "3, 5 or 6 digits", "example": "011"})
    account_number = Digits(lengths=(10,), required=True, metadata={"description": "NUBAN", "example": "0000014579"})
    account_name = Text(longest=120, required=True, metadata={"example": "Funke Bello"})


class PaymentAccountOut(Schema):
    id = fields.Integer()
    customer_id = fields.Integer()
    bank_code = fields.String()
    account_number = fields.String()
    account_name = fields.String()
    nuban = Choice(Nuban, metadata={"description": "valid, doubtful or unchecked"})
    usable_from = fields.DateTime()
    created_at = fields.DateTime()


class PaymentAccountsQuery(PageIn):
    customer_id = Id(from_text=True, load_default=None)


class RequestIn(Schema):
    account_id = Id(required=True, metadata={"description": "the savings account"})
    amount = Amount(load_default=None, metadata={"description": "default: all that is available", "example": 10_000})
    method = Choice(PayMethod, load_default=PayMethod.CASH.value)
    payment_account_id = Id(load_default=None, metadata={"description": "for a transfer"})


class RequestOut(Schema):
    currency = Currency()
    id = fields.Integer()
    account_id = fields.Integer()
    customer_id = fields.Integer()
    amount = fields.Integer()
    method = Choice(PayMethod)
    payment_account_id = fields.Integer(allow_none=True)
    status = Choice(RequestStatus)
    approvals = fields.Integer()
    approvals_needed = fields.Integer()
    requested_by_id = fields.Integer()
    requested_at = fields.DateTime()
    decided_by_id = fields.Integer(allow_none=True)
    decided_at = fields.DateTime(allow_none=True)
    reason = fields.String(allow_none=True)
    paid_by_id = fields.Integer(allow_none=True)
    paid_at = fields.DateTime(allow_none=True)
    bank_reference = fields.String(allow_none=True)


class RequestsQuery(PageIn):
    status = Choice(RequestStatus, load_default=None)
    account_id = Id(from_text=True, load_default=None)
    customer_id = Id(from_text=True, load_default=None)


class CodeOut(Schema):
    code = fields.String(metadata={"description": "6 digits, shown only now"})
    expires_at = fields.DateTime()


class CodeSentOut(Schema):
    sent_to = fields.String(metadata={"description": "the last four digits of the customer's phone"})
    expires_at = fields.DateTime()


class CashIn(Schema):
    code = Digits(lengths=(6,), required=True, metadata={"description": "the customer's one-time code"})


class TransferIn(Schema):
    bank_reference = fields.String(
        required=True,
        validate=validate.Regexp(r"\A[A-Za-z0-9][A-Za-z0-9._/-]{3,59}\Z"),
        metadata={"description": "the bank's own reference of the executed transfer", "example": "FT-2026-0001"},
    )


PaymentAccountPage = page_of(PaymentAccountOut())
RequestPage = page_of(RequestOut())
