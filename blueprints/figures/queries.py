"""Sums over collections, commissions and the ledger: one statement for each report, within the caller's sight."""

from datetime import date, datetime

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Date,
    DateTime,
    FromClause,
    Integer,
    Select,
    and_,
    bindparam,
    cast,
    func,
    select,
    text,
    true,
)
from sqlalchemy.dialects.postgresql import array

from blueprints.arrears.queries import IS_OPEN, standing
from blueprints.businesses.models import Unit
from blueprints.commissions.models import Commission
from blueprints.commissions.rules import CommissionStatus
from blueprints.figures.rules import USUAL_DAYS, period
from blueprints.markings.models import Collection
from blueprints.payments.models import PaymentRequest
from blueprints.payments.rules import RequestStatus
from blueprints.savings.models import SavingsAccount
from blueprints.settings.rules import AccountKind
from blueprints.users.queries import by_staff_in_sight, in_sight
from ofektom import clock, paging, plain
from ofektom.ageing import oldest_held
from ofektom.identity import Actor, Business, Membership, Role, one_of
from ofektom.ledger import LedgerAccount

STAFF = (Role.ADMIN, Role.AGENT, Role.SUB_AGENT)
_OWED = {AccountKind.SAVINGS, AccountKind.PAYOUT_HOLD}
_NOT_OF_CUSTOMERS = [str(kind) for kind in AccountKind if kind not in _OWED]
_IS_STAFF = text(f"memberships.{one_of('role', STAFF)}")
_TAKEN = ("count", "amount", "reversed_count", "reversed_amount")
_EARNED = ("cycles", "agent_amount", "business_amount")


def _sum(column, *where) -> ColumnElement[int]:
    return cast(func.coalesce(func.sum(column).filter(*where), 0), BigInteger)


def _taken() -> tuple:
    """What was collected and kept, and what was taken back."""
    kept, undone = Collection.reversed_at.is_(None), Collection.reversed_at.is_not(None)
    return (
        func.count().filter(kept).label("count"),
        _sum(Collection.amount, kept).label("amount"),
        func.count().filter(undone).label("reversed_count"),
        _sum(Collection.amount, undone).label("reversed_amount"),
    )


def _days(actor: Actor) -> tuple:
    """The first and the last day of a report: the values of `since` and `until`, else 31 days that end today."""
    until = func.coalesce(bindparam("until", type_=Date), clock.today(actor.timezone))
    return func.coalesce(bindparam("since", type_=Date), until - (USUAL_DAYS - 1)), until


def _framed(actor: Actor, found: Select, order: str) -> Select:
    """The rows of `found` with the days of the report; one row of nothing else when there are none."""
    since, until = _days(actor)
    days, rows = select(since.label("since"), until.label("until")).subquery("days"), found.subquery("found")
    return select(days, rows).select_from(days.outerjoin(rows, true())).order_by(rows.c[order])


def _report(run, actor: Actor, *shape, since: date | None, until: date | None, sums: tuple, **values) -> dict:
    """A report: its days, the rows of its groups and their sums. Raises InvalidPeriod."""
    since, until = period(since, until)
    rows = run(actor, *shape, since=since, until=until, **values)
    items = [row for row in rows if row[sums[0]] is not None]
    totals = {name: sum(row[name] for row in items) for name in sums}
    return {"since": rows[0]["since"], "until": rows[0]["until"], "items": items} | totals


def _groups(sums: FromClause) -> dict[str, list]:
    """What the rows of a report on collections are of, as columns; they are ordered by the first."""
    return {
        "day": [sums.c.day],
        "unit": [Membership.unit_id, Unit.name.label("unit_name")],
        "agent": [sums.c.agent_id, Membership.full_name.label("agent_name"), Membership.role],
    }


@plain.prepared
def _collections(actor: Actor, group: str, filters: tuple[str, ...]) -> Select:
    """Summed by day and collector first, from the index alone; who they are is asked of the few rows that are left."""
    since, until = _days(actor)
    day, agent = Collection.collected_on.label("day"), Collection.collector_id.label("agent_id")
    # An index by days holds those of the whole business; nobody but an admin is to be shown so many.
    indexed = Collection.collected_on if actor.role == Role.ADMIN else Collection.collected_on + 0
    sums = select(day, agent, *_taken()).where(
        by_staff_in_sight(actor, Collection.collector_id), indexed >= since, indexed <= until
    )
    for name in filters:
        sums = sums.where(getattr(Collection, name) == bindparam(name))
    sums = sums.group_by(day, agent).subquery("collections")
    keys = _groups(sums)[group]
    here = and_(Unit.business_id == Membership.business_id, Unit.id == Membership.unit_id)
    who = and_(in_sight(actor), _IS_STAFF, Membership.id == sums.c.agent_id)
    sources = sums.join(Membership, who).outerjoin(Unit, here)
    found = select(*keys, *(_sum(sums.c[name]).label(name) for name in _TAKEN)).select_from(sources)
    return _framed(actor, found.group_by(*keys), keys[0].name)


def collections(actor: Actor, group: str, *, collector_id: int | None, **days) -> dict:
    """What was collected from `since` to `until`, by day, unit or agent (`group`); what was taken back is apart.

    The unit is the one of who collected. Raises InvalidPeriod.
    """
    given = {} if collector_id is None else {"collector_id": collector_id}
    return _report(_collections, actor, group, tuple(given), sums=_TAKEN, **days, **given)


def _earned(actor: Actor, since, until, *columns) -> FromClause:
    """The commission that the `memberships` row beside it earned in the days from `since` to `until`."""
    begins, ends = (clock.midnight(day, actor.timezone) for day in (since, until + 1))
    return (
        select(*columns)
        .where(
            Commission.business_id == Membership.business_id,
            Commission.agent_id == Membership.id,
            Commission.status == CommissionStatus.EARNED,
            Commission.at >= begins,
            Commission.at < ends,
        )
        .lateral("earned")
    )


_CHARGES = (
    func.count().label("cycles"),
    _sum(Commission.agent_amount).label("agent_amount"),
    _sum(Commission.business_amount).label("business_amount"),
)


@plain.prepared
def _commissions(actor: Actor) -> Select:
    earned = _earned(actor, *_days(actor), *_CHARGES)
    who = (Membership.id.label("agent_id"), Membership.full_name.label("agent_name"), Membership.role)
    found = select(*who, earned).join(earned, true()).where(in_sight(actor), _IS_STAFF, earned.c.cycles > 0)
    return _framed(actor, found, "agent_id")


def commissions(actor: Actor, **days) -> dict:
    """The commission that each collector earned from `since` to `until` and did not have to give back.

    Raises InvalidPeriod.
    """
    return _report(_commissions, actor, sums=_EARNED, **days)


_BAG = and_(
    LedgerAccount.business_id == Membership.business_id,
    LedgerAccount.kind == AccountKind.AGENT_CASH,
    LedgerAccount.owner_id == Membership.id,
)


@plain.prepared
def _cash(actor: Actor, follows: bool) -> Select:
    oldest = oldest_held()
    since = cast(func.timezone(actor.timezone, oldest.c.at), Date)
    query = (
        select(
            Membership.id,
            Membership.id.label("agent_id"),
            Membership.full_name.label("agent_name"),
            Membership.role,
            (-LedgerAccount.balance).label("amount"),
            oldest.c.at.label("oldest_at"),
            (clock.today(actor.timezone) - since).label("days"),
        )
        .join(LedgerAccount, _BAG)
        .outerjoin(oldest, true())
        .where(in_sight(actor), _IS_STAFF, LedgerAccount.balance < 0)
    )
    if follows:
        query = query.where(Membership.id > bindparam("after"))
    return query.order_by(Membership.id).limit(bindparam("most", type_=Integer))


def cash(actor: Actor, *, limit: int, cursor: str | None) -> dict:
    """A page of the collectors who hold cash: how much, since when the oldest of it, and how many days that is."""
    given = {} if cursor is None else {"after": paging.decode(cursor)}
    return paging.of_rows(_cash(actor, cursor is not None, most=limit + 1, **given), limit)


def _held(business_id) -> Select:
    """How many collectors of a business hold cash, and how much in all."""
    own = (LedgerAccount.business_id == business_id, LedgerAccount.kind == AccountKind.AGENT_CASH)
    amount = (-_sum(LedgerAccount.balance)).label("amount")
    return select(func.count().label("agents"), amount).where(*own, LedgerAccount.balance < 0)


def _collected(business_id, day) -> Select:
    return select(*_taken()).where(Collection.business_id == business_id, Collection.collected_on == day)


def _waiting(actor: Actor) -> Select:
    own = (PaymentRequest.business_id == actor.business_id, PaymentRequest.status == RequestStatus.REQUESTED)
    return select(func.count().label("requests"), _sum(PaymentRequest.amount).label("amount")).where(*own)


def _commission_of_month(actor: Actor, today) -> Select:
    begins = cast(func.date_trunc("month", cast(today, DateTime)), Date)
    earned = _earned(actor, begins, today, *_CHARGES)
    sums = (_sum(earned.c[name]).label(name) for name in _EARNED)
    own = Membership.business_id == actor.business_id
    return select(*sums).select_from(Membership.__table__.join(earned, true())).where(own, _IS_STAFF)


@plain.prepared
def _dashboard(actor: Actor) -> Select:
    today = clock.today(actor.timezone)
    parts = {
        "collected_today": _collected(actor.business_id, today),
        "unpaid": standing(actor),
        "approvals_waiting": _waiting(actor),
        "cash_with_agents": _held(actor.business_id),
        "commission_this_month": _commission_of_month(actor, today),
    }
    # Each part is one row; as JSON, so that their names can be the same.
    columns = []
    for name, part in parts.items():
        rows = part.subquery(name)
        columns.append(select(func.to_json(text(name))).select_from(rows).scalar_subquery().label(name))
    return select(today.label("today"), *columns)


def dashboard(actor: Actor) -> dict:
    """How the business stands today. Amounts in minor units; None for what has not been reckoned yet."""
    [row] = _dashboard(actor, as_of=None)
    unpaid = row["unpaid"]
    due = {"slots": unpaid["slots_due"], "amount": unpaid["amount_due"]}
    return row | {
        "arrears": None if unpaid["accounts"] is None else unpaid,
        "still_due_today": None if due["slots"] is None else due,
        "active_accounts": unpaid["active"],
        "reckoned_at": unpaid["reckoned_at"] and datetime.fromisoformat(unpaid["reckoned_at"]),
    }


@plain.prepared
def _platform(actor: Actor, follows: bool) -> Select:
    """The totals of each business of a page, beside how many there are in all."""
    counted = select(func.count().label("all"), func.count().filter(Business.is_active).label("active"))
    counted = counted.subquery("counted")
    page = select(Business.id, Business.name, Business.currency, Business.timezone, Business.is_active)
    if follows:
        page = page.where(Business.id > bindparam("after"))
    page = page.order_by(Business.id).limit(bindparam("most", type_=Integer)).subquery("page")
    parts = {
        "open_accounts": select(func.count()).where(SavingsAccount.business_id == page.c.id, IS_OPEN),
        "customers": select(func.count()).where(Membership.business_id == page.c.id, Membership.role == Role.CUSTOMER),
        # All balances of a business add up to zero: what its customers are owed is what everything else comes to,
        # and of that there are far fewer accounts.
        "owed_to_customers": select(-_sum(LedgerAccount.balance)).where(
            LedgerAccount.business_id == page.c.id, LedgerAccount.kind == func.any(array(_NOT_OF_CUSTOMERS))
        ),
        "cash_with_agents": select(-_sum(LedgerAccount.balance)).where(
            LedgerAccount.business_id == page.c.id, LedgerAccount.kind == AccountKind.AGENT_CASH
        ),
        "collected_today": select(_sum(Collection.amount, Collection.reversed_at.is_(None))).where(
            Collection.business_id == page.c.id, Collection.collected_on == clock.today(page.c.timezone)
        ),
    }
    sums = (part.correlate(page).scalar_subquery().label(name) for name, part in parts.items())
    listed = select(page, *sums).subquery("listed")
    query = select(counted, listed).select_from(counted.outerjoin(listed, true()))
    return query.order_by(listed.c.id)


def platform(actor: Actor, *, limit: int, cursor: str | None) -> dict:
    """How many businesses there are, and a page of them with their totals, in minor units of their currencies."""
    given = {} if cursor is None else {"after": paging.decode(cursor)}
    rows = _platform(actor, cursor is not None, most=limit + 1, **given)
    page = paging.of_rows([row for row in rows if row["id"] is not None], limit)
    return page | {"businesses": rows[0]["all"], "active": rows[0]["active"]}
