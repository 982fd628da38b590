"""Reads of what is unpaid, of many accounts by one statement, within the caller's sight."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
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
    select,
    text,
    true,
)
from sqlalchemy.orm import aliased

from blueprints.markings.models import Collection
from blueprints.savings.models import Marking, SavingsAccount
from blueprints.savings.queries import ITS_CUSTOMER
from blueprints.savings.rules import MAX_YEARS, OPEN_STATES, MarkingStatus
from blueprints.settings.models import Holiday
from blueprints.users.queries import in_sight
from ofektom import clock, paging, plain
from ofektom.identity import Actor, Membership, Role, one_of

# As the index of the open ones says it, so that the planner sees that it may use it.
IS_OPEN = text(f"savings_accounts.{one_of('state', OPEN_STATES)}")

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


_SHOWN = (
    SavingsAccount.id,
    SavingsAccount.id.label("account_id"),
    SavingsAccount.tracking_number,
    SavingsAccount.customer_id,
    Membership.full_name.label("customer_name"),
    Membership.parent_id.label("collector_id"),
)


def _open_in_sight(actor: Actor, query: Select, filters: tuple[str, ...] = ()) -> Select:
    """Those of the open accounts in `query` that the actor may see, perhaps of a collector.

    The few customers of a collector are looked up first, as an array; else every open account would be.
    """
    query = query.where(SavingsAccount.business_id == actor.business_id, IS_OPEN, in_sight(actor))
    if "collector_id" in filters:
        query = query.where(Membership.parent_id == bindparam("collector_id"))
    if "collector_id" in filters or actor.role != Role.ADMIN:
        customer = aliased(Membership)
        own = select(customer.id).where(in_sight(actor, customer), customer.role == Role.CUSTOMER)
        if "collector_id" in filters:
            own = own.where(customer.parent_id == bindparam("collector_id"))
        query = query.where(SavingsAccount.customer_id == func.any(func.array(own.scalar_subquery())))
    return query


def _page(actor: Actor, query: Select, filters: tuple[str, ...]) -> Select:
    """At most `most` of them, after `after`."""
    query = _open_in_sight(actor, query, filters)
    if "after" in filters:
        query = query.where(SavingsAccount.id > bindparam("after"))
    return query.order_by(SavingsAccount.id).limit(bindparam("most", type_=Integer))


@plain.prepared
def _arrears(actor: Actor, filters: tuple[str, ...]) -> Select:
    day, owing = asked(actor), unpaid()
    sources = SavingsAccount.__table__.join(Membership, ITS_CUSTOMER).join(day, true()).join(owing, true())
    query = select(*_SHOWN, owing.c.missed, owing.c.amount_missed, owing.c.oldest_missed).select_from(sources)
    return _page(actor, query.where(owing.c.missed > 0), filters)


@plain.prepared
def _dormant(actor: Actor, filters: tuple[str, ...]) -> Select:
    own = and_(Collection.business_id == SavingsAccount.business_id, Collection.account_id == SavingsAccount.id)
    latest = select(Collection.collected_on.label("last_collected_on")).where(own, Collection.reversed_at.is_(None))
    latest = latest.order_by(Collection.id.desc()).limit(1).lateral("latest")
    sources = SavingsAccount.__table__.join(Membership, ITS_CUSTOMER).outerjoin(latest, true())
    # What was imported may have begun long ago; nobody could collect on it here before it came.
    came = cast(func.timezone(actor.timezone, SavingsAccount.created_at), Date)
    since = func.greatest(SavingsAccount.start, case((SavingsAccount.reference.is_not(None), came)))
    quiet = clock.today(actor.timezone) - func.coalesce(latest.c.last_collected_on, since)
    query = select(*_SHOWN, SavingsAccount.state, latest, quiet.label("days")).select_from(sources)
    return _page(actor, query.where(quiet >= bindparam("days", type_=Integer)), filters)


def _one_page(run, actor: Actor, *, limit: int, cursor: str | None, collector_id: int | None, **values) -> dict:
    given = {"collector_id": collector_id, "after": cursor and paging.decode(cursor)}
    given = {name: value for name, value in given.items() if value is not None}
    return paging.of_rows(run(actor, tuple(given), most=limit + 1, **given, **values), limit)


def arrears(actor: Actor, **wanted) -> dict:
    """A page of the open accounts with slots missed before `as_of` (default today), perhaps of one collector."""
    return _one_page(_arrears, actor, **wanted)


def dormant(actor: Actor, **wanted) -> dict:
    """A page of the open accounts on which nothing was collected for `days`, counted from the start if nothing ever.

    What counts is the day of the collection that was recorded last and not taken back. An imported account is counted
    from the day of the import, if it had started then.
    """
    return _one_page(_dormant, actor, **wanted)


@plain.prepared
def _progress(actor: Actor) -> Select:
    day, owing, collector = asked(actor), unpaid(), aliased(Membership)
    own = and_(Marking.business_id == SavingsAccount.business_id, Marking.account_id == SavingsAccount.id)
    paid = (
        select(Marking.id).where(own, Marking.slot_date == day.c.day, Marking.status != MarkingStatus.REVERSED).exists()
    )
    behind, due = owing.c.missed > 0, owing.c.due > 0
    sums = select(
        Membership.parent_id.label("collector_id"),
        func.count().label("accounts"),
        func.count().filter(paid).label("paid"),
        func.count().filter(due).label("due"),
        cast(func.sum(owing.c.amount_due), BigInteger).label("amount_due"),
        func.count().filter(behind).label("missed"),
        cast(func.sum(owing.c.amount_missed), BigInteger).label("amount_missed"),
    )
    sources = SavingsAccount.__table__.join(Membership, ITS_CUSTOMER).join(day, true()).join(owing, true())
    sums = _open_in_sight(actor, sums.select_from(sources)).group_by(Membership.parent_id).subquery("sums")
    who = and_(collector.business_id == actor.business_id, collector.id == sums.c.collector_id)
    query = select(sums, collector.full_name.label("collector_name"), collector.role).join(collector, who)
    return query.order_by(collector.full_name, collector.id)


def progress(actor: Actor) -> list[dict]:
    """How far each collector in sight is today: of their open accounts those whose slot of today is `paid` or `due`,
    and those with `missed` ones; by name. Amounts in minor units.
    """
    return _progress(actor, as_of=None)
