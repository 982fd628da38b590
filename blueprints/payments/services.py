"""Verbs of paying out: request, approve, reject, cancel, pay. Money moves once and only for a decided request."""

import hmac
import math
import secrets
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import select, update

from blueprints.payments import queries
from blueprints.payments.models import PaymentAccount, PaymentApproval, PaymentRequest
from blueprints.payments.rules import (
    CODE_MINUTES,
    CODE_PAUSE,
    HOLDING,
    CodeJustSent,
    CoolingDown,
    NotAvailable,
    NotCancellable,
    OnlyInFull,
    OwnRequest,
    PayMethod,
    RequestStatus,
    UnknownPaymentAccount,
    WrongCode,
    WrongMethod,
    WrongStatus,
    approvals_needed,
    nuban,
)
from blueprints.savings.queries import Card, locked_card
from blueprints.savings.rules import NotACustomer, State
from blueprints.savings.services import act_on, settlement, write
from blueprints.settings.models import BusinessSettings
from blueprints.settings.rules import AccountKind
from blueprints.users.queries import in_sight
from ofektom import audit, clock, credentials, ledger
from ofektom.database import verb
from ofektom.errors import NotFound
from ofektom.extensions import db
from ofektom.identity import Actor, Membership, Role
from ofektom.ledger import Account, Entry, Movement
from ofektom.money import MAX_AMOUNT
from ofektom.outbox import Tell

HOLD = Account(AccountKind.PAYOUT_HOLD)


@verb
def add_payment_account(
    *, actor: Actor, customer_id: int | None, bank_code: str, account_number: str, account_name: str
) -> dict:
    """Note where a customer wants to be paid; usable after the cool-down.

    Raises NotACustomer, InvalidNuban, AccountExists.
    """
    customer_id = customer_id or actor.membership_id
    mine = select(Membership.id).where(in_sight(actor), Membership.id == customer_id, Membership.role == Role.CUSTOMER)
    if db.session.scalar(mine) is None:
        raise NotACustomer
    hours = db.session.get(BusinessSettings, actor.business_id).cooldown_hours
    now = clock.read_now()
    account = PaymentAccount(
        business_id=actor.business_id,
        customer_id=customer_id,
        bank_code=bank_code,
        account_number=account_number,
        account_name=account_name,
        nuban=nuban(bank_code, account_number),
        usable_from=now + timedelta(hours=hours),
        created_at=now,
    )
    db.session.add(account)
    db.session.flush()
    facts = {"customer_id": customer_id, "bank_code": bank_code, "last_digits": account_number[-4:]}
    audit.record("payment_accounts.added", "payment_account", account.id, actor=actor, after=facts)
    return queries.payment_account(actor, account.id)


@verb
def remove_payment_account(*, actor: Actor, payment_account_id: int) -> None:
    """No longer offer a payment account; requests that name it keep it. Raises NotFound."""
    queries.payment_account(actor, payment_account_id)
    mine = (PaymentAccount.business_id == actor.business_id) & (PaymentAccount.id == payment_account_id)
    removed = update(PaymentAccount).where(mine, PaymentAccount.removed_at.is_(None)).values(removed_at=clock.now())
    if not db.session.execute(removed.execution_options(synchronize_session=False)).rowcount:
        raise NotFound
    audit.record("payment_accounts.removed", "payment_account", payment_account_id, actor=actor)


@verb
def request_payment(
    *, actor: Actor, account_id: int, amount: int | None, method: str, payment_account_id: int | None
) -> dict:
    """Ask for money of an account; it is on hold from now on. `amount` None asks for all that is available.

    Raises NotFound, NotAvailable, OnlyInFull, WrongMethod, UnknownPaymentAccount.
    """
    card = locked_card(actor, account_id)
    _check_destination(actor, card, method, payment_account_id)
    settled = settlement(actor, card, f"request:{secrets.token_hex(8)}")
    amount = _check_amount(settled.card, amount)
    from_credit = settled.card.taken_from_credit(amount)
    settings = db.session.get(BusinessSettings, actor.business_id)
    found = PaymentRequest(
        business_id=actor.business_id,
        account_id=account_id,
        customer_id=card.row["customer_id"],
        amount=amount,
        from_credit=from_credit,
        method=method,
        payment_account_id=payment_account_id,
        status=RequestStatus.REQUESTED,
        approvals_needed=approvals_needed(amount, settings.two_approvers_above),
        requested_by_id=actor.membership_id,
        requested_at=card.now,
    )
    db.session.add(found)
    db.session.flush()
    hold = _entry("payment.requested", found, Account(AccountKind.SAVINGS, account_id), HOLD)
    ledger.post(act_on(actor, card), *settled.entries, hold)
    settled.record()
    write(card, credit=card.row["credit"] - from_credit)
    facts = {"account_id": account_id, "amount": amount, "method": method, "commission": settled.total}
    tell = _told("payments.requested", actor, found, balance=settled.card.balance - amount)
    audit.record("payments.requested", "payment_request", found.id, actor=actor, after=facts, tell=tell)
    return queries.request(actor, found.id)


def _told(topic: str, actor: Actor, found: PaymentRequest, **more) -> list[Tell]:
    facts = {"request_id": found.id, "account_id": found.account_id, "amount": found.amount, "method": found.method}
    facts |= {"currency": actor.currency, "by_member_id": actor.membership_id} | more
    return [Tell(topic, found.customer_id, facts)]


def _check_destination(actor: Actor, card: Card, method: str, payment_account_id: int | None) -> None:
    if (method == PayMethod.TRANSFER) != (payment_account_id is not None):
        raise WrongMethod("a transfer needs a payment account, cash needs none")
    if payment_account_id is None:
        return
    mine = select(PaymentAccount.id).where(
        PaymentAccount.business_id == actor.business_id,
        PaymentAccount.customer_id == card.row["customer_id"],
        PaymentAccount.id == payment_account_id,
        PaymentAccount.removed_at.is_(None),
    )
    if db.session.scalar(mine) is None:
        raise UnknownPaymentAccount


def _check_amount(card: Card, amount: int | None) -> int:
    available = card.available()
    wanted = min(available, MAX_AMOUNT) if amount is None else amount
    if wanted > available or available == 0:
        raise NotAvailable(available=available)
    if wanted < available and not card.row["partial_payouts"]:
        raise OnlyInFull(available=available)
    return wanted


def _entry(kind: str, found: PaymentRequest, source: Account, destination: Account, reference: str = "") -> Entry:
    """The entry that a step of a request makes. Each step has its own reference, so none happens twice."""
    return Entry(kind, reference or f"{kind}:{found.id}", [Movement(source, destination, found.amount)])


@verb
def approve(*, actor: Actor, request_id: int) -> dict:
    """Say yes to a request; it is approved when enough people have. Raises NotFound, WrongStatus, OwnRequest,
    AlreadyApproved, CoolingDown.
    """
    found = queries.locked_request(actor, request_id)
    if found.status != RequestStatus.REQUESTED:
        raise WrongStatus(status_now=found.status)
    if found.requested_by_id == actor.membership_id:
        raise OwnRequest
    _check_cooled_down(found)
    now = clock.read_now()
    approval = PaymentApproval(
        business_id=found.business_id,
        request_id=found.id,
        requested_by_id=found.requested_by_id,
        approver_id=actor.membership_id,
        at=now,
    )
    db.session.add(approval)
    db.session.flush()
    tell = []
    if queries.approvals_of(found) >= found.approvals_needed:
        _decide(actor, found, RequestStatus.REQUESTED, RequestStatus.APPROVED)
        tell = _told("payments.approved", actor, found)
    after = {"status": found.status}
    audit.record("payments.approved", "payment_request", request_id, actor=actor, after=after, tell=tell)
    return queries.request(actor, request_id)


def _check_cooled_down(found: PaymentRequest) -> None:
    if found.payment_account_id is None:
        return
    account = db.session.get(PaymentAccount, (found.business_id, found.payment_account_id))
    if account.usable_from > clock.read_now():
        raise CoolingDown(usable_from=account.usable_from.isoformat())


def _decide(
    actor: Actor, found: PaymentRequest, before: RequestStatus, after: RequestStatus, reason: str | None = None
) -> None:
    """Move a request from one status to the next, if it is still in the first: of two deciders one wins."""
    mine = (PaymentRequest.business_id == found.business_id) & (PaymentRequest.id == found.id)
    values = {"status": after, "decided_by_id": actor.membership_id, "decided_at": clock.now(), "reason": reason}
    decided = update(PaymentRequest).where(mine, PaymentRequest.status == before).values(values)
    if not db.session.execute(decided.execution_options(synchronize_session=False)).rowcount:
        raise WrongStatus
    db.session.refresh(found)


def _give_back(actor: Actor, request_id: int, allowed: tuple, after: RequestStatus, reason: str) -> dict:
    """End a request unpaid: its amount returns from the hold to the savings, and to the credit what came from it."""
    card, found = _locked(actor, request_id)
    if found.status not in allowed:
        raise WrongStatus(status_now=found.status)
    before = found.status
    _decide(actor, found, before, after, reason)
    savings = Account(AccountKind.SAVINGS, found.account_id)
    ledger.post(act_on(actor, card), _entry(f"payment.{after}", found, HOLD, savings))
    write(card, credit=card.row["credit"] + found.from_credit)
    change = {"status": after, "reason": reason}
    action, was = f"payments.{after}", {"status": before}
    tell = _told(action, actor, found, balance=card.balance + found.amount, reason=reason)
    audit.record(action, "payment_request", request_id, actor=actor, before=was, after=change, tell=tell)
    return queries.request(actor, request_id)


@verb
def reject(*, actor: Actor, request_id: int, reason: str) -> dict:
    """Say no to a request. Raises NotFound, WrongStatus."""
    return _give_back(actor, request_id, (RequestStatus.REQUESTED,), RequestStatus.REJECTED, reason)


@verb
def cancel(*, actor: Actor, request_id: int, reason: str) -> dict:
    """Withdraw a request that is not paid yet. Raises NotFound, NotCancellable, WrongStatus."""
    found = queries.request(actor, request_id)
    entitled = {found["requested_by_id"], found["customer_id"]}
    if actor.role != Role.ADMIN and actor.membership_id not in entitled:
        raise NotCancellable
    return _give_back(actor, request_id, HOLDING, RequestStatus.CANCELLED, reason)


@verb
def fail(*, actor: Actor, request_id: int, reason: str) -> dict:
    """Record that an approved transfer did not go through. Raises NotFound, WrongMethod, WrongStatus."""
    if queries.request(actor, request_id)["method"] != PayMethod.TRANSFER:
        raise WrongMethod
    return _give_back(actor, request_id, (RequestStatus.APPROVED,), RequestStatus.FAILED, reason)


@verb
def make_code(*, actor: Actor, request_id: int) -> dict:
    """A new one-time code with which the customer proves a cash payment; the last one stops working.

    Raises NotFound, WrongMethod, WrongStatus.
    """
    found = queries.locked_request(actor, request_id)
    _check_payable_in_cash(found)
    code = credentials.secret_of(_new_code(found, clock.read_now()))
    audit.record("payments.code_made", "payment_request", request_id, actor=actor)
    return {"code": code, "expires_at": found.code_expires_at}


def _check_payable_in_cash(found: PaymentRequest) -> None:
    if found.method != PayMethod.CASH:
        raise WrongMethod
    if found.status != RequestStatus.APPROVED:
        raise WrongStatus(status_now=found.status)


def _new_code(found: PaymentRequest, now: datetime) -> str:
    """Give a request a new code; returns its seed."""
    seed = credentials.new_seed("code")
    found.code_hash = _code_hash(found, credentials.secret_of(seed))
    found.code_expires_at = now + timedelta(minutes=CODE_MINUTES)
    db.session.flush()
    return seed


@verb
def send_code(*, actor: Actor, request_id: int) -> dict:
    """Send the customer a new one-time code by SMS; whoever asks for it never sees it, nor does the database.

    Returns {"sent_to": the end of the number, "expires_at": ...}. Raises NotFound, WrongMethod, WrongStatus,
    CodeNotSendable, CodeJustSent.
    """
    found = queries.locked_request(actor, request_id)
    _check_payable_in_cash(found)
    now = clock.read_now()
    if found.code_expires_at is not None:
        age = now - (found.code_expires_at - timedelta(minutes=CODE_MINUTES))
        if age < CODE_PAUSE:
            raise CodeJustSent(retry_after=math.ceil((CODE_PAUSE - age).total_seconds()))
    phone = queries.phone_for_codes(found, now)
    seed = _new_code(found, now)
    told = _told("payments.code", actor, found, expires_at=found.code_expires_at, phone=phone)
    tell = [replace(item, seed=seed) for item in told]
    sent_to = phone[-4:]
    after = {"sent_to": sent_to}
    audit.record("payments.code_sent", "payment_request", request_id, actor=actor, after=after, tell=tell)
    return {"sent_to": sent_to, "expires_at": found.code_expires_at}


def _code_hash(found: PaymentRequest, code: str) -> str:
    return credentials.keyed_hash(f"payment-code:{found.business_id}:{found.id}:{code}")


@verb
def pay_cash(*, actor: Actor, request_id: int, code: str) -> dict:
    """Hand the money over: an admin from the office's cash, a collector from what they hold.

    The customer's code proves that the money arrived. Raises NotFound, WrongMethod, WrongStatus, WrongCode,
    TooManyGuesses, InsufficientFunds.
    """
    card, found = _locked(actor, request_id)
    _check_payable_in_cash(found)
    _check_code(found, code)
    own_cash = Account(AccountKind.AGENT_CASH, actor.membership_id)
    _pay(actor, card, found, Account(AccountKind.BUSINESS_CASH) if actor.role == Role.ADMIN else own_cash)
    return queries.request(actor, request_id)


def _check_code(found: PaymentRequest, code: str) -> None:
    """A wrong code costs a guess, which WrongCode keeps although this act is refused."""
    subject = f"payment-code:{found.business_id}:{found.id}"
    credentials.spend_guess(subject)
    fresh = found.code_expires_at is not None and found.code_expires_at > clock.read_now()
    if not fresh or not hmac.compare_digest(found.code_hash, _code_hash(found, code)):
        credentials.note_wrong_guess(subject)
        raise WrongCode
    credentials.refund_guess(subject)


@verb
def pay_transfer(*, actor: Actor, request_id: int, bank_reference: str) -> dict:
    """Record that the bank has executed the transfer, by the bank's own reference, which counts once.

    Raises NotFound, WrongMethod, WrongStatus, CoolingDown, DuplicateReference.
    """
    card, found = _locked(actor, request_id)
    if found.method != PayMethod.TRANSFER:
        raise WrongMethod
    _check_cooled_down(found)
    _pay(actor, card, found, Account(AccountKind.BANK), bank_reference=bank_reference)
    return queries.request(actor, request_id)


def _pay(
    actor: Actor, card: Card, found: PaymentRequest, destination: Account, bank_reference: str | None = None
) -> None:
    mine = (PaymentRequest.business_id == found.business_id) & (PaymentRequest.id == found.id)
    values = {"status": RequestStatus.PAID, "paid_at": card.now, "paid_by_id": actor.membership_id}
    values |= {"bank_reference": bank_reference, "code_hash": None, "code_expires_at": None}
    paid = update(PaymentRequest).where(mine, PaymentRequest.status == RequestStatus.APPROVED).values(values)
    if not db.session.execute(paid.execution_options(synchronize_session=False)).rowcount:
        raise WrongStatus(status_now=found.status)
    reference = f"transfer:{bank_reference}" if bank_reference else ""
    ledger.post(act_on(actor, card), _entry("payment.paid", found, HOLD, destination, reference))
    _close_if_empty(card)
    facts = {"status": RequestStatus.PAID, "amount": found.amount, "bank_reference": bank_reference}
    tell = _told("payments.paid", actor, found, balance=card.balance)
    audit.record("payments.paid", "payment_request", found.id, actor=actor, after=facts, tell=tell)


def _locked(actor: Actor, request_id: int) -> tuple[Card, PaymentRequest]:
    """A request with the card of its account, both locked; raises NotFound.

    Every act on an account locks it first, so that acts on one account follow each other and never deadlock.
    """
    card = locked_card(actor, queries.request(actor, request_id)["account_id"])
    return card, queries.locked_request(actor, request_id)


def _close_if_empty(card: Card) -> None:
    """A completed account whose money has all been paid out, with nothing on hold, is paid out."""
    if card.row["state"] != State.COMPLETED or card.balance:
        return
    waiting = select(PaymentRequest.id).where(
        PaymentRequest.business_id == card.business_id,
        PaymentRequest.account_id == card.id,
        PaymentRequest.status.in_(HOLDING),
    )
    if db.session.scalar(waiting.limit(1)) is None:
        write(card, state=State.PAID_OUT)
