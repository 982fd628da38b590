"""Amounts: integers in the currency's minor unit (kobo for NGN), never floats."""

from collections.abc import Sequence

from ofektom.errors import Problem

MAX_AMOUNT = 10**11


class AmountTooLarge(Problem):
    code, status, title = "amount.too_large", 422, "That comes to more than one act may move"
    constraints = ("ck_ledger_postings_amount",)


BASIS_POINTS = 10_000


def split(amount: int, shares: Sequence[int]) -> list[int]:
    """Split `amount` in proportion to `shares` so that the parts add up to it, by largest remainder.

    Ties go to the earlier share. Raises ValueError on negative input or when no share is positive.
    """
    total = sum(shares)
    if amount < 0 or total <= 0 or min(shares) < 0:
        raise ValueError("split needs a non-negative amount and shares of which one is positive")
    parts = [amount * share // total for share in shares]
    by_remainder = sorted(range(len(shares)), key=lambda i: -(amount * shares[i] % total))
    for index in by_remainder[: amount - sum(parts)]:
        parts[index] += 1
    return parts


def basis_points_of(amount: int, points: int) -> int:
    """`points` hundredths of a per cent of `amount`, rounded down to the minor unit."""
    return amount * points // BASIS_POINTS
