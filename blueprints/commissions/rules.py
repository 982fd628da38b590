"""Commission as arithmetic: which cycles owe how much."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from blueprints.settings.rules import CommissionKind, Earned
from ofektom.errors import Problem
from ofektom.money import BASIS_POINTS, basis_points_of, split


class CommissionStatus(StrEnum):
    EARNED = "earned"
    CLAWED_BACK = "clawed_back"


class AlreadyEarned(Problem):
    code, status, title = "commissions.already_earned", 409, "The commission of this cycle has been taken already"
    constraints = ("uq_commissions_cycle",)


@dataclass(frozen=True)
class Policy:
    """How commission is reckoned. `value` is minor units for flat and basis points for percent; `cap` minor units."""

    kind: str
    value: int
    cap: int | None
    earned: str
    agent_share: int


@dataclass(frozen=True)
class CycleState:
    """What has been paid of one cycle. `day` is the contribution of its earliest paid slot, in minor units."""

    number: int
    day: int
    paid: int
    finished: bool


def amount(policy: Policy, cycle: CycleState) -> int:
    """The commission of a started cycle, in minor units: never more than the cap, nor than what was paid in it."""
    by_kind = {
        CommissionKind.ONE_DAY: cycle.day,
        CommissionKind.PERCENT: basis_points_of(cycle.paid, policy.value),
        CommissionKind.FLAT: policy.value,
    }
    return min(by_kind[policy.kind], cycle.paid, policy.cap or cycle.paid)


def due(policy: Policy, cycles: Iterable[CycleState]) -> dict[int, int]:
    """The commission of every cycle that owes one now, by cycle number."""
    at_first_mark = policy.earned == Earned.FIRST_MARK
    owing = {cycle.number: amount(policy, cycle) for cycle in cycles if at_first_mark or cycle.finished}
    return {number: owed for number, owed in owing.items() if owed > 0}


def reserve(policy: Policy, cycles: Iterable[CycleState], taken: set[int]) -> int:
    """What started cycles will still owe, in minor units: money the customer has but cannot take out."""
    return sum(amount(policy, cycle) for cycle in cycles if cycle.number not in taken)


def shares(policy: Policy, commission: int) -> tuple[int, int]:
    """(agent's part, business's part) of a commission; they add up to it."""
    agent, business = split(commission, [policy.agent_share, BASIS_POINTS - policy.agent_share])
    return agent, business
