"""What somebody may have typed, as pure functions."""

import re

NATIONAL_DIGITS, TRACKING_DIGITS = 10, 10
LEAST_DIGITS = 4
_DIGITS = re.compile(r"\+?[0-9]+", re.ASCII)


def digits(typed: str) -> str | None:
    """The digits of a number as it is typed, a leading + kept; None when something else is in it."""
    bare = re.sub(r"[ ()-]", "", typed)
    return bare if _DIGITS.fullmatch(bare) and len(bare.lstrip("+")) >= LEAST_DIGITS else None


def phones(typed: str) -> tuple[str, str] | None:
    """The first and last phone number that begins as typed: 0803…, 234803…, +234803… or 803…; None for none."""
    number = digits(typed)
    if number is None:
        return None
    national = re.sub(r"\A(\+?234|0)", "", number)
    if not national or len(national) > NATIONAL_DIGITS or (number.startswith("+") and not number.startswith("+234")):
        return None
    return tuple("+234" + national.ljust(NATIONAL_DIGITS, digit) for digit in "09")


def tracking_numbers(typed: str) -> tuple[str, str] | None:
    """The first and last tracking number that begins as typed; None for none."""
    number = digits(typed)
    if number is None or number.startswith("+") or len(number) > TRACKING_DIGITS:
        return None
    return tuple(number.ljust(TRACKING_DIGITS, digit) for digit in "09")


def has_letters(typed: str) -> bool:
    """Whether there is a letter in it of those that `folded_name` in the database leaves in a name."""
    return any(symbol.isalpha() and (symbol.isascii() or symbol > "\u00bf") for symbol in typed)
