"""/banks, /payment-accounts and /payments: where customers are paid, and their requests until they are."""

from blueprints.payments import queries, schemas, services
from blueprints.payments.rules import (
    AccountExists,
    AlreadyApproved,
    CodeJustSent,
    CodeNotSendable,
    CoolingDown,
    InvalidNuban,
    NotAvailable,
    NotCancellable,
    OnlyInFull,
    OwnRequest,
    UnknownPaymentAccount,
    WrongCode,
    WrongMethod,
    WrongStatus,
    banks,
)
from blueprints.savings.rules import NotACustomer
from ofektom.auth import PUBLIC
from ofektom.credentials import TooManyGuesses
from ofektom.errors import NotFound
from ofektom.examples import Example
from ofektom.ledger import DuplicateReference, InsufficientFunds
from ofektom.schemas import ReasonIn
from ofektom.views import Slice

bp = Slice("payments", __name__)

AN_HOUR = 3600
REQUEST = schemas.RequestOut()


@bp.get("/banks", access=PUBLIC, public_for=AN_HOUR, answer=schemas.BanksOut())
def list_banks():
    """Banks to choose from and their codes."""
    return {"items": banks()}


@bp.get(
    "/payment-accounts",
    access="payments.read",
    query=schemas.PaymentAccountsQuery(),
    answer=schemas.PaymentAccountPage,
)
def payment_accounts(actor, query):
    """Payment accounts of the customers you may see."""
    return queries.payment_accounts(actor, **query)


@bp.post(
    "/payment-accounts",
    access="payments.request",
    body=schemas.PaymentAccountIn(),
    answer=schemas.PaymentAccountOut(),
    errors=[NotACustomer, InvalidNuban, AccountExists],
    example=Example(body={"customer_id": 4}),
)
def add_payment_account(actor, body):
    """Note a customer's bank account. It can be paid to after the business's cool-down."""
    return services.add_payment_account(actor=actor, **body)


@bp.get("/payment-accounts/<id:payment_account_id>", access="payments.read", answer=schemas.PaymentAccountOut())
def payment_account(actor, payment_account_id):
    """One payment account."""
    return queries.payment_account(actor, payment_account_id)


@bp.delete("/payment-accounts/<id:payment_account_id>", access="payments.request")
def remove_payment_account(actor, payment_account_id):
    """No longer offer a payment account. Requests that name it keep it."""
    services.remove_payment_account(actor=actor, payment_account_id=payment_account_id)


@bp.get("/payments", access="payments.read", query=schemas.RequestsQuery(), answer=schemas.RequestPage)
def requests(actor, query):
    """Payment requests you may see, newest first."""
    return queries.requests(actor, **query)


@bp.post(
    "/payments",
    access="payments.request",
    body=schemas.RequestIn(),
    answer=REQUEST,
    idempotent=True,
    dry_run=True,
    errors=[NotFound, NotAvailable, OnlyInFull, WrongMethod, UnknownPaymentAccount],
)
def request_payment(actor, body):
    """Ask for money of a savings account. It is on hold from now on."""
    return services.request_payment(actor=actor, **body)


@bp.get("/payments/<id:request_id>", access="payments.read", answer=REQUEST)
def request(actor, request_id):
    """One payment request."""
    return queries.request(actor, request_id)


@bp.post(
    "/payments/<id:request_id>/approve",
    access="payments.decide",
    status=200,
    answer=REQUEST,
    idempotent=True,
    errors=[WrongStatus, OwnRequest, AlreadyApproved, CoolingDown],
)
def approve(actor, request_id):
    """Say yes to somebody else's request. Above the business's limit two people must."""
    return services.approve(actor=actor, request_id=request_id)


@bp.post(
    "/payments/<id:request_id>/reject",
    access="payments.decide",
    status=200,
    body=ReasonIn(),
    answer=REQUEST,
    idempotent=True,
    errors=[WrongStatus],
)
def reject(actor, request_id, body):
    """Say no to a request. The money returns to the savings."""
    return services.reject(actor=actor, request_id=request_id, **body)


@bp.post(
    "/payments/<id:request_id>/cancel",
    access="payments.request",
    status=200,
    body=ReasonIn(),
    answer=REQUEST,
    idempotent=True,
    errors=[WrongStatus, NotCancellable],
)
def cancel(actor, request_id, body):
    """Withdraw a request that is not paid yet. The money returns to the savings."""
    return services.cancel(actor=actor, request_id=request_id, **body)


@bp.post(
    "/payments/<id:request_id>/code",
    access="payments.code",
    answer=schemas.CodeOut(),
    errors=[WrongMethod, WrongStatus],
    example=Example(path={"request_id": 2}),
)
def make_code(actor, request_id):
    """The one-time code you tell whoever hands you the cash, once you have it."""
    return services.make_code(actor=actor, request_id=request_id)


@bp.post(
    "/payments/<id:request_id>/send-code",
    access="payments.pay_cash",
    answer=schemas.CodeSentOut(),
    errors=[WrongMethod, WrongStatus, CodeNotSendable, CodeJustSent],
    example=Example(path={"request_id": 2}, refused=CodeNotSendable, why="the sample has no carrier of SMS"),
)
def send_code(actor, request_id):
    """Send the customer a new one-time code by SMS, to be told to you once they have the cash."""
    return services.send_code(actor=actor, request_id=request_id)


@bp.post(
    "/payments/<id:request_id>/pay-cash",
    access="payments.pay_cash",
    status=200,
    body=schemas.CashIn(),
    answer=REQUEST,
    idempotent=True,
    errors=[WrongMethod, WrongStatus, WrongCode, TooManyGuesses, InsufficientFunds],
    example=Example(path={"request_id": 2}, refused=WrongCode, why="the code is the customer's"),
)
def pay_cash(actor, request_id, body):
    """Hand the cash over, proved by the customer's code: admins from the office, collectors from what they hold."""
    return services.pay_cash(actor=actor, request_id=request_id, **body)


@bp.post(
    "/payments/<id:request_id>/pay-transfer",
    access="payments.pay_transfer",
    status=200,
    body=schemas.TransferIn(),
    answer=REQUEST,
    idempotent=True,
    errors=[WrongMethod, WrongStatus, CoolingDown, DuplicateReference],
    example=Example(path={"request_id": 3}),
)
def pay_transfer(actor, request_id, body):
    """Record that the bank has executed the transfer."""
    return services.pay_transfer(actor=actor, request_id=request_id, **body)


@bp.post(
    "/payments/<id:request_id>/fail",
    access="payments.pay_transfer",
    status=200,
    body=ReasonIn(),
    answer=REQUEST,
    idempotent=True,
    errors=[WrongMethod, WrongStatus],
    example=Example(path={"request_id": 3}),
)
def fail(actor, request_id, body):
    """Record that an approved transfer did not go through. The money returns to the savings."""
    return services.fail(actor=actor, request_id=request_id, **body)
