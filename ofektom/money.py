"""Amounts: integers in the currency's minor unit (kobo for NGN), never floats."""

from collections.abc import Sequence

from ofektom.errors import Problem

MAX_AMOUNT = 10**11
# How many decimals the minor unit stands for, by ISO 4217; 2 for all the others.
WITHOUT_DECIMALS = ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV")
WITHOUT_DECIMALS += ("XAF", "XOF", "XPF")
WITH_THREE = ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND")


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


def priced(amount: int, currency: str) -> str:
    """An amount in minor units with its currency, by its code, for its sign is in few alphabets: NGN 1,234.50."""
    return f"{currency} {shown(amount, currency)}"


def shown(amount: int, currency: str) -> str:
    """An amount in minor units as people write it: 1,234.50 for 123450 kobo."""
    decimals = 0 if currency in WITHOUT_DECIMALS else 3 if currency in WITH_THREE else 2
    whole, part = divmod(abs(amount), 10**decimals)
    sign = "-" if amount < 0 else ""
    return f"{sign}{whole:,}" + (f".{part:0{decimals}}" if decimals else "")
