"""The ledger: who holds how much, and the only way to change it.

Credit-normal throughout: a movement takes `amount` from its source's balance and adds it to its destination's. So
money owed to somebody is positive, money held for the business (an agent's bag, the bank) is negative, and all
balances of a business add up to zero.

An entry is one act, made of movements; entries and postings are only ever added (a trigger refuses the rest). A
correction is a reversal: the opposite movements, pointing at what it reverses, once. Balances are stored, kept in the
same transaction, and bounded by each account's floor and ceiling.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Date,
    Index,
    ScalarSelect,
    Select,
    String,
    Subquery,
    UniqueConstraint,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Mapped, aliased, mapped_column

from ofektom import database, paging
from ofektom.errors import Problem
from ofektom.extensions import db
from ofektom.identity import moment, row_id, tenant_id, within_tenant
from ofektom.money import MAX_AMOUNT
from ofektom.plain import Statement

NOBODY = 0  # the owner_id of the accounts that belong to the business itself


class InsufficientFunds(Problem):
    code, status, title = "ledger.insufficient_funds", 409, "There is not enough money for this"
    constraints = ("ck_ledger_accounts_bounds",)


class AlreadyReversed(Problem):
    code, status, title = "ledger.already_reversed", 409, "This has been reversed already"
    constraints = ("uq_ledger_entries_reverses",)


class DuplicateReference(Problem):
    code, status, title = "ledger.duplicate_reference", 409, "This money has been recorded already"
    constraints = ("uq_ledger_entries_reference",)


class Account(NamedTuple):
    """Names an account within a business: its kind and the id of whom it belongs to (NOBODY: the business)."""

    kind: str
    owner_id: int = NOBODY


class Movement(NamedTuple):
    """`amount` minor units from `source` to `destination`."""

    source: Account
    destination: Account
    amount: int


class LedgerAccount(db.Model):
    __tablename__ = "ledger_accounts"

    business_id: Mapped[int] = tenant_id()
    id: Mapped[int] = row_id()
    kind: Mapped[str] = mapped_column(String(30))
    owner_id: Mapped[int] = mapped_column(BigInteger)
    balance: Mapped[int] = mapped_column(BigInteger, default=0)
    floor: Mapped[int | None] = mapped_column(BigInteger)
    ceiling: Mapped[int | None] = mapped_column(BigInteger)

    __table_args__ = (
        UniqueConstraint("business_id", "kind", "owner_id"),
        CheckConstraint("balance >= floor AND balance <= ceiling", name="bounds"),
    )


class LedgerEntry(db.Model):
    __tablename__ = "ledger_entries"

    business_id: Mapped[int] = tenant_id()
    id: Mapped[int] = row_id()
    kind: Mapped[str] = mapped_column(String(40))
    reference: Mapped[str] = mapped_column(String(80))
    reverses_id: Mapped[int | None] = mapped_column(BigInteger)
    membership_id: Mapped[int | None] = mapped_column(BigInteger)
    business_day: Mapped[date] = mapped_column(Date)
    at: Mapped[datetime] = moment()

    __table_args__ = (
        UniqueConstraint("business_id", "reference", name="uq_ledger_entries_reference"),
        UniqueConstraint("business_id", "reverses_id", name="uq_ledger_entries_reverses"),
        within_tenant("ledger_entries", "reverses_id"),
        within_tenant("memberships", "membership_id"),
        CheckConstraint("reverses_id <> id", name="not_own_reversal"),
    )


class LedgerPosting(db.Model):
    """One movement of an entry, with both balances after it."""

    __tablename__ = "ledger_postings"

    business_id: Mapped[int] = tenant_id()
    id: Mapped[int] = row_id()
    entry_id: Mapped[int] = mapped_column(BigInteger)
    source_id: Mapped[int] = mapped_column(BigInteger)
    destination_id: Mapped[int] = mapped_column(BigInteger)
    amount: Mapped[int] = mapped_column(BigInteger)
    source_balance: Mapped[int] = mapped_column(BigInteger)
    destination_balance: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (
        within_tenant("ledger_entries", "entry_id"),
        within_tenant("ledger_accounts", "source_id"),
        within_tenant("ledger_accounts", "destination_id"),
        CheckConstraint(f"amount BETWEEN 1 AND {MAX_AMOUNT}", name="amount"),
        CheckConstraint("source_id <> destination_id", name="two_accounts"),
        Index(None, "business_id", "entry_id"),
        Index(None, "business_id", "source_id", "id"),
        Index(None, "business_id", "destination_id", "id"),
    )


class Period(NamedTuple):
    """Business days, both included."""

    first: date = date.min
    last: date = date.max


EVER = Period()


def period(first: date | None, last: date | None) -> Period:
    """The days from `first` to `last`; open where one is None."""
    return Period(first or date.min, last or date.max)


@dataclass(frozen=True)
class Act:
    """Who acts in which business, on which business day, when."""

    business_id: int
    business_day: date
    at: datetime
    membership_id: int | None = None


@dataclass(frozen=True)
class Entry:
    """What is to be written: its kind, a reference that is unique in the business, and its movements."""

    kind: str
    reference: str
    movements: Sequence[Movement]
    reverses_id: int | None = None


def open_accounts(
    business_id: int, accounts: Iterable[Account], *, floor: int | None = None, ceiling: int | None = None
) -> None:
    """Create accounts with balance 0; those that exist stay as they are."""
    bounds = {"floor": floor, "ceiling": ceiling, "balance": 0}
    rows = [{"business_id": business_id, "kind": kind, "owner_id": owner} | bounds for kind, owner in accounts]
    db.session.execute(upsert(LedgerAccount).values(rows).on_conflict_do_nothing())


def post(act: Act, *entries: Entry) -> None:
    """Write entries and the balances they lead to: the one function through which money moves.

    Two statements, however many entries: lock their accounts in id order, then write everything. A verb calls this
    once, for locks taken bit by bit are taken in no order; a second call raises RuntimeError. Raises InsufficientFunds
    when a balance would leave its bounds. What is written travels with the verb's next statement, or with its commit,
    which raise DuplicateReference and AlreadyReversed; whoever needs an entry's id asks for it by `id_of`.
    """
    if transaction := database.present():
        if transaction.posted is not None:
            raise RuntimeError("a verb posts once: hand all its entries to one call")
        transaction.posted = entries
    movements = [(entry.reference, move) for entry in entries for move in entry.movements]
    if not entries:
        return
    if not all(entry.movements for entry in entries):
        raise ValueError("an entry without movements is no entry")
    rows = _lock(act.business_id, {side for _, move in movements for side in (move.source, move.destination)})
    ids = {account: row["id"] for account, row in rows.items()}
    balances = {account: row["balance"] for account, row in rows.items()}
    postings = []
    for reference, (source, destination, amount) in movements:
        balances[source] -= amount
        balances[destination] += amount
        postings.append((reference, ids[source], ids[destination], amount, balances[source], balances[destination]))
    _check_bounds(rows, balances)
    _write(act, entries, postings, {ids[account]: balance for account, balance in balances.items()})


_LOCK = Statement(
    """
    SELECT a.kind, a.owner_id, a.id, a.balance, a.floor, a.ceiling FROM ledger_accounts a
    WHERE a.business_id = %(business_id)s AND (a.kind, a.owner_id) IN (
        SELECT n.kind, n.owner_id FROM unnest(%(kinds)s::text[], %(owner_ids)s::bigint[]) AS n (kind, owner_id))
    ORDER BY a.id FOR NO KEY UPDATE OF a
    """
)


def _lock(business_id: int, accounts: set[Account]) -> dict[Account, dict]:
    kinds, owner_ids = ([str(account.kind) for account in accounts], [account.owner_id for account in accounts])
    locked = _LOCK.run({"business_id": business_id, "kinds": kinds, "owner_ids": owner_ids})
    rows = {Account(row["kind"], row["owner_id"]): row for row in locked}
    missing = accounts - rows.keys()
    if missing:
        raise LookupError(f"ledger accounts were never opened: {sorted(missing)}")
    return rows


def _check_bounds(rows: dict, balances: dict[Account, int]) -> None:
    """Say which account is short. The check constraint would refuse as well, but without its name."""
    for account, row in rows.items():
        low = row["floor"] is not None and balances[account] < row["floor"]
        high = row["ceiling"] is not None and balances[account] > row["ceiling"]
        if low or high:
            raise InsufficientFunds(account=account.kind, available=abs(row["balance"]))


_WRITE = Statement(
    """
    WITH entry AS (
        INSERT INTO ledger_entries (business_id, kind, reference, reverses_id, membership_id, business_day, at)
        SELECT %(business_id)s::bigint, e.kind, e.reference, e.reverses_id, %(membership_id)s::bigint,
            %(business_day)s::date, %(at)s::timestamptz
        FROM unnest(%(kinds)s::text[], %(references)s::text[], %(reverses_ids)s::bigint[])
             WITH ORDINALITY AS e (kind, reference, reverses_id, n)
        ORDER BY e.n
        RETURNING id, reference
    ), balances AS (
        UPDATE ledger_accounts a SET balance = n.balance
        FROM unnest(%(account_ids)s::bigint[], %(balances)s::bigint[]) AS n (id, balance)
        WHERE a.business_id = %(business_id)s AND a.id = n.id
    )
    INSERT INTO ledger_postings
        (business_id, entry_id, source_id, destination_id, amount, source_balance, destination_balance)
    SELECT %(business_id)s::bigint, entry.id, p.source_id, p.destination_id, p.amount, p.source_balance,
        p.destination_balance
    FROM unnest(%(posting_references)s::text[], %(source_ids)s::bigint[],
                %(destination_ids)s::bigint[], %(amounts)s::bigint[],
                %(source_balances)s::bigint[], %(destination_balances)s::bigint[])
         WITH ORDINALITY
         AS p (reference, source_id, destination_id, amount, source_balance, destination_balance, n)
    JOIN entry ON entry.reference = p.reference
    ORDER BY p.n
    """
)
_POSTING_COLUMNS = ("posting_references", "source_ids", "destination_ids", "amounts")
_POSTING_COLUMNS += ("source_balances", "destination_balances")


def _write(act: Act, entries: Sequence[Entry], postings: list[tuple], balances: dict[int, int]) -> None:
    columns = dict(zip(_POSTING_COLUMNS, map(list, zip(*postings, strict=True)), strict=True))
    values = {
        "business_id": act.business_id,
        "membership_id": act.membership_id,
        "business_day": act.business_day,
        "at": act.at,
        "kinds": [entry.kind for entry in entries],
        "references": [entry.reference for entry in entries],
        "reverses_ids": [entry.reverses_id for entry in entries],
        "account_ids": list(balances),
        "balances": list(balances.values()),
    }
    _WRITE.later(values | columns)


def id_of(business_id: int, reference: str) -> ScalarSelect[int]:
    """The id of the entry of that reference, for a statement that keeps it."""
    mine = (LedgerEntry.business_id == business_id) & (LedgerEntry.reference == reference)
    return select(LedgerEntry.id).where(mine).scalar_subquery()


def reversal(business_id: int, entry_id: int, kind: str, reference: str) -> Entry:
    """The exact opposite of entry `entry_id`, pointing at it, to be posted. Raises LookupError when there is none."""
    source, destination = aliased(LedgerAccount), aliased(LedgerAccount)
    query = (
        select(source.kind, source.owner_id, destination.kind, destination.owner_id, LedgerPosting.amount)
        .join(source, (source.business_id == LedgerPosting.business_id) & (source.id == LedgerPosting.source_id))
        .join(
            destination,
            (destination.business_id == LedgerPosting.business_id) & (destination.id == LedgerPosting.destination_id),
        )
        .where(LedgerPosting.business_id == business_id, LedgerPosting.entry_id == entry_id)
        .order_by(LedgerPosting.id.desc())
    )
    movements = [
        Movement(Account(to_kind, to_owner), Account(from_kind, from_owner), amount)
        for from_kind, from_owner, to_kind, to_owner, amount in db.session.execute(query)
    ]
    if not movements:
        raise LookupError(f"there is no ledger entry {entry_id}")
    return Entry(kind, reference, movements, reverses_id=entry_id)


def balance_of(business_id: int, account: Account) -> int:
    """The stored balance of one account, in minor units."""
    return db.session.scalar(
        select(LedgerAccount.balance).where(
            LedgerAccount.business_id == business_id,
            LedgerAccount.kind == account.kind,
            LedgerAccount.owner_id == account.owner_id,
        )
    )


def statement(
    business_id: int,
    account: Account,
    *,
    limit: int,
    cursor: str | None,
    period: Period = EVER,
    newest_first: bool = True,
    up_to: int | None = None,
) -> dict:
    """A page of an account's movements: signed amount, balance after, what it was and the other side.

    Only those of `period`, and with `up_to` only postings up to that id.
    """
    page = {"limit": limit, "cursor": cursor, "newest_first": newest_first}
    sides, other = _sides(business_id, account, period, up_to, page), aliased(LedgerAccount)
    query = (
        select(
            sides.c.id,
            sides.c.entry_id,
            LedgerEntry.kind,
            LedgerEntry.reference,
            LedgerEntry.reverses_id,
            LedgerEntry.business_day,
            LedgerEntry.at,
            sides.c.amount,
            sides.c.balance,
            other.kind.label("counterpart"),
        )
        .select_from(sides)
        .join(other, (other.business_id == business_id) & (other.id == sides.c.other_id))
        .join(LedgerEntry, (LedgerEntry.business_id == business_id) & (LedgerEntry.id == sides.c.entry_id))
    )
    return paging.page(query, sides.c.id, **page)


def _sides(business_id: int, account: Account, period: Period, up_to: int | None, page: dict) -> Subquery:
    """The postings among which an account's page is, as the account sees them.

    Those in and those out are read apart, each in order from its own index, so that a page of a long history costs no
    more than one of a short.
    """
    own = select(LedgerAccount.id).where(
        LedgerAccount.business_id == business_id,
        LedgerAccount.kind == account.kind,
        LedgerAccount.owner_id == account.owner_id,
    )
    posting, own_id = LedgerPosting, own.scalar_subquery()
    incoming = (posting.source_id.label("other_id"), posting.amount, posting.destination_balance.label("balance"))
    outgoing = (posting.destination_id, -posting.amount, posting.source_balance)
    columns, mine = (posting.id, posting.entry_id), posting.business_id == business_id
    sides = (
        select(*columns, *incoming).where(mine, posting.destination_id == own_id),
        select(*columns, *outgoing).where(mine, posting.source_id == own_id),
    )
    sides = (_within(side, period, up_to) for side in sides)
    return union_all(*(paging.cut(side, posting.id, **page) for side in sides)).subquery("sides")


def _within(side: Select, period: Period, up_to: int | None) -> Select:
    if up_to is not None:
        side = side.where(LedgerPosting.id <= up_to)
    if period == EVER:
        return side
    entry = (LedgerEntry.business_id == LedgerPosting.business_id) & (LedgerEntry.id == LedgerPosting.entry_id)
    return side.join(LedgerEntry, entry).where(LedgerEntry.business_day.between(*period))
