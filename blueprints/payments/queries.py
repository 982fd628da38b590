"""Reads of payment accounts and requests, within the caller's sight."""

from datetime import datetime, timedelta

from sqlalchemy import Select, and_, func, or_, select

from blueprints.payments.models import PaymentAccount, PaymentApproval, PaymentRequest
from blueprints.payments.rules import CodeNotSendable
from blueprints.settings.models import BusinessSettings
from blueprints.users.queries import in_sight
from ofektom import paging, sms
from ofektom.database import only, only_row
from ofektom.extensions import db
from ofektom.identity import Actor, Membership, Role, User

HIDDEN = {"code_hash", "code_expires_at", "from_credit"}
ACCOUNT = tuple(PaymentAccount.__table__.c)
REQUEST = tuple(column for column in PaymentRequest.__table__.c if column.name not in HIDDEN)


def _of_customer(model):
    return and_(Membership.business_id == model.business_id, Membership.id == model.customer_id)


def _visible_accounts(actor: Actor) -> Select:
    query = select(*ACCOUNT).join(Membership, _of_customer(PaymentAccount))
    return query.where(in_sight(actor), PaymentAccount.removed_at.is_(None))


def payment_account(actor: Actor, payment_account_id: int) -> dict:
    """One payment account in the actor's sight; raises NotFound."""
    return only_row(_visible_accounts(actor).where(PaymentAccount.id == payment_account_id))


def payment_accounts(actor: Actor, *, limit: int, cursor: str | None, customer_id: int | None) -> dict:
    """A page of payment accounts."""
    query = _visible_accounts(actor)
    if customer_id is not None:
        query = query.where(PaymentAccount.customer_id == customer_id)
    return paging.page(query, PaymentAccount.id, limit=limit, cursor=cursor)


def _visible_requests(actor: Actor) -> Select:
    own = and_(
        PaymentApproval.business_id == PaymentRequest.business_id, PaymentApproval.request_id == PaymentRequest.id
    )
    approvals = select(func.count()).where(own).scalar_subquery().label("approvals")
    return select(*REQUEST, approvals).join(Membership, _of_customer(PaymentRequest)).where(in_sight(actor))


def request(actor: Actor, request_id: int) -> dict:
    """One payment request in the actor's sight; raises NotFound."""
    return only_row(_visible_requests(actor).where(PaymentRequest.id == request_id))


def requests(actor: Actor, *, limit: int, cursor: str | None, **filters) -> dict:
    """A page of payment requests, newest first, filtered by status, account_id or customer_id."""
    query = _visible_requests(actor)
    for name, value in filters.items():
        if value is not None:
            query = query.where(getattr(PaymentRequest, name) == value)
    return paging.page(query, PaymentRequest.id, limit=limit, cursor=cursor, newest_first=True)


def locked_request(actor: Actor, request_id: int) -> PaymentRequest:
    """One payment request in the actor's sight, locked and read afresh; raises NotFound."""
    query = select(PaymentRequest).join(Membership, _of_customer(PaymentRequest))
    query = query.where(in_sight(actor), PaymentRequest.id == request_id)
    return only(query.with_for_update(of=PaymentRequest, key_share=True).execution_options(populate_existing=True))


def approvals_of(found: PaymentRequest) -> int:
    """How many people have approved."""
    own = (PaymentApproval.business_id == found.business_id) & (PaymentApproval.request_id == found.id)
    return db.session.scalar(select(func.count()).where(own))


def phone_for_codes(found: PaymentRequest, now: datetime) -> str:
    """The customer's number, if a code sent there proves anything; raises CodeNotSendable.

    Whoever could choose or read that number could pay the money to themselves: it must not be a colleague's, and one
    that was changed waits as long as a new payment account.
    """
    settings = db.session.get(BusinessSettings, found.business_id)
    if not (sms.is_configured() and settings.sms):
        raise CodeNotSendable("this business sends no SMS")
    customer = db.session.get(Membership, (found.business_id, found.customer_id))
    if customer.phone is None:
        raise CodeNotSendable("the customer has no phone")
    if customer.phone_changed_at and now < customer.phone_changed_at + timedelta(hours=settings.cooldown_hours):
        raise CodeNotSendable("the customer's phone has been changed too recently")
    if _is_phone_of_staff(found.business_id, customer.phone):
        raise CodeNotSendable("the customer's phone is one of the business's own people")
    return customer.phone


def _is_phone_of_staff(business_id: int, phone: str) -> bool:
    known = or_(Membership.phone == phone, User.phone == phone)
    query = select(Membership.id).join(User, User.id == Membership.user_id)
    query = query.where(Membership.business_id == business_id, Membership.role != Role.CUSTOMER, known)
    return db.session.scalar(query.limit(1)) is not None
