"""Commission as arithmetic: which cycles owe how much."""

from collections.abc import Container, Iterable
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


class LargerThanContribution(Problem):
    code, status = "commissions.larger_than_contribution", 422
    title = "The flat commission, taken at the first mark, is larger than one contribution"


@dataclass(frozen=True)
class Policy:
    """How commission is reckoned. `value` is minor units for flat and basis points for percent; `cap` minor units.

    Cycles before `first_cycle` owe none: theirs was settled before the account came here.
    """

    kind: str
    value: int
    cap: int | None
    earned: str
    agent_share: int
    first_cycle: int = 1


@dataclass(frozen=True)
class CycleState:
    """What has been paid of one cycle. `day` is the contribution of its earliest paid slot, in minor units.

    A cycle is `finished` when nothing more can be paid in it, `past` when its last day is over.
    """

    number: int
    day: int
    paid: int
    finished: bool
    past: bool = False


@dataclass(frozen=True)
class Charge:
    """The commission of one cycle, in minor units, and the collector who earns it."""

    amount: int
    agent_id: int


def amount(policy: Policy, cycle: CycleState) -> int:
    """The commission of a started cycle, in minor units: never more than the cap, nor than what was paid in it."""
    if cycle.number < policy.first_cycle:
        return 0
    by_kind = {
        CommissionKind.ONE_DAY: cycle.day,
        CommissionKind.PERCENT: basis_points_of(cycle.paid, policy.value),
        CommissionKind.FLAT: policy.value,
    }
    return min(by_kind[policy.kind], cycle.paid, policy.cap or cycle.paid)


def due(policy: Policy, cycles: Iterable[CycleState]) -> dict[int, int]:
    """The commission of every cycle that owes one now, by cycle number.

    Earned at the cycle's end, one day is due when the cycle is past; what grows with late payments only when finished.
    """
    at_first_mark, fixed = policy.earned == Earned.FIRST_MARK, policy.kind == CommissionKind.ONE_DAY
    owing = {
        cycle.number: amount(policy, cycle)
        for cycle in cycles
        if at_first_mark or cycle.finished or (fixed and cycle.past)
    }
    return {number: owed for number, owed in owing.items() if owed > 0}


def reserve(policy: Policy, cycles: Iterable[CycleState], taken: Container[int]) -> int:
    """What started cycles will still owe, in minor units: money the customer has but cannot take out."""
    return sum(amount(policy, cycle) for cycle in cycles if cycle.number not in taken)


def outdated(policy: Policy, cycles: Iterable[CycleState], taken: dict[int, Charge]) -> set[int]:
    """The cycles whose commission, as it was taken, is no longer right after a reversal, and is to be given back.

    At a cycle's end the amount must be what is due now. At the first mark it was right then, and is only too much when
    the cycle has since lost what it was reckoned from.
    """
    now = due(policy, cycles)
    if policy.earned == Earned.CYCLE_END:
        return {cycle for cycle, charge in taken.items() if now.get(cycle) != charge.amount}
    return {cycle for cycle, charge in taken.items() if now.get(cycle, 0) < charge.amount}


def check_first_mark(policy: Policy, contribution: int) -> None:
    """Raise LargerThanContribution for a flat commission that one contribution, the first mark, does not cover."""
    flat = policy.kind == CommissionKind.FLAT and policy.earned == Earned.FIRST_MARK
    if flat and min(policy.value, policy.cap or policy.value) > contribution:
        raise LargerThanContribution


def shares(policy: Policy, commission: int) -> tuple[int, int]:
    """(agent's part, business's part) of a commission; they add up to it."""
    agent, business = split(commission, [policy.agent_share, BASIS_POINTS - policy.agent_share])
    return agent, business
