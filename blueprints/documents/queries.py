"""The rows of files, always within the caller's sight, read piece by piece.

Every piece is a statement of its own that goes on where the last one ended: it holds no connection in between, and is
as short for the millionth row as for the first.
"""

from collections.abc import Iterator
from datetime import date

from sqlalchemy import (
    BigInteger,
    Date,
    Select,
    String,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    select,
    true,
    tuple_,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import aliased

from blueprints.commissions.models import Commission
from blueprints.documents.rules import MOST_LINES, Subject, TooLong
from blueprints.markings.models import Collection
from blueprints.markings.queries import collection as one_collection
from blueprints.payments.models import PaymentRequest
from blueprints.savings.models import Marking, SavingsAccount
from blueprints.savings.queries import ITS_CUSTOMER, ITS_MONEY
from blueprints.savings.queries import account as savings_account
from blueprints.settings.rules import AccountKind
from blueprints.users.queries import in_sight
from ofektom import clock, ledger, periods, plain
from ofektom.extensions import db
from ofektom.identity import Actor, Business, Membership, Role
from ofektom.ledger import LedgerAccount

ROWS = 1_000  # of a piece: some 20 ms of the worker's time
Agent = aliased(Membership, name="agent")
AGENT = (Agent.id.label("agent_id"), Agent.full_name.label("agent_name"), Agent.unit_id.label("agent_unit_id"))
CUSTOMER = (Membership.id.label("customer_id"), Membership.full_name.label("customer_name"))
ACCOUNT = (SavingsAccount.id.label("account_id"), SavingsAccount.tracking_number)
CURRENCY = bindparam("currency", type_=String).label("currency")
FILTERS = {"agent_id": Agent.id, "unit_id": Agent.unit_id}


def _same(model, of, id_column):
    """The condition that `model` is what `id_column` of `of` refers to."""
    return and_(model.business_id == of.business_id, model.id == id_column)


def _cut(query: Select, key, filters: tuple[str, ...]) -> Select:
    """The rows with the values of `filters`, in the order of `key`."""
    query = query.where(*(FILTERS[name] == bindparam(f"wanted_{name}") for name in filters))
    return query.order_by(*key).limit(ROWS)


def _by_id(actor: Actor, query: Select, row_id, at, filters: tuple[str, ...]) -> Select:
    """The rows after the id `after` whose time `at` lies on the days of the period."""
    first, last = (bindparam(name, type_=Date) for name in ("first", "last"))
    begins, ends = (clock.midnight(day, actor.timezone) for day in (first, last + 1))
    query = query.where(at >= begins, at < ends)
    return _cut(query.where(row_id > bindparam("after", type_=BigInteger)), (row_id,), filters)


@plain.prepared
def _collections(actor: Actor, filters: tuple[str, ...]) -> Select:
    own = and_(Marking.business_id == Collection.business_id, Marking.collection_id == Collection.id)
    dates = func.string_agg(
        cast(Marking.slot_date, String), aggregate_order_by(literal_column("' '"), Marking.slot_date)
    )
    slots = select(func.count().label("slots"), dates.label("slot_dates")).where(own).lateral("slots")
    # Whoever stands above a collector may collect for them, and is out of their sight.
    name = case((in_sight(actor, Agent), Agent.full_name)).label("agent_name")
    collector = (Agent.id.label("agent_id"), name, Agent.unit_id.label("agent_unit_id"))
    columns = (Collection.id, Collection.collected_on, Collection.at, *collector, *CUSTOMER, *ACCOUNT)
    columns += (Collection.method, CURRENCY, Collection.amount, Collection.credit_change, slots)
    number = Collection.number.label("receipt_number")
    status = case((Collection.reversed_at.is_(None), "valid"), else_="reversed").label("status")
    query = (
        select(*columns, status, Collection.reversed_at, Collection.reversal_reason, number)
        .join(SavingsAccount, _same(SavingsAccount, Collection, Collection.account_id))
        .join(Membership, ITS_CUSTOMER)
        .join(Agent, _same(Agent, Collection, Collection.collector_id))
        .join(slots, true())
        .where(Collection.business_id == actor.business_id, in_sight(actor))
    )
    place = tuple_(bindparam("after_day", type_=Date), bindparam("after", type_=BigInteger))
    query = query.where(tuple_(Collection.collected_on, Collection.id) > place)
    query = query.where(Collection.collected_on <= bindparam("last", type_=Date))
    return _cut(query, (Collection.collected_on, Collection.id), filters)


@plain.prepared
def _commissions(actor: Actor, filters: tuple[str, ...]) -> Select:
    columns = (Commission.id, Commission.at, *AGENT, *ACCOUNT, Commission.cycle, CURRENCY)
    query = (
        select(*columns, Commission.agent_amount, Commission.business_amount, Commission.status)
        .join(SavingsAccount, _same(SavingsAccount, Commission, Commission.account_id))
        .join(Agent, _same(Agent, Commission, Commission.agent_id))
        .where(Commission.business_id == actor.business_id, in_sight(actor, Agent))
    )
    return _by_id(actor, query, Commission.id, Commission.at, filters)


@plain.prepared
def _customers(actor: Actor, filters: tuple[str, ...]) -> Select:
    balance = cast(func.coalesce(func.sum(LedgerAccount.balance), 0), BigInteger).label("balance")
    held = select(func.count().label("accounts"), balance).select_from(SavingsAccount)
    held = held.join(LedgerAccount, ITS_MONEY).where(ITS_CUSTOMER).lateral("held")
    person = (Membership.id, Membership.created_at.label("joined_at"), Membership.full_name, Membership.phone)
    query = (
        select(*person, Membership.status, Membership.unit_id, *AGENT, held, CURRENCY)
        .join(Agent, _same(Agent, Membership, Membership.parent_id))
        .join(held, true())
        .where(Membership.role == Role.CUSTOMER, in_sight(actor))
    )
    return _by_id(actor, query, Membership.id, Membership.created_at, filters)


@plain.prepared
def _payments(actor: Actor, filters: tuple[str, ...]) -> Select:
    asked = PaymentRequest
    columns = (asked.id, asked.requested_at, *AGENT, *CUSTOMER, *ACCOUNT, CURRENCY, asked.amount, asked.method)
    columns += (asked.status, asked.requested_by_id, asked.decided_by_id, asked.decided_at, asked.paid_by_id)
    query = (
        select(*columns, asked.paid_at, asked.bank_reference, asked.reason)
        .join(SavingsAccount, _same(SavingsAccount, asked, asked.account_id))
        .join(Membership, _same(Membership, asked, asked.customer_id))
        .join(Agent, _same(Agent, Membership, Membership.parent_id))
        .where(asked.business_id == actor.business_id, in_sight(actor))
    )
    return _by_id(actor, query, asked.id, asked.requested_at, filters)


_ROWS = {
    Subject.COLLECTIONS: _collections,
    Subject.COMMISSIONS: _commissions,
    Subject.CUSTOMERS: _customers,
    Subject.PAYMENTS: _payments,
}


def export(
    actor: Actor, subject: Subject, *, first: date | None, last: date | None, agent_id: int | None, unit_id: int | None
) -> Iterator[list[dict]]:
    """The rows of a subject in the actor's sight, in pieces. Collections by their day, the others by their id.

    Of the days from `first` to `last`: of collection, of the request, of the commission, on which the customer joined.
    The agent is who collected or earned it, else under whom the customer stands.
    """
    wanted = {"agent_id": agent_id, "unit_id": unit_id}
    names = tuple(name for name, value in wanted.items() if value is not None)
    values = {f"wanted_{name}": wanted[name] for name in names} | ledger.period(first, last)._asdict()
    values |= {"currency": actor.currency, "after": 0, "after_day": values["first"]}
    if subject == Subject.COLLECTIONS:
        del values["first"]
    else:
        del values["after_day"]
    while True:
        rows = _ROWS[subject](actor, names, **values)
        yield rows
        if len(rows) < ROWS:
            return
        values["after"] = rows[-1]["id"]
        if subject == Subject.COLLECTIONS:
            values["after_day"] = rows[-1]["collected_on"]


def statement(actor: Actor, account_id: int, *, first: date | None, last: date | None) -> Iterator[list[dict]]:
    """The lines of a savings account between two days, in pieces, oldest first; raises NotFound.

    The first line is the opening balance, the last the closing one. `balance` adds up from line to line.
    """
    found = savings_account(actor, account_id)
    account, period = ledger.Account(AccountKind.SAVINGS, found["id"]), ledger.period(first, last)
    totals = periods.totals(actor.business_id, account, period)
    known = {"at": None, "reference": None, "counterpart": None, "amount": None, "currency": actor.currency}
    balance, cursor = totals["opening_balance"], None
    lines = [known | {"business_day": first, "kind": "opening_balance", "balance": balance}]
    while True:
        options = {"period": period, "newest_first": False, "up_to": totals["up_to"]}
        page = ledger.statement(actor.business_id, account, limit=ROWS, cursor=cursor, **options)
        for line in page["items"]:
            balance += line["amount"]
            lines.append(line | {"balance": balance, "currency": actor.currency})
        cursor = page["next"]
        if cursor is None:
            closing = {"business_day": last, "kind": "closing_balance", "balance": totals["closing_balance"]}
            yield [*lines, known | closing]
            return
        yield lines
        lines = []


def printable_statement(actor: Actor, account_id: int, **days: date | None) -> tuple[dict, str, list[dict]]:
    """(account, name of the business, lines) of a statement that is short enough to print; raises NotFound, TooLong."""
    found, lines = savings_account(actor, account_id), []
    for piece in statement(actor, account_id, **days):
        lines += piece
        if len(lines) > MOST_LINES:
            raise TooLong(most=MOST_LINES)
    return found, _name_of_business(actor), lines


def receipt(actor: Actor, collection_id: int) -> tuple[dict, dict, str]:
    """(collection, its account, name of the business) of a receipt in the actor's sight; raises NotFound."""
    found = one_collection(actor, collection_id)
    return found, savings_account(actor, found["account_id"]), _name_of_business(actor)


def _name_of_business(actor: Actor) -> str:
    return db.session.scalar(select(Business.name).where(Business.id == actor.business_id))
