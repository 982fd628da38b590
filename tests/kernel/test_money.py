"""Splitting an amount loses nothing, invents nothing and favours nobody."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ofektom.money import MAX_AMOUNT, basis_points_of, split

AMOUNTS = st.integers(0, MAX_AMOUNT)
SHARES = st.lists(st.integers(0, 10_000), min_size=1, max_size=12).filter(any)
thoroughly = settings(max_examples=200, derandomize=True, deadline=None)


@pytest.mark.parametrize(
    ("amount", "shares", "parts"),
    [
        (100, [1], [100]),
        (100, [1, 1, 1], [34, 33, 33]),
        (101, [1, 1, 1], [34, 34, 33]),
        (10, [1, 2, 4], [1, 3, 6]),
        (1, [3, 3, 4], [0, 0, 1]),
        (7, [0, 1, 0], [0, 7, 0]),
        (0, [5, 5], [0, 0]),
        (50_000, [7_000, 3_000], [35_000, 15_000]),
    ],
)
def test_what_is_left_over_goes_to_the_largest_remainders(amount, shares, parts):
    assert split(amount, shares) == parts


@given(AMOUNTS, SHARES)
@thoroughly
def test_the_parts_add_up_and_are_fair_to_one_unit(amount, shares):
    parts, total = split(amount, shares), sum(shares)
    assert sum(parts) == amount
    for part, share in zip(parts, shares, strict=True):
        assert abs(part * total - amount * share) < total
        assert part == 0 or share > 0


@given(AMOUNTS, SHARES)
@thoroughly
def test_a_larger_or_earlier_share_never_gets_less(amount, shares):
    order = sorted(range(len(shares)), key=lambda i: (-shares[i], i))
    parts = split(amount, shares)
    assert [parts[i] for i in order] == sorted(parts, reverse=True)


@pytest.mark.parametrize(("amount", "shares"), [(-1, [1]), (1, []), (1, [0, 0]), (1, [2, -1])])
def test_nonsense_is_refused(amount, shares):
    with pytest.raises(ValueError, match="non-negative"):
        split(amount, shares)


@pytest.mark.parametrize(
    ("amount", "points", "part"), [(10_000, 250, 250), (999, 1, 0), (199, 50, 0), (200, 50, 1), (5, 10_000, 5)]
)
def test_basis_points_round_down(amount, points, part):
    assert basis_points_of(amount, points) == part
