"""Reads of payment accounts and requests, within the caller's sight."""

from sqlalchemy import Select, and_, func, select

from blueprints.payments.models import PaymentAccount, PaymentApproval, PaymentRequest
from blueprints.users.queries import in_sight
from ofektom import paging
from ofektom.errors import NotFound
from ofektom.extensions import db
from ofektom.identity import Actor, Membership

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
    query = _visible_accounts(actor).where(PaymentAccount.id == payment_account_id)
    row = db.session.execute(query).mappings().first()
    if row is None:
        raise NotFound
    return dict(row)


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
    row = db.session.execute(_visible_requests(actor).where(PaymentRequest.id == request_id)).mappings().first()
    if row is None:
        raise NotFound
    return dict(row)


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
    query = query.with_for_update(of=PaymentRequest, key_share=True).execution_options(populate_existing=True)
    found = db.session.scalar(query)
    if found is None:
        raise NotFound
    return found


def approvals_of(found: PaymentRequest) -> int:
    """How many people have approved."""
    own = (PaymentApproval.business_id == found.business_id) & (PaymentApproval.request_id == found.id)
    return db.session.scalar(select(func.count()).where(own))
