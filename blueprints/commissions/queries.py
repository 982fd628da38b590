"""Reads of commissions, within the caller's sight."""

from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import func, select

from blueprints.commissions.models import Commission
from blueprints.commissions.rules import CommissionStatus
from blueprints.settings.rules import AccountKind
from blueprints.users.queries import by_staff_in_sight, in_sight
from ofektom import ledger, paging
from ofektom.errors import NotFound
from ofektom.extensions import db
from ofektom.identity import Actor, Membership, Role

COLUMNS = (
    Commission.id,
    Commission.account_id,
    Commission.cycle,
    Commission.agent_id,
    Commission.agent_amount,
    Commission.business_amount,
    Commission.status,
    Commission.at,
)
A_DAY = timedelta(days=1)


def commissions(actor: Actor, *, limit: int, cursor: str | None, agent_id: int | None, account_id: int | None) -> dict:
    """A page of commissions of the collectors in the actor's sight, newest first."""
    query = select(*COLUMNS).where(by_staff_in_sight(actor, Commission.agent_id))
    if agent_id is not None:
        query = query.where(Commission.agent_id == agent_id)
    if account_id is not None:
        query = query.where(Commission.account_id == account_id)
    return paging.page(query, Commission.id, limit=limit, cursor=cursor, newest_first=True)


def statement(actor: Actor, agent_id: int, *, since: date | None, until: date | None, limit: int, cursor: str | None):
    """What the business owes a collector, with the sums of a period (inclusive days) and the ledger's movements.

    Raises NotFound for somebody out of sight or who earns no commission.
    """
    visible = select(Membership.id).where(in_sight(actor), Membership.id == agent_id, Membership.role != Role.CUSTOMER)
    if db.session.scalar(visible) is None:
        raise NotFound
    account = ledger.Account(AccountKind.COMMISSION_PAYABLE, agent_id)
    page = ledger.statement(actor.business_id, account, limit=limit, cursor=cursor)
    balance = ledger.balance_of(actor.business_id, account)
    return page | {"agent_id": agent_id, "balance": balance} | _sums(actor, agent_id, since, until)


def _sums(actor: Actor, agent_id: int, since: date | None, until: date | None) -> dict:
    day = func.date(func.timezone(actor.timezone, Commission.at))
    query = select(
        func.count().label("cycles"),
        func.coalesce(func.sum(Commission.agent_amount), 0).label("agent_amount"),
        func.coalesce(func.sum(Commission.business_amount), 0).label("business_amount"),
    ).where(
        Commission.business_id == actor.business_id,
        Commission.agent_id == agent_id,
        Commission.status == CommissionStatus.EARNED,
    )
    # The day is exact but cannot be looked up in an index; the time can, and no zone is a day off.
    if since:
        query = query.where(day >= since, Commission.at >= _midnight(since) - A_DAY)
    if until:
        query = query.where(day <= until, Commission.at < _midnight(until) + 2 * A_DAY)
    row = db.session.execute(query).one()
    return {name: int(value) for name, value in row._mapping.items()}


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
