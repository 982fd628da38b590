"""Reads of what is unpaid, of many accounts by one statement, within the caller's sight."""

from collections.abc import Callable

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Date,
    FromClause,
    Integer,
    Select,
    and_,
    bindparam,
    case,
    cast,
    column,
    func,
    literal,
    not_,
    select,
    text,
    true,
)
from sqlalchemy.orm import aliased

from blueprints.arrears.models import Reckoning
from blueprints.markings.models import Collection
from blueprints.savings.models import Marking, SavingsAccount
from blueprints.savings.queries import ITS_CUSTOMER
from blueprints.savings.rules import MAX_YEARS, OPEN_STATES, MarkingStatus, State
from blueprints.settings.models import Holiday
from blueprints.users.queries import in_sight
from ofektom import clock, paging, plain
from ofektom.extensions import db
from ofektom.identity import Actor, Business, Membership, Role, one_of

# As the index of the open ones says it, so that the planner sees that it may use it.
IS_OPEN = text(f"savings_accounts.{one_of('state', OPEN_STATES)}")

# A page looks at so many accounts and no more, whether or not it finds any among them.
MOST_LOOKED_AT = 1000
# Whose open accounts are all reckoned for a page, a few hundred of each.
COLLECTORS_ON_A_PAGE = 20
_LIVE_ROWS = plain.setting("RECKON_LIVE_ROWS", Integer())
_MINUTES = plain.setting("RECKON_MINUTES", Integer())
# The columns of a Reckoning: as of any moment, and of its day alone.
SUMS = ("active", "accounts", "slots", "amount")
SUMS_OF_THE_DAY = ("slots_due", "amount_due")

# That date was a Monday, which is bit 0 of the weekdays.
_UNPAID = f"""
    SELECT count(*) FILTER (WHERE slot.day < asked.day) AS missed,
        CAST(coalesce(sum(slot.amount) FILTER (WHERE slot.day < asked.day), 0) AS bigint) AS amount_missed,
        min(slot.day) FILTER (WHERE slot.day < asked.day) AS oldest_missed,
        count(*) FILTER (WHERE slot.day = asked.day) AS due,
        CAST(coalesce(sum(slot.amount) FILTER (WHERE slot.day = asked.day), 0) AS bigint) AS amount_due
    FROM (
        SELECT plan.kind, plan.remaining, open.day, open.nth, CASE
            WHEN plan.kind <> 'target' THEN open.contribution
            WHEN open.is_last THEN plan.remaining - open.before
            ELSE least(open.contribution, plan.remaining - open.before) END AS amount
        FROM (
            SELECT savings_accounts.kind, CASE
                WHEN savings_accounts.kind = 'target' THEN latest.end_date
                WHEN savings_accounts.cycle_kind = 'days'
                    THEN make_date(CAST(extract(year FROM savings_accounts.start) AS int) + {MAX_YEARS}, 12, 31)
                ELSE greatest(
                    CAST(date_trunc('month', CAST(savings_accounts.start AS timestamp))
                        + make_interval(months => latest.cycles, days => -1) AS date),
                    (SELECT max(m.slot_date) FROM markings m WHERE m.business_id = savings_accounts.business_id
                        AND m.account_id = savings_accounts.id AND m.status <> 'reversed')) END AS last_day, CASE
                WHEN savings_accounts.kind = 'target' THEN latest.target_amount - (
                    SELECT coalesce(sum(m.amount), 0) FROM markings m WHERE m.business_id = savings_accounts.business_id
                        AND m.account_id = savings_accounts.id AND m.status <> 'reversed')
                WHEN savings_accounts.cycle_kind = 'days' THEN latest.cycles * savings_accounts.cycle_days - (
                    SELECT count(*) FROM markings m WHERE m.business_id = savings_accounts.business_id
                        AND m.account_id = savings_accounts.id AND m.status <> 'reversed') END AS remaining
            FROM savings_terms latest
            WHERE latest.business_id = savings_accounts.business_id AND latest.account_id = savings_accounts.id
            ORDER BY latest.id DESC LIMIT 1
        ) plan CROSS JOIN LATERAL (
            SELECT terms.since + n AS day, terms.contribution, row_number() OVER by_day AS nth,
                sum(terms.contribution) OVER by_day - terms.contribution AS before,
                lead(n) OVER by_day IS NULL AS is_last
            FROM (
                SELECT t.contribution, t.weekdays, lead(t.effective_from) OVER by_id - 1 AS until,
                    CASE WHEN row_number() OVER by_id > 1 THEN greatest(t.effective_from, savings_accounts.start)
                        ELSE savings_accounts.start END AS since
                FROM savings_terms t
                WHERE t.business_id = savings_accounts.business_id AND t.account_id = savings_accounts.id
                WINDOW by_id AS (ORDER BY t.id)
            ) terms CROSS JOIN LATERAL generate_series(0, least(terms.until, plan.last_day,
                CASE WHEN plan.kind <> 'target' THEN asked.day END) - terms.since) n
            WHERE terms.weekdays & (1 << (terms.since + n - DATE '1970-01-05') % 7) <> 0
                AND terms.since + n <> ALL (asked.holidays)
                AND NOT EXISTS (SELECT FROM markings m WHERE m.business_id = savings_accounts.business_id
                    AND m.account_id = savings_accounts.id AND m.slot_date = terms.since + n
                    AND m.status <> 'reversed')
            WINDOW by_day AS (ORDER BY terms.since + n ROWS UNBOUNDED PRECEDING)
        ) open
    ) slot
    WHERE CASE WHEN slot.kind = 'target' THEN slot.amount > 0 ELSE slot.nth <= coalesce(slot.remaining, slot.nth) END
"""  # noqa: S608 - made of our own SQL


def asked(actor: Actor) -> FromClause:
    """One row of what `unpaid` goes by: `day` (the value of `as_of`, by default today) and the business's holidays."""
    holidays = select(Holiday.day).where(Holiday.business_id == actor.business_id).scalar_subquery()
    day = func.coalesce(bindparam("as_of", type_=Date), clock.today(actor.timezone))
    row = select(day.label("day"), func.array(holidays, type_=ARRAY(Date)).label("holidays"))
    return row.offset(0).subquery("asked")  # with an offset it is reckoned once and not for each account


def unpaid() -> FromClause:
    """What is unpaid of the open `savings_accounts` row beside it, by a day `asked` for: to be joined laterally.

    `missed` slots before that day, their `amount_missed` in minor units, the `oldest_missed`; and those of the day
    itself, `due` and `amount_due`. The same as the rules' `Plan.slots()`, set by set; a test compares them. No date of
    terms lies before the one of an earlier version; a marking that is not reversed takes its slot.
    """
    names = ("missed", "amount_missed", "oldest_missed", "due", "amount_due")
    return text(_UNPAID).columns(*(column(name) for name in names)).lateral("unpaid")


def _sums(accounts: FromClause, owing: FromClause) -> list:
    """What many accounts come to, by the names of a `Reckoning`."""

    def total(column):
        return cast(func.coalesce(func.sum(column), 0), BigInteger)

    return [
        func.count().filter(accounts.c.state == State.IN_PROGRESS).label("active"),
        func.count().filter(owing.c.missed > 0).label("accounts"),
        total(owing.c.missed).label("slots"),
        total(owing.c.amount_missed).label("amount"),
        total(owing.c.due).label("slots_due"),
        total(owing.c.amount_due).label("amount_due"),
    ]


def piece(of: Actor, after: int, most: int) -> Select:
    """The sums of the next `most` open accounts of a business, by `as_of`; how many there were, and the last one's id.

    `of` is anything with the `business_id` and the `timezone`.
    """
    own = (SavingsAccount.business_id == of.business_id, IS_OPEN, SavingsAccount.id > after)
    accounts = select(SavingsAccount.__table__).where(*own).order_by(SavingsAccount.id).limit(most)
    accounts, day, owing = accounts.subquery("savings_accounts"), asked(of), unpaid()
    found = (func.count().label("read"), func.coalesce(func.max(accounts.c.id), after).label("last_account_id"))
    return select(*found, *_sums(accounts, owing)).select_from(accounts.join(day, true()).join(owing, true()))


def standing(actor: Actor) -> Select:
    """One row of what is missed and what is due today on all open accounts of the business.

    Reckoned live where there are at most RECKON_LIVE_ROWS of them; else as it was last kept, with its `reckoned_at`,
    and null what was not. What was due on another day is not due today. `as_of` is to be null.
    """
    accounts, own = SavingsAccount.__table__, (SavingsAccount.business_id == actor.business_id, IS_OPEN)
    some = select(literal(1)).where(*own).limit(_LIVE_ROWS + 1).subquery("some")
    size = select((func.count() <= _LIVE_ROWS).label("is_small")).select_from(some).cte("size")
    day, owing = asked(actor), unpaid()
    live = select(*_sums(accounts, owing)).select_from(accounts.join(day, true()).join(owing, true()))
    # Known before any account is read, so that those of a large business are not.
    live = live.where(*own, select(size.c.is_small).scalar_subquery()).subquery("live")
    kept = select(Reckoning).where(Reckoning.business_id == actor.business_id, Reckoning.ended_at.is_not(None))
    kept = kept.order_by(Reckoning.id.desc()).limit(1).subquery("kept")
    is_small, is_of_today = size.c.is_small, kept.c.day == clock.today(actor.timezone)
    columns = [case((is_small, live.c[name]), else_=kept.c[name]).label(name) for name in SUMS]
    for name in SUMS_OF_THE_DAY:
        columns.append(case((is_small, live.c[name]), (is_of_today, kept.c[name])).label(name))
    columns.append(kept.c.begun_at.label("reckoned_at"))
    return select(*columns).select_from(size.join(live, true()).outerjoin(kept, not_(is_small)))


def to_reckon(business_id: int | None = None) -> list[dict]:
    """`business_id` and `timezone` of the businesses that are due to be reckoned, or of the one named.

    Due is an active one with too many accounts to reckon them live, once its day has begun and then again when the last
    reckoning has become too old.
    """
    query = select(Business.id.label("business_id"), Business.timezone).order_by(Business.id)
    if business_id is None:
        kept = select(Reckoning.id).where(
            Reckoning.business_id == Business.id,
            Reckoning.ended_at.is_not(None),
            Reckoning.day == clock.today(Business.timezone),
            Reckoning.begun_at > clock.now() - func.make_interval(0, 0, 0, 0, 0, _MINUTES),
        )
        beyond = select(SavingsAccount.id).where(SavingsAccount.business_id == Business.id, IS_OPEN).offset(_LIVE_ROWS)
        query = query.where(Business.is_active, not_(kept.exists()), beyond.exists())
    else:
        query = query.where(Business.id == business_id)
    return [dict(row) for row in db.session.execute(query).mappings()]


def open_accounts(business_id: int) -> int:
    """How many accounts of a business there are to reckon."""
    query = select(func.count()).select_from(SavingsAccount).where(SavingsAccount.business_id == business_id, IS_OPEN)
    return db.session.scalar(query)


def _shown(account) -> list:
    return [
        account.id,
        account.id.label("account_id"),
        account.tracking_number,
        account.customer_id,
        Membership.full_name.label("customer_name"),
        Membership.parent_id.label("collector_id"),
    ]


def _open(actor: Actor, query: Select, filters: tuple[str, ...] = ()) -> Select:
    """Those of the open accounts in `query` among which are all that the actor may see, perhaps of a collector.

    The few customers of a collector are looked up first, as an array; else every open account would be.
    """
    query = query.where(SavingsAccount.business_id == actor.business_id, IS_OPEN)
    if "collector_id" in filters or actor.role != Role.ADMIN:
        customer = aliased(Membership)
        own = select(customer.id).where(in_sight(actor, customer), customer.role == Role.CUSTOMER)
        if "collector_id" in filters:
            own = own.where(customer.parent_id == bindparam("collector_id"))
        query = query.where(SavingsAccount.customer_id == func.any(func.array(own.scalar_subquery())))
    return query


def _looked_at(actor: Actor, filters: tuple[str, ...]) -> Select:
    """The next of them, after `after`, to find those of a page in."""
    query = _open(actor, select(SavingsAccount.__table__), filters)
    if "after" in filters:
        query = query.where(SavingsAccount.id > bindparam("after"))
    return query.order_by(SavingsAccount.id).limit(bindparam("looked_at", type_=Integer))


def _page(actor: Actor, filters: tuple[str, ...], build: Callable) -> Select:
    """The rows that `build(account, its_customer)` selects of the accounts looked at and in sight: at most `most`.

    Beside each, or alone when there are none, how many were looked at and the last one's id.
    """
    looked = _looked_at(actor, filters).cte("looked_at")
    account = aliased(SavingsAccount, looked.alias("savings_accounts"))
    customer = and_(Membership.business_id == account.business_id, Membership.id == account.customer_id)
    found = build(account, customer).where(in_sight(actor))
    if "collector_id" in filters:
        found = found.where(Membership.parent_id == bindparam("collector_id"))
    found = found.order_by(account.id).limit(bindparam("most", type_=Integer)).subquery("found")
    ends = select(func.count().label("looked_at"), func.max(looked.c.id).label("looked_to")).subquery("ends")
    return select(ends, found).select_from(ends.outerjoin(found, true())).order_by(found.c.id)


@plain.prepared
def _arrears(actor: Actor, filters: tuple[str, ...]) -> Select:
    def build(account, its_customer) -> Select:
        day, owing = asked(actor), unpaid()
        query = select(*_shown(account), owing.c.missed, owing.c.amount_missed, owing.c.oldest_missed)
        query = query.select_from(account).join(Membership, its_customer).join(day, true()).join(owing, true())
        return query.where(owing.c.missed > 0)

    return _page(actor, filters, build)


@plain.prepared
def _dormant(actor: Actor, filters: tuple[str, ...]) -> Select:
    def build(account, its_customer) -> Select:
        own = and_(Collection.business_id == account.business_id, Collection.account_id == account.id)
        latest = select(Collection.collected_on.label("last_collected_on")).where(own, Collection.reversed_at.is_(None))
        latest = latest.order_by(Collection.id.desc()).limit(1).lateral("latest")
        # What was imported may have begun long ago; nobody could collect on it here before it came.
        came = cast(func.timezone(actor.timezone, account.created_at), Date)
        since = func.greatest(account.start, case((account.reference.is_not(None), came)))
        quiet = clock.today(actor.timezone) - func.coalesce(latest.c.last_collected_on, since)
        query = select(*_shown(account), account.state, latest, quiet.label("days")).select_from(account)
        query = query.join(Membership, its_customer).outerjoin(latest, true())
        return query.where(quiet >= bindparam("days", type_=Integer))

    return _page(actor, filters, build)


def _one_page(run, actor: Actor, *, limit: int, cursor: str | None, collector_id: int | None, **values) -> dict:
    given = {"collector_id": collector_id, "after": cursor and paging.decode(cursor)}
    given = {name: value for name, value in given.items() if value is not None}
    rows = run(actor, tuple(given), most=limit + 1, looked_at=MOST_LOOKED_AT, **given, **values)
    looked_to = rows[0]["looked_to"] if rows[0]["looked_at"] == MOST_LOOKED_AT else None
    return paging.of_rows([row for row in rows if row["id"] is not None], limit, looked_to)


def arrears(actor: Actor, **wanted) -> dict:
    """A page of the open accounts with slots missed before `as_of` (default today), perhaps of one collector.

    What is found among the next MOST_LOOKED_AT: fewer than `limit`, or none, may have a next page.
    """
    return _one_page(_arrears, actor, **wanted)


def dormant(actor: Actor, **wanted) -> dict:
    """A page of the open accounts on which nothing was collected for `days`, counted from the start if nothing ever.

    What counts is the day of the collection that was recorded last and not taken back. An imported account is counted
    from the day of the import, if it had started then. Pages are as those of arrears.
    """
    return _one_page(_dormant, actor, **wanted)


def _walked_by(actor: Actor, collector) -> tuple[ColumnElement[bool], ...]:
    """The conditions that an account is open and its customer, in the actor's sight, is that collector's."""
    return in_sight(actor), Membership.parent_id == collector.id, IS_OPEN


def _who_collects(actor: Actor, filters: tuple[str, ...]) -> Select:
    """The next `most` of those who have customers in sight with open accounts, after `after`."""
    collector = aliased(Membership)
    walked = select(SavingsAccount.id).join(Membership, ITS_CUSTOMER).where(*_walked_by(actor, collector))
    query = select(collector.id, collector.full_name.label("collector_name"), collector.role)
    query = query.where(collector.business_id == actor.business_id, collector.role != Role.CUSTOMER, walked.exists())
    if "after" in filters:
        query = query.where(collector.id > bindparam("after"))
    return query.order_by(collector.id).limit(bindparam("most", type_=Integer))


@plain.prepared
def _progress(actor: Actor, filters: tuple[str, ...]) -> Select:
    day, owing, collector = asked(actor), unpaid(), _who_collects(actor, filters).subquery("collectors")
    own = and_(Marking.business_id == SavingsAccount.business_id, Marking.account_id == SavingsAccount.id)
    paid = (
        select(Marking.id).where(own, Marking.slot_date == day.c.day, Marking.status != MarkingStatus.REVERSED).exists()
    )
    behind, due = owing.c.missed > 0, owing.c.due > 0
    sums = select(
        func.count().label("accounts"),
        func.count().filter(paid).label("paid"),
        func.count().filter(due).label("due"),
        cast(func.sum(owing.c.amount_due), BigInteger).label("amount_due"),
        func.count().filter(behind).label("missed"),
        cast(func.sum(owing.c.amount_missed), BigInteger).label("amount_missed"),
    )
    sources = SavingsAccount.__table__.join(Membership, ITS_CUSTOMER).join(day, true()).join(owing, true())
    sums = sums.select_from(sources).where(*_walked_by(actor, collector.c)).lateral("sums")
    query = select(collector, collector.c.id.label("collector_id"), sums).select_from(collector.join(sums, true()))
    return query.order_by(collector.c.id)


def progress(actor: Actor, *, cursor: str | None) -> dict:
    """How far the next COLLECTORS_ON_A_PAGE collectors in sight are today: of their open accounts those whose slot of
    today is `paid` or `due`, and those with `missed` ones. Amounts in minor units.
    """
    given = {} if cursor is None else {"after": paging.decode(cursor)}
    rows = _progress(actor, tuple(given), as_of=None, most=COLLECTORS_ON_A_PAGE + 1, **given)
    return paging.of_rows(rows, COLLECTORS_ON_A_PAGE)
