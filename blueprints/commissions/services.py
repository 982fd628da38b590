"""Taking commission and giving it back, within the verb of the act that causes it.

Both are prepared as ledger entries, so that the verb posts them together with its own, and then recorded.
"""

from dataclasses import dataclass

from sqlalchemy import insert, update

from blueprints.commissions.models import Commission
from blueprints.commissions.rules import Charge, CommissionStatus, Policy, shares
from blueprints.settings.rules import AccountKind
from ofektom import ledger
from ofektom.extensions import db
from ofektom.ledger import Account, Act, Entry, Movement


@dataclass(frozen=True)
class Occasion:
    """The act in which commissions are taken or given back, and on which account.

    `cause` names the act, so that a commission given back and taken again has another reference.
    """

    act: Act
    account_id: int
    cause: str

    def reference(self, cycle: int) -> str:
        return f"commission:{self.account_id}:{cycle}:{self.cause}"


def entries_of(occasion: Occasion, policy: Policy, owing: dict[int, Charge]) -> list[Entry]:
    """The entries that take what is owing, by cycle, from the customer's savings to agent and business."""
    return [
        Entry("commission", occasion.reference(cycle), _movements(occasion, policy, charge))
        for cycle, charge in owing.items()
    ]


def _movements(occasion: Occasion, policy: Policy, charge: Charge) -> list[Movement]:
    savings = Account(AccountKind.SAVINGS, occasion.account_id)
    takers = [Account(AccountKind.COMMISSION_PAYABLE, charge.agent_id), Account(AccountKind.BUSINESS_INCOME)]
    parts = zip(takers, shares(policy, charge.amount), strict=True)
    return [Movement(savings, taker, part) for taker, part in parts if part]


def record(occasion: Occasion, policy: Policy, owing: dict[int, Charge]) -> None:
    """Note the commissions whose charges have been posted. Raises AlreadyEarned (by the unique index)."""
    rows = []
    for cycle, charge in owing.items():
        agent_amount, business_amount = shares(policy, charge.amount)
        row = {
            "business_id": occasion.act.business_id,
            "account_id": occasion.account_id,
            "cycle": cycle,
            "agent_id": charge.agent_id,
            "agent_amount": agent_amount,
            "business_amount": business_amount,
            "status": CommissionStatus.EARNED,
            "entry_id": ledger.id_of(occasion.act.business_id, occasion.reference(cycle)),
            "at": occasion.act.at,
        }
        rows.append(row)
    if rows:
        db.session.execute(insert(Commission).values(rows))


def give_back(occasion: Occasion, cycles: set[int]) -> list[Entry]:
    """Mark the commissions of `cycles` as clawed back; returns the entries that reverse them, to be posted."""
    if not cycles:
        return []
    mine = (Commission.business_id == occasion.act.business_id) & (Commission.account_id == occasion.account_id)
    earned = mine & Commission.cycle.in_(cycles) & (Commission.status == CommissionStatus.EARNED)
    back = update(Commission).where(earned).values(status=CommissionStatus.CLAWED_BACK)
    returned = back.returning(Commission.id, Commission.entry_id).execution_options(synchronize_session=False)
    business_id = occasion.act.business_id
    return [
        ledger.reversal(business_id, entry_id, "commission.clawed_back", f"clawback:{commission_id}")
        for commission_id, entry_id in sorted(map(tuple, db.session.execute(returned)))
    ]
