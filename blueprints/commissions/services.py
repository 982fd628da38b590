"""Taking commission and giving it back, within the verb of the act that causes it.

Both are prepared as ledger entries, so that the verb posts them together with its own, and then recorded.
"""

from dataclasses import dataclass

from sqlalchemy import insert, select, update

from blueprints.commissions.models import Commission
from blueprints.commissions.rules import CommissionStatus, Policy, shares
from blueprints.settings.rules import AccountKind
from ofektom import ledger
from ofektom.extensions import db
from ofektom.ledger import Account, Act, Entry, Movement


@dataclass(frozen=True)
class Occasion:
    """The act in which commissions are taken or given back: on whose account, and which collector earns.

    `cause` names the act, so that a commission given back and taken again has another reference.
    """

    act: Act
    account_id: int
    agent_id: int
    cause: str

    def reference(self, cycle: int) -> str:
        return f"commission:{self.account_id}:{cycle}:{self.cause}"


def charges(occasion: Occasion, policy: Policy, owing: dict[int, int]) -> list[Entry]:
    """The entries that take `owing` (minor units by cycle) from the customer's savings to agent and business."""
    return [
        Entry("commission", occasion.reference(cycle), _movements(occasion, policy, amount))
        for cycle, amount in owing.items()
    ]


def _movements(occasion: Occasion, policy: Policy, amount: int) -> list[Movement]:
    savings = Account(AccountKind.SAVINGS, occasion.account_id)
    takers = [Account(AccountKind.COMMISSION_PAYABLE, occasion.agent_id), Account(AccountKind.BUSINESS_INCOME)]
    parts = zip(takers, shares(policy, amount), strict=True)
    return [Movement(savings, taker, part) for taker, part in parts if part]


def record(occasion: Occasion, policy: Policy, owing: dict[int, int], entry_ids: dict[str, int]) -> None:
    """Note the commissions whose charges have been posted. Raises AlreadyEarned (by the unique index)."""
    rows = []
    for cycle, amount in owing.items():
        agent_amount, business_amount = shares(policy, amount)
        row = {
            "business_id": occasion.act.business_id,
            "account_id": occasion.account_id,
            "cycle": cycle,
            "agent_id": occasion.agent_id,
            "agent_amount": agent_amount,
            "business_amount": business_amount,
            "status": CommissionStatus.EARNED,
            "entry_id": entry_ids[occasion.reference(cycle)],
            "at": occasion.act.at,
        }
        rows.append(row)
    if rows:
        db.session.execute(insert(Commission).values(rows))


def give_back(occasion: Occasion, cycles: set[int]) -> tuple[list[Entry], int]:
    """Mark the commissions of `cycles` as clawed back; returns the entries that reverse them, and their sum."""
    mine = (Commission.business_id == occasion.act.business_id) & (Commission.account_id == occasion.account_id)
    earned = mine & Commission.cycle.in_(cycles) & (Commission.status == CommissionStatus.EARNED)
    columns = (Commission.id, Commission.entry_id, Commission.agent_amount + Commission.business_amount)
    taken = db.session.execute(select(*columns).where(earned).order_by(Commission.cycle)).all() if cycles else []
    if taken:
        back = update(Commission).where(earned).values(status=CommissionStatus.CLAWED_BACK)
        db.session.execute(back.execution_options(synchronize_session=False))
    business_id = occasion.act.business_id
    entries = [
        ledger.reversal(business_id, entry_id, "commission.clawed_back", f"clawback:{commission_id}")
        for commission_id, entry_id, _ in taken
    ]
    return entries, sum(amount for _, _, amount in taken)
