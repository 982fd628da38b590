"""Reads of savings accounts and their cards."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from fastapi import HTTPException
from sqlalchemy import Select, func, select, true
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import contains_eager, joinedload, selectinload

from bench.peers import plan
from bench.peers.fastapi_peer.callers import Place
from bench.peers.fastapi_peer.models import Holiday, LedgerAccount, Marking, Membership, SavingsAccount, SavingsTerms
from bench.peers.fastapi_peer.schemas import AccountOut, AccountPage, CardOut, SlotOut, TotalsOut

OF_SAVINGS = (LedgerAccount.kind == "savings") & (LedgerAccount.owner_id == SavingsAccount.id)

TERMS = (
    SavingsTerms.contribution,
    SavingsTerms.weekdays,
    SavingsTerms.cycles,
    SavingsTerms.target_amount,
    SavingsTerms.end_date,
)


def today(place: Place) -> date:
    return datetime.now(ZoneInfo(place.timezone)).date()


def visible(place: Place, query: Select) -> Select:
    """The accounts a member may see: all for an admin, else those of their own customers."""
    query = query.where(SavingsAccount.business_id == place.business_id)
    return query if place.role == "admin" else query.where(Membership.parent_id == place.membership_id)


def _summaries(place: Place) -> Select:
    latest = select(*TERMS).where(SavingsTerms.account_id == SavingsAccount.id)
    latest = latest.order_by(SavingsTerms.id.desc()).limit(1).lateral("latest")
    paid = select(func.count().label("slots"), func.coalesce(func.sum(Marking.amount), 0).label("amount"))
    paid = paid.where(Marking.account_id == SavingsAccount.id, Marking.status == "paid").lateral("paid")
    query = select(SavingsAccount, LedgerAccount.balance, latest, paid.c.slots, paid.c.amount)
    query = query.join(SavingsAccount.customer).options(contains_eager(SavingsAccount.customer))
    return visible(place, query.join(LedgerAccount, OF_SAVINGS).join(latest, true()).join(paid, true()))


def _account_out(place: Place, account: SavingsAccount, terms, **figures) -> AccountOut:
    return AccountOut(
        currency=place.currency,
        id=account.id,
        tracking_number=account.tracking_number,
        customer_id=account.customer_id,
        customer_name=account.customer.full_name,
        collector_id=account.customer.parent_id,
        kind=account.kind,
        label=account.label,
        state=account.state,
        start=account.start,
        ended_on=account.ended_on,
        rolled_from_id=account.rolled_from_id,
        reference=account.reference,
        cycle_kind=account.cycle_kind,
        cycle_days=account.cycle_days,
        contribution=terms.contribution,
        weekdays=plan.weekday_list(terms.weekdays),
        cycles=terms.cycles,
        target_amount=terms.target_amount,
        end_date=terms.end_date,
        commission_kind=account.commission_kind,
        commission_earned=account.commission_earned,
        credit=account.credit,
        opening_balance=account.opening_balance,
        created_at=account.created_at,
        **figures,
    )


def _of_row(place: Place, row) -> AccountOut:
    figures = {"slots_paid": row.slots, "amount_paid": int(row.amount), "balance": row.balance}
    return _account_out(place, row.SavingsAccount, row, **figures)


async def one(session: AsyncSession, place: Place, account_id: int) -> AccountOut:
    row = (await session.execute(_summaries(place).where(SavingsAccount.id == account_id))).first()
    if row is None:
        raise HTTPException(404, "there is no such thing here")
    return _of_row(place, row)


async def page(session: AsyncSession, place: Place, limit: int, after: int) -> AccountPage:
    query = _summaries(place).where(SavingsAccount.id > after).order_by(SavingsAccount.id).limit(limit + 1)
    rows = (await session.execute(query)).all()
    items = [_of_row(place, row) for row in rows[:limit]]
    return AccountPage(items=items, next=str(items[-1].id) if len(rows) > limit else None)


async def loaded(session: AsyncSession, place: Place, account_id: int) -> SavingsAccount:
    """An account with all that decides its slots; 404."""
    everything = (
        joinedload(SavingsAccount.customer),
        selectinload(SavingsAccount.terms),
        selectinload(SavingsAccount.markings.and_(Marking.status == "paid")),
        selectinload(SavingsAccount.commissions),
    )
    query = visible(place, select(SavingsAccount).join(SavingsAccount.customer).options(*everything))
    account = await session.scalar(query.where(SavingsAccount.id == account_id))
    if account is None:
        raise HTTPException(404, "there is no such thing here")
    return account


async def slots_of(session: AsyncSession, account: SavingsAccount) -> list[plan.Slot]:
    days = await session.scalars(select(Holiday.day).where(Holiday.business_id == account.business_id))
    versions = [plan.Terms(one.effective_from, one.contribution, one.weekdays, one.cycles) for one in account.terms]
    paid = {marking.slot_date: (marking.amount, marking.cycle) for marking in account.markings}
    return plan.Plan(account.start, account.cycle_days, versions, frozenset(days), paid).slots()


def charged(account: SavingsAccount) -> set[int]:
    """The cycles whose commission has been taken."""
    return {one.cycle for one in account.commissions if one.status == "earned"}


async def card(session: AsyncSession, place: Place, account_id: int) -> CardOut:
    account = await loaded(session, place, account_id)
    slots, day = await slots_of(session, account), today(place)
    mine = (LedgerAccount.business_id == place.business_id) & (LedgerAccount.kind == "savings")
    balance = await session.scalar(select(LedgerAccount.balance).where(mine, LedgerAccount.owner_id == account.id))
    reserved = plan.one_day_reserve(slots, charged(account))
    sums = plan.totals(slots, day, credit=account.credit, balance=balance, reserved=reserved)
    figures = {"slots_paid": sums["slots_paid"], "amount_paid": sums["amount_paid"], "balance": balance}
    return CardOut(
        account=_account_out(place, account, account.terms[-1], **figures),
        today=day,
        slots=[SlotOut(date=s.date, amount=s.amount, cycle=s.cycle, status=s.status(day)) for s in slots],
        totals=TotalsOut(**sums),
    )
