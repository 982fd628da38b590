"""Reads of savings accounts, always within the caller's sight.

A `Card` is an account with everything that decides its slots and its money, fetched by one statement.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy import BigInteger, ColumnElement, Integer, Select, and_, bindparam, cast, func, select, true
from sqlalchemy.dialects.postgresql import aggregate_order_by

from blueprints.commissions.models import Commission
from blueprints.commissions.rules import Charge, CommissionStatus, Policy, reserve
from blueprints.savings.models import Marking, SavingsAccount, SavingsTerms
from blueprints.savings.rules import MarkingStatus, Plan, Terms
from blueprints.settings.models import BusinessSettings, Holiday
from blueprints.settings.rules import AccountKind
from blueprints.users.queries import in_sight
from ofektom import clock, paging, plain
from ofektom.errors import NotFound
from ofektom.extensions import db
from ofektom.identity import Actor, Membership
from ofektom.ledger import LedgerAccount

ACCOUNT = tuple(SavingsAccount.__table__.c)
# What a list leaves out decides money and is not shown.
HIDDEN = {"commission_value", "commission_cap", "agent_share", "commission_from"}
SHOWN = tuple(column for column in ACCOUNT if column.name not in HIDDEN)
TERMS = (
    SavingsTerms.contribution,
    SavingsTerms.weekdays,
    SavingsTerms.cycles,
    SavingsTerms.target_amount,
    SavingsTerms.end_date,
)
RULES = (BusinessSettings.backdating_days, BusinessSettings.reversal_minutes, BusinessSettings.partial_payouts)


@dataclass(frozen=True)
class Card:
    """A savings account as it stands: its row, plan, balance and the business's clock. Amounts in minor units."""

    row: dict
    plan: Plan
    policy: Policy
    taken: dict[int, Charge]
    today: date
    now: datetime

    @property
    def id(self) -> int:
        return self.row["id"]

    @property
    def business_id(self) -> int:
        return self.row["business_id"]

    @property
    def balance(self) -> int:
        return self.row["balance"]

    def after(self, *, balance: int, taken: dict[int, Charge]) -> "Card":
        """The card once commission has been taken."""
        return replace(self, row=self.row | {"balance": balance}, taken=taken)

    @property
    def reserved(self) -> int:
        """The commission that started cycles still owe."""
        return reserve(self.policy, self.plan.cycles(self.today), self.taken)

    def available(self) -> int:
        """What the customer may take out: the balance less what is reserved."""
        return max(0, self.balance - self.reserved)

    def taken_from_credit(self, amount: int) -> int:
        """How much of `amount` taken out comes from the credit: it goes last, for it is meant for the next slot."""
        free = max(0, self.balance - self.reserved - self.row["credit"])
        return max(0, amount - free)


def _of_account(model) -> ColumnElement[bool]:
    return and_(model.business_id == SavingsAccount.business_id, model.account_id == SavingsAccount.id)


def _terms():
    version = func.json_build_array(SavingsTerms.effective_from, *TERMS)
    rows = func.json_agg(aggregate_order_by(version, SavingsTerms.id))
    return select(rows).where(_of_account(SavingsTerms)).scalar_subquery()


def _paid():
    rows = func.json_agg(func.json_build_array(Marking.slot_date, Marking.amount, Marking.cycle))
    query = select(rows).where(_of_account(Marking), Marking.status == MarkingStatus.PAID)
    return query.scalar_subquery()


def _taken():
    amount = Commission.agent_amount + Commission.business_amount
    rows = func.json_agg(func.json_build_array(Commission.cycle, amount, Commission.agent_id))
    query = select(rows).where(_of_account(Commission))
    return query.where(Commission.status == CommissionStatus.EARNED).scalar_subquery()


def _holidays():
    query = select(func.json_agg(Holiday.day)).where(Holiday.business_id == SavingsAccount.business_id)
    return query.scalar_subquery()


# By which an account is joined with the customer whose it is.
ITS_CUSTOMER = and_(Membership.business_id == SavingsAccount.business_id, Membership.id == SavingsAccount.customer_id)


def its_money(account) -> ColumnElement[bool]:
    """By which `account`, anything with those columns, is joined with what it holds."""
    owns = and_(LedgerAccount.kind == AccountKind.SAVINGS, LedgerAccount.owner_id == account.id)
    return and_(LedgerAccount.business_id == account.business_id, owns)


ITS_MONEY = its_money(SavingsAccount)
_OF_CUSTOMER = (Membership.parent_id.label("collector_id"), Membership.full_name.label("customer_name"))


def _own(actor: Actor) -> tuple[ColumnElement[bool], ...]:
    """The conditions that an account and its customer are in the actor's sight."""
    return SavingsAccount.business_id == actor.business_id, in_sight(actor)


def _cards(actor: Actor) -> Select:
    """Every fact of a card, for the accounts in the actor's sight."""
    query = select(
        *ACCOUNT,
        *RULES,
        LedgerAccount.balance,
        *_OF_CUSTOMER,
        Membership.status.label("customer_status"),
        _terms().label("terms"),
        _paid().label("paid"),
        _taken().label("taken"),
        _holidays().label("holidays"),
        clock.today(actor.timezone).label("today"),
        clock.now().label("now"),
    )
    query = query.select_from(SavingsAccount).join(Membership, ITS_CUSTOMER).join(LedgerAccount, ITS_MONEY)
    query = query.join(BusinessSettings, BusinessSettings.business_id == SavingsAccount.business_id)
    return query.where(*_own(actor))


def _card(row) -> Card:
    facts = dict(row)
    versions, paid = facts.pop("terms") or [], facts.pop("paid") or []
    plan = Plan(
        kind=facts["kind"],
        cycle_kind=facts["cycle_kind"],
        cycle_days=facts["cycle_days"],
        start=facts["start"],
        versions=[_version(*version) for version in versions],
        holidays=frozenset(map(date.fromisoformat, facts.pop("holidays") or [])),
        paid={date.fromisoformat(day): (amount, cycle) for day, amount, cycle in paid},
        ended_on=facts["ended_on"],
    )
    policy = Policy(
        kind=facts["commission_kind"],
        value=facts["commission_value"],
        cap=facts["commission_cap"],
        earned=facts["commission_earned"],
        agent_share=facts["agent_share"],
        first_cycle=facts["commission_from"],
    )
    taken = {cycle: Charge(amount, agent_id) for cycle, amount, agent_id in facts.pop("taken") or []}
    return Card(facts, plan, policy, taken, facts.pop("today"), facts.pop("now"))


def _version(effective_from, contribution, weekdays, cycles, target_amount, end_date) -> Terms:
    end = end_date and date.fromisoformat(end_date)
    return Terms(date.fromisoformat(effective_from), contribution, weekdays, cycles, target_amount, end)


@plain.prepared
def _one_card(actor: Actor) -> Select:
    return _cards(actor).where(SavingsAccount.id == bindparam("account_id"))


def card(actor: Actor, account_id: int) -> Card:
    """One card in the actor's sight; raises NotFound. One statement."""
    rows = _one_card(actor, account_id=account_id)
    if not rows:
        raise NotFound
    return _card(rows[0])


def locked_card(actor: Actor, account_id: int) -> Card:
    """The same, with the account locked until the transaction ends.

    Two statements: facts fetched together with the lock would be as old as the moment the wait began.
    """
    _lock.later(actor, account_id=account_id)
    return card(actor, account_id)


@plain.prepared
def _lock(actor: Actor) -> Select:
    own = SavingsAccount.business_id == actor.business_id
    query = select(SavingsAccount.id).where(own, SavingsAccount.id == bindparam("account_id"))
    return query.with_for_update(key_share=True)


def is_rolled_over(card: Card) -> bool:
    """Whether the account has its next plan already."""
    successor = select(SavingsAccount.id).where(
        SavingsAccount.business_id == card.business_id, SavingsAccount.rolled_from_id == card.id
    )
    return db.session.scalar(successor) is not None


def cards(actor: Actor, *conditions, limit: int, cursor: str | None) -> tuple[list[Card], str | None]:
    """A page of cards in the actor's sight and the cursor of the next one."""
    page = paging.page(_cards(actor).where(*conditions), SavingsAccount.id, limit=limit, cursor=cursor)
    return [_card(row) for row in page["items"]], page["next"]


FILTERS = {
    "account_id": SavingsAccount.id,
    "customer_id": SavingsAccount.customer_id,
    "collector_id": Membership.parent_id,
    "state": SavingsAccount.state,
    "kind": SavingsAccount.kind,
    "tracking_number": SavingsAccount.tracking_number,
    "reference": SavingsAccount.reference,
}


@plain.prepared
def _summaries(actor: Actor, filters: tuple[str, ...], follows: bool) -> Select:
    """Summaries of the accounts that have the values of `filters`, at most `most` of them; those after `after`."""
    query = select(*SHOWN, *_OF_CUSTOMER).join(Membership, ITS_CUSTOMER).where(*_own(actor))
    query = query.where(*(FILTERS[name] == bindparam(name) for name in filters))
    if follows:
        query = query.where(SavingsAccount.id > bindparam("after"))
    found = query.order_by(SavingsAccount.id).limit(bindparam("most", type_=Integer)).subquery("found")

    def of_found(model):
        return and_(model.business_id == found.c.business_id, model.account_id == found.c.id)

    latest = select(*TERMS).where(of_found(SavingsTerms)).order_by(SavingsTerms.id.desc()).limit(1).lateral("latest")
    total = cast(func.coalesce(func.sum(Marking.amount), 0), BigInteger)
    paid = select(func.count().label("slots_paid"), total.label("amount_paid"))
    paid = paid.where(of_found(Marking), Marking.status == MarkingStatus.PAID).lateral("paid")
    # The money of those found, for it would be read along with all accounts before the first of them.
    query = select(found, LedgerAccount.balance, latest, paid).select_from(found)
    query = query.join(LedgerAccount, its_money(found.c)).join(latest, true()).join(paid, true())
    return query.order_by(found.c.id)


def account(actor: Actor, account_id: int) -> dict:
    """The summary of one account in the actor's sight; raises NotFound. One statement."""
    rows = _summaries(actor, ("account_id",), False, account_id=account_id, most=1)
    if not rows:
        raise NotFound
    return rows[0]


def accounts(actor: Actor, *, limit: int, cursor: str | None, **filters) -> dict:
    """A page of accounts, filtered by what FILTERS names. One statement."""
    given = {name: value for name, value in filters.items() if value is not None}
    if cursor is not None:
        given["after"] = paging.decode(cursor)
    names = tuple(name for name in given if name in FILTERS)
    return paging.of_rows(_summaries(actor, names, cursor is not None, most=limit + 1, **given), limit)


def summary(card: Card) -> dict:
    """What a list shows of the account of a card."""
    latest = card.plan.latest
    terms = {column.name: getattr(latest, column.name) for column in TERMS}
    paid = [amount for amount, _ in card.plan.paid.values()]
    return card.row | terms | {"slots_paid": len(paid), "amount_paid": sum(paid)}


def sheet(card: Card) -> dict:
    """The card as it is shown: its summary, slots with their status, and totals in minor units."""
    slots = card.plan.slots()
    shown = [
        {"date": slot.date, "amount": slot.amount, "cycle": slot.cycle, "status": slot.status(card.today)}
        for slot in slots
    ]
    open_slots = [slot for slot in slots if not slot.paid]
    totals = {
        "slots": len(slots),
        "slots_paid": len(slots) - len(open_slots),
        "slots_missed": sum(slot.date < card.today for slot in open_slots),
        "amount_planned": sum(slot.amount for slot in slots),
        "amount_paid": sum(slot.amount for slot in slots if slot.paid),
        "amount_missed": sum(slot.amount for slot in open_slots if slot.date < card.today),
        "amount_open": sum(slot.amount for slot in open_slots),
        "credit": card.row["credit"],
        "balance": card.balance,
        "available": card.available(),
    }
    return {"account": summary(card), "today": card.today, "slots": shown, "totals": totals}
