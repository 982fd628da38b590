"""Reads of savings accounts, always within the caller's sight.

A `Card` is an account with everything that decides its slots and its money, fetched by one statement.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy import ColumnElement, Select, and_, func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by

from blueprints.commissions.models import Commission
from blueprints.commissions.rules import Charge, CommissionStatus, Policy, reserve
from blueprints.savings.models import Marking, SavingsAccount, SavingsTerms
from blueprints.savings.rules import MarkingStatus, Plan, Terms
from blueprints.settings.models import BusinessSettings, Holiday
from blueprints.settings.rules import AccountKind
from blueprints.users.queries import in_sight
from ofektom import clock, paging
from ofektom.errors import NotFound
from ofektom.extensions import db
from ofektom.identity import Actor, Membership
from ofektom.ledger import LedgerAccount

ACCOUNT = tuple(SavingsAccount.__table__.c)
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
    fields = (SavingsTerms.effective_from, SavingsTerms.contribution, SavingsTerms.weekdays)
    fields += (SavingsTerms.cycles, SavingsTerms.target_amount, SavingsTerms.end_date)
    rows = func.json_agg(aggregate_order_by(func.json_build_array(*fields), SavingsTerms.id))
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


def _cards(actor: Actor) -> Select:
    """Every fact of a card, for the accounts in the actor's sight."""
    customer = and_(Membership.business_id == SavingsAccount.business_id, Membership.id == SavingsAccount.customer_id)
    money = and_(
        LedgerAccount.business_id == SavingsAccount.business_id,
        LedgerAccount.kind == AccountKind.SAVINGS,
        LedgerAccount.owner_id == SavingsAccount.id,
    )
    return (
        select(
            *ACCOUNT,
            *RULES,
            LedgerAccount.balance,
            Membership.parent_id.label("collector_id"),
            Membership.full_name.label("customer_name"),
            Membership.status.label("customer_status"),
            _terms().label("terms"),
            _paid().label("paid"),
            _taken().label("taken"),
            _holidays().label("holidays"),
            clock.today(actor.timezone).label("today"),
            clock.now().label("now"),
        )
        .join(Membership, customer)
        .join(LedgerAccount, money)
        .join(BusinessSettings, BusinessSettings.business_id == SavingsAccount.business_id)
        .where(SavingsAccount.business_id == actor.business_id, in_sight(actor))
    )


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
    )
    taken = {cycle: Charge(amount, agent_id) for cycle, amount, agent_id in facts.pop("taken") or []}
    return Card(facts, plan, policy, taken, facts.pop("today"), facts.pop("now"))


def _version(effective_from, contribution, weekdays, cycles, target_amount, end_date) -> Terms:
    end = end_date and date.fromisoformat(end_date)
    return Terms(date.fromisoformat(effective_from), contribution, weekdays, cycles, target_amount, end)


def card(actor: Actor, account_id: int) -> Card:
    """One card in the actor's sight; raises NotFound. One statement."""
    row = db.session.execute(_cards(actor).where(SavingsAccount.id == account_id)).mappings().first()
    if row is None:
        raise NotFound
    return _card(row)


def locked_card(actor: Actor, account_id: int) -> Card:
    """The same, with the account locked until the transaction ends.

    Two statements: facts fetched together with the lock would be as old as the moment the wait began.
    """
    lock = select(SavingsAccount.id).where(
        SavingsAccount.business_id == actor.business_id, SavingsAccount.id == account_id
    )
    if db.session.execute(lock.with_for_update(key_share=True)).first() is None:
        raise NotFound
    return card(actor, account_id)


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


def accounts(actor: Actor, *, limit: int, cursor: str | None, **filters) -> dict:
    """A page of accounts, filtered by customer_id, collector_id, state, kind or tracking_number."""
    columns = {
        "customer_id": SavingsAccount.customer_id,
        "collector_id": Membership.parent_id,
        "state": SavingsAccount.state,
        "kind": SavingsAccount.kind,
        "tracking_number": SavingsAccount.tracking_number,
    }
    conditions = [columns[name] == value for name, value in filters.items() if value is not None]
    page, following = cards(actor, *conditions, limit=limit, cursor=cursor)
    return {"items": [summary(card) for card in page], "next": following}


def summary(card: Card) -> dict:
    """What a list shows of an account."""
    latest = card.plan.latest
    terms = {name: getattr(latest, name) for name in ("contribution", "cycles", "target_amount", "end_date")}
    paid = [amount for amount, _ in card.plan.paid.values()]
    return card.row | terms | {"slots_paid": len(paid), "amount_paid": sum(paid), "weekdays": latest.weekdays}


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
