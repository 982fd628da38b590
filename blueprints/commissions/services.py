"""Taking commission and giving it back. Both run inside the verb of the act that causes them."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select

from blueprints.commissions.models import Commission
from blueprints.commissions.rules import CommissionStatus, Policy, shares
from blueprints.settings.rules import AccountKind
from ofektom import ledger
from ofektom.extensions import db
from ofektom.ledger import Account, Act, Movement


@dataclass(frozen=True)
class Occasion:
    """The act in which commissions are taken or given back: on whose account, for which collector, when and by whom.

    `cause` names the act, so that a commission given back and taken again has another reference.
    """

    business_id: int
    account_id: int
    agent_id: int
    business_day: date
    at: datetime
    membership_id: int | None
    cause: str

    def act(self, kind: str, reference: str) -> Act:
        return Act(self.business_id, kind, reference, self.business_day, self.at, self.membership_id)


def take(occasion: Occasion, policy: Policy, cycle: int, amount: int) -> None:
    """Take the commission of one cycle: from the customer's savings to the agent and the business.

    Raises AlreadyEarned, InsufficientFunds.
    """
    agent_amount, business_amount = shares(policy, amount)
    savings = Account(AccountKind.SAVINGS, occasion.account_id)
    movements = [
        Movement(savings, Account(AccountKind.COMMISSION_PAYABLE, occasion.agent_id), agent_amount),
        Movement(savings, Account(AccountKind.BUSINESS_INCOME), business_amount),
    ]
    commission = Commission(
        business_id=occasion.business_id,
        account_id=occasion.account_id,
        cycle=cycle,
        agent_id=occasion.agent_id,
        agent_amount=agent_amount,
        business_amount=business_amount,
        status=CommissionStatus.EARNED,
        at=occasion.at,
    )
    act = occasion.act("commission", f"commission:{occasion.account_id}:{cycle}:{occasion.cause}")
    commission.entry_id = ledger.post(act, [move for move in movements if move.amount]).entry_id
    db.session.add(commission)
    db.session.flush()


def claw_back(occasion: Occasion, cycle: int) -> None:
    """Give back the commission of a cycle, by reversing its entry. Does nothing when none was taken."""
    query = select(Commission).where(
        Commission.business_id == occasion.business_id,
        Commission.account_id == occasion.account_id,
        Commission.cycle == cycle,
        Commission.status == CommissionStatus.EARNED,
    )
    commission = db.session.scalar(query.with_for_update())
    if commission is None:
        return
    ledger.reverse(occasion.act("commission.clawed_back", f"clawback:{commission.id}"), commission.entry_id)
    commission.status = CommissionStatus.CLAWED_BACK
    db.session.flush()
