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
    String,
    UniqueConstraint,
    case,
    func,
    or_,
    select,
    text,
    tuple_,
)
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Mapped, aliased, mapped_column

from ofektom import paging
from ofektom.errors import Problem
from ofektom.extensions import db
from ofektom.identity import Actor, moment, row_id, tenant_id, within_tenant
from ofektom.money import MAX_AMOUNT

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


@dataclass(frozen=True)
class Act:
    """What an entry is for: its business, kind, unique reference, day, time and who acted."""

    business_id: int
    kind: str
    reference: str
    business_day: date
    at: datetime
    membership_id: int | None = None


@dataclass(frozen=True)
class Posted:
    """An entry just made: its id and the balance after it of every account it touched, by Account."""

    entry_id: int
    balances: dict[Account, int]


def open_accounts(
    business_id: int, accounts: Iterable[Account], *, floor: int | None = None, ceiling: int | None = None
) -> None:
    """Create accounts with balance 0; those that exist stay as they are."""
    bounds = {"floor": floor, "ceiling": ceiling, "balance": 0}
    rows = [{"business_id": business_id, "kind": kind, "owner_id": owner} | bounds for kind, owner in accounts]
    db.session.execute(upsert(LedgerAccount).values(rows).on_conflict_do_nothing())


def post(act: Act, movements: Sequence[Movement], *, reverses_id: int | None = None) -> Posted:
    """Write one entry with its movements and the balances they lead to: the one function through which money moves.

    Two statements: lock the accounts in id order, then write everything. Raises InsufficientFunds when a balance would
    leave its bounds, DuplicateReference and AlreadyReversed. Runs in the caller's transaction.
    """
    rows = _lock(act.business_id, {side for move in movements for side in (move.source, move.destination)})
    ids = {account: row.id for account, row in rows.items()}
    balances = {account: row.balance for account, row in rows.items()}
    postings = []
    for source, destination, amount in movements:
        balances[source] -= amount
        balances[destination] += amount
        postings.append((ids[source], ids[destination], amount, balances[source], balances[destination]))
    _check_bounds(rows, balances)
    entry_id = _write(act, reverses_id, postings, {ids[account]: balance for account, balance in balances.items()})
    return Posted(entry_id, balances)


def _lock(business_id: int, accounts: set[Account]) -> dict:
    columns = (LedgerAccount.kind, LedgerAccount.owner_id, LedgerAccount.id)
    bounds = (LedgerAccount.balance, LedgerAccount.floor, LedgerAccount.ceiling)
    named = tuple_(LedgerAccount.kind, LedgerAccount.owner_id).in_([tuple(account) for account in accounts])
    query = (
        select(*columns, *bounds)
        .where(LedgerAccount.business_id == business_id, named)
        .order_by(LedgerAccount.id)
        .with_for_update()
    )
    rows = {Account(row.kind, row.owner_id): row for row in db.session.execute(query)}
    missing = accounts - rows.keys()
    if missing:
        raise LookupError(f"ledger accounts were never opened: {sorted(missing)}")
    return rows


def _check_bounds(rows: dict, balances: dict[Account, int]) -> None:
    """Say which account is short. The check constraint would refuse as well, but without its name."""
    for account, row in rows.items():
        low = row.floor is not None and balances[account] < row.floor
        high = row.ceiling is not None and balances[account] > row.ceiling
        if low or high:
            raise InsufficientFunds(account=account.kind, available=abs(row.balance))


_WRITE = text(
    """
    WITH entry AS (
        INSERT INTO ledger_entries (business_id, kind, reference, reverses_id, membership_id, business_day, at)
        VALUES (:business_id, :kind, :reference, :reverses_id, :membership_id, :business_day, :at)
        RETURNING id
    ), balances AS (
        UPDATE ledger_accounts a SET balance = n.balance
        FROM unnest(CAST(:account_ids AS bigint[]), CAST(:balances AS bigint[])) AS n (id, balance)
        WHERE a.business_id = :business_id AND a.id = n.id
    ), postings AS (
        INSERT INTO ledger_postings
            (business_id, entry_id, source_id, destination_id, amount, source_balance, destination_balance)
        SELECT :business_id, entry.id, p.source_id, p.destination_id, p.amount, p.source_balance, p.destination_balance
        FROM entry,
             unnest(CAST(:source_ids AS bigint[]), CAST(:destination_ids AS bigint[]), CAST(:amounts AS bigint[]),
                    CAST(:source_balances AS bigint[]), CAST(:destination_balances AS bigint[]))
             WITH ORDINALITY AS p (source_id, destination_id, amount, source_balance, destination_balance, n)
        ORDER BY p.n
    )
    SELECT id FROM entry
    """
)
_POSTING_COLUMNS = ("source_ids", "destination_ids", "amounts", "source_balances", "destination_balances")


def _write(act: Act, reverses_id: int | None, postings: list[tuple], balances: dict[int, int]) -> int:
    columns = dict(zip(_POSTING_COLUMNS, map(list, zip(*postings, strict=True)), strict=True))
    values = {
        "business_id": act.business_id,
        "kind": act.kind,
        "reference": act.reference,
        "reverses_id": reverses_id,
        "membership_id": act.membership_id,
        "business_day": act.business_day,
        "at": act.at,
        "account_ids": list(balances),
        "balances": list(balances.values()),
    }
    return db.session.execute(_WRITE, values | columns).scalar_one()


def reverse(act: Act, entry_id: int) -> Posted:
    """Write the exact opposite of entry `entry_id`, pointing at it. Raises AlreadyReversed, InsufficientFunds."""
    source, destination = aliased(LedgerAccount), aliased(LedgerAccount)
    query = (
        select(source.kind, source.owner_id, destination.kind, destination.owner_id, LedgerPosting.amount)
        .join(source, (source.business_id == LedgerPosting.business_id) & (source.id == LedgerPosting.source_id))
        .join(
            destination,
            (destination.business_id == LedgerPosting.business_id) & (destination.id == LedgerPosting.destination_id),
        )
        .where(LedgerPosting.business_id == act.business_id, LedgerPosting.entry_id == entry_id)
        .order_by(LedgerPosting.id.desc())
    )
    movements = [
        Movement(Account(to_kind, to_owner), Account(from_kind, from_owner), amount)
        for from_kind, from_owner, to_kind, to_owner, amount in db.session.execute(query)
    ]
    return post(act, movements, reverses_id=entry_id)


def balance_of(business_id: int, account: Account) -> int:
    """The stored balance of one account, in minor units."""
    return db.session.scalar(
        select(LedgerAccount.balance).where(
            LedgerAccount.business_id == business_id,
            LedgerAccount.kind == account.kind,
            LedgerAccount.owner_id == account.owner_id,
        )
    )


def statement(business_id: int, account: Account, *, limit: int, cursor: str | None) -> dict:
    """A page of an account's movements, newest first: signed amount, balance after, what it was and the other side."""
    own, other = aliased(LedgerAccount), aliased(LedgerAccount)
    incoming = LedgerPosting.destination_id == own.id
    query = (
        select(
            LedgerPosting.id,
            LedgerPosting.entry_id,
            LedgerEntry.kind,
            LedgerEntry.reference,
            LedgerEntry.reverses_id,
            LedgerEntry.business_day,
            LedgerEntry.at,
            case((incoming, LedgerPosting.amount), else_=-LedgerPosting.amount).label("amount"),
            case((incoming, LedgerPosting.destination_balance), else_=LedgerPosting.source_balance).label("balance"),
            other.kind.label("counterpart"),
        )
        .select_from(own)
        .join(
            LedgerPosting,
            (LedgerPosting.business_id == own.business_id)
            & or_(LedgerPosting.source_id == own.id, LedgerPosting.destination_id == own.id),
        )
        .join(
            other,
            (other.business_id == own.business_id)
            & (other.id == case((incoming, LedgerPosting.source_id), else_=LedgerPosting.destination_id)),
        )
        .join(LedgerEntry, (LedgerEntry.business_id == own.business_id) & (LedgerEntry.id == LedgerPosting.entry_id))
        .where(own.business_id == business_id, own.kind == account.kind, own.owner_id == account.owner_id)
    )
    return paging.page(query, LedgerPosting.id, limit=limit, cursor=cursor, newest_first=True)


def totals_by_kind(business_id: int) -> dict[str, int]:
    """The sum of balances of every kind of account of a business: its trial balance, which adds up to zero."""
    query = (
        select(LedgerAccount.kind, func.sum(LedgerAccount.balance))
        .where(LedgerAccount.business_id == business_id)
        .group_by(LedgerAccount.kind)
        .order_by(LedgerAccount.kind)
    )
    return {kind: int(total) for kind, total in db.session.execute(query)}


_DRIFTED = text(
    """
    WITH moved AS (
        SELECT business_id, account_id, sum(amount) AS amount FROM (
            SELECT business_id, destination_id AS account_id, amount FROM ledger_postings
            UNION ALL SELECT business_id, source_id, -amount FROM ledger_postings
        ) sides GROUP BY business_id, account_id
    )
    SELECT a.id, a.kind, a.owner_id, a.balance, coalesce(m.amount, 0) AS posted
    FROM ledger_accounts a LEFT JOIN moved m ON m.business_id = a.business_id AND m.account_id = a.id
    WHERE a.business_id = :business_id AND a.balance <> coalesce(m.amount, 0)
    ORDER BY a.id
    """
)


def drifted_accounts(business_id: int) -> list[dict]:
    """Accounts whose stored balance is not the sum of their postings. There should be none."""
    return [dict(row) for row in db.session.execute(_DRIFTED, {"business_id": business_id}).mappings()]


_UNFAITHFUL = text(
    """
    SELECT r.id FROM ledger_entries r
    WHERE r.business_id = :business_id AND r.reverses_id IS NOT NULL AND EXISTS (
        SELECT account_id FROM (
            SELECT source_id AS account_id, -amount AS amount FROM ledger_postings
            WHERE business_id = r.business_id AND entry_id IN (r.id, r.reverses_id)
            UNION ALL
            SELECT destination_id, amount FROM ledger_postings
            WHERE business_id = r.business_id AND entry_id IN (r.id, r.reverses_id)
        ) sides GROUP BY account_id HAVING sum(amount) <> 0
    )
    ORDER BY r.id
    """
)


def unfaithful_reversals(business_id: int) -> list[int]:
    """Reversals that do not undo exactly what they point at. There should be none."""
    return list(db.session.scalars(_UNFAITHFUL, {"business_id": business_id}))


def act_of(actor: Actor, kind: str, reference: str, business_day: date, at: datetime) -> Act:
    """The Act of somebody acting in their active business."""
    return Act(actor.business_id, kind, reference, business_day, at, actor.membership_id)
