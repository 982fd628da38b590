"""Commission as arithmetic."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blueprints.commissions.rules import CycleState, Policy, amount, due, reserve, shares

ONE_DAY = Policy("one_day", 0, None, "first_mark", 10_000)
STARTED = CycleState(1, day=500, paid=1_000, finished=False)


def test_one_day_is_the_contribution_of_the_first_day_paid():
    assert amount(ONE_DAY, STARTED) == 500


def test_a_percentage_is_of_what_was_paid_rounded_down():
    policy = Policy("percent", 333, None, "cycle_end", 10_000)
    assert amount(policy, CycleState(1, 500, 10_001, True)) == 333


def test_a_flat_commission_is_capped_and_never_more_than_was_paid():
    assert amount(Policy("flat", 700, None, "cycle_end", 10_000), STARTED) == 700
    assert amount(Policy("flat", 700, 600, "cycle_end", 10_000), STARTED) == 600
    assert amount(Policy("flat", 7_000, None, "cycle_end", 10_000), STARTED) == 1_000


@pytest.mark.parametrize(("earned", "owing"), [("first_mark", {1: 500, 2: 500}), ("cycle_end", {1: 500})])
def test_when_commission_is_due(earned, owing):
    policy = Policy("one_day", 0, None, earned, 10_000)
    assert due(policy, [CycleState(1, 500, 1_000, True), CycleState(2, 500, 500, False)]) == owing


def test_started_cycles_reserve_what_they_will_owe():
    policy = Policy("one_day", 0, None, "cycle_end", 10_000)
    assert reserve(policy, [STARTED, CycleState(2, 500, 500, True)], taken={2}) == 500


@given(commission=st.integers(1, 10**11), share=st.integers(0, 10_000))
def test_the_shares_add_up(commission, share):
    agent, business = shares(Policy("one_day", 0, None, "first_mark", share), commission)
    assert agent + business == commission
    assert abs(agent - commission * share / 10_000) <= 1
