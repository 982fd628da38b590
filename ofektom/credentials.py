"""Secrets: how PINs, passwords, tokens and codes are checked, hashed, and guessed at only a few times."""

import base64
import functools
import hashlib
import hmac
import itertools
import math
import re
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NoReturn

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from flask import current_app
from sqlalchemy import String, delete, func, or_
from sqlalchemy.dialects.postgresql import ARRAY, TIMESTAMP
from sqlalchemy.orm import Mapped, mapped_column

from ofektom import clock
from ofektom.database import verb
from ofektom.errors import Problem
from ofektom.extensions import db
from ofektom.green import off_the_hub
from ofektom.logs import security_log
from ofektom.plain import Statement

PIN_DIGITS = 6
PASSWORD_CHARACTERS = 12
# Below so many guesses by who knows lists of passwords, names, keyboards and dates a password is refused; and only the
# beginning of a long one is looked at, for the time it takes grows faster than its length.
FEWEST_GUESSES = 10**8
CHARACTERS_LOOKED_AT = 40
FREE_FAILURES = 5
FAILURES_A_DAY = 20
FIRST_LOCK = timedelta(minutes=1)
LONGEST_LOCK = timedelta(hours=1)
A_DAY = timedelta(hours=24)


class WeakPin(Problem):
    code, status = "auth.weak_pin", 422
    title = "Choose a PIN of 6 digits that is not a date, a run or a repetition"


class WeakPassword(Problem):
    code, status = "auth.weak_password", 422
    title = "Choose a password of at least 12 characters that is not easily guessed: no known one, name, run or date"


class TooManyGuesses(Problem):
    code, status, title = "auth.too_many_attempts", 429, "Too many wrong attempts; wait and try again"
    retry_after = 60  # where no better figure is known


def check_pin(pin: str) -> None:
    """Raise WeakPin unless `pin` has six digits and is no date, run, repetition or pattern of one pair or triple."""
    digits = [int(character) for character in pin] if re.fullmatch(r"[0-9]{6}", pin, re.ASCII) else []
    steps = {(b - a) % 10 for a, b in itertools.pairwise(digits)}
    repeated = pin[:3] == pin[3:] or pin[:2] * 3 == pin or len(set(pin)) < 3
    if not digits or len(steps) == 1 or repeated or _is_date(pin):
        raise WeakPin


def _is_date(pin: str) -> bool:
    first, second, third = int(pin[:2]), int(pin[2:4]), int(pin[4:])
    year = 1900 <= int(pin[:4]) <= 2099 or 1900 <= int(pin[2:]) <= 2099
    day_first = (1 <= first <= 31 and 1 <= second <= 12) or (1 <= first <= 12 and 1 <= second <= 31)
    year_first = 1 <= second <= 12 and 1 <= third <= 31
    return year or day_first or year_first


def check_password(password: str, words: Sequence[str] = ()) -> None:
    """Raise WeakPassword for fewer than 12 characters, or for what somebody who knows `words` would soon guess."""
    if len(password) < PASSWORD_CHARACTERS or off_the_hub(_guesses, password, words) < FEWEST_GUESSES:
        raise WeakPassword


def _guesses(password: str, words: Sequence[str]) -> float:
    """How many guesses a password takes: of the 30 000 most used ones, of English, names, keyboards, dates, `words`."""
    from zxcvbn import zxcvbn  # 15 MB, which a worker has no need of before somebody chooses a password

    return zxcvbn(password[:CHARACTERS_LOOKED_AT], user_inputs=list(words))["guesses"]


def check_secret(secret: str, *, needs_password: bool, words: Sequence[str] = ()) -> str:
    """Check a new secret and return its kind: "password", or "pin" where one is allowed and it is all digits.

    A password must not be made of `words`: of the person, or of what this service is for.
    """
    if not needs_password and len(secret) < PASSWORD_CHARACTERS:
        check_pin(secret)
        return "pin"
    check_password(secret, words)
    return "password"


def hash_secret(secret: str) -> str:
    """The argon2id hash of the peppered secret. Slow on purpose: call it without holding a connection."""
    return off_the_hub(_hasher().hash, _pepper(secret))


def verify_secret(secret: str, hashed: str | None) -> bool:
    """Whether `secret` is the one behind `hashed`. Takes as long when there is none (`hashed` None)."""
    hasher = _hasher()
    return off_the_hub(_fits, hasher, hashed or _hash_of_nothing(hasher), _pepper(secret)) and hashed is not None


def _fits(hasher: PasswordHasher, hashed: str, peppered: bytes) -> bool:
    """Caught here, in the thread: what leaves a thread of gevent's pool is printed with its traceback."""
    try:
        return hasher.verify(hashed, peppered)
    except (VerificationError, InvalidHashError):
        return False


def _hasher() -> PasswordHasher:
    return _make_hasher(current_app.config["ARGON2_MEMORY_KIB"], current_app.config["ARGON2_PASSES"])


@functools.cache
def _make_hasher(memory_kib: int, passes: int) -> PasswordHasher:
    return PasswordHasher(memory_cost=memory_kib, time_cost=passes, parallelism=1)


@functools.cache
def _hash_of_nothing(hasher: PasswordHasher) -> str:
    return hasher.hash(secrets.token_bytes(32))


def _pepper(secret: str) -> bytes:
    return hmac.digest(current_app.config["PIN_PEPPER"].encode(), secret.encode(), "sha256")


def new_token() -> str:
    """256 random bits, for refresh tokens and invitations."""
    return secrets.token_urlsafe(32)


def hash_token(token: str) -> str:
    """What is stored of a random token: its SHA-256, 64 hexadecimal digits."""
    return hashlib.sha256(token.encode()).hexdigest()


def new_seed(kind: str) -> str:
    """What a secret is made of, whenever it is needed: a "token" of 256 bits or a "code" of 6 digits.

    A seed says nothing without the pepper, so it may be stored where the secret may not.
    """
    return f"{kind}:{secrets.token_hex(16)}"


def secret_of(seed: str) -> str:
    """The token or code that belongs to a seed."""
    digest = _pepper(f"secret-of:{seed}")
    if seed.startswith("code:"):
        return f"{int.from_bytes(digest[:8]) % 10**6:06d}"
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def keyed_hash(text: str) -> str:
    """What is stored of a short code: 64 hexadecimal digits that cannot be searched without the pepper."""
    return _pepper(text).hex()


class GuessBudget(db.Model):
    """Wrong attempts against one subject: "user:7", a login nobody has, or a one-time code.

    `run` counts those since the last right one, `recent` holds the times of those of the last 24 hours.
    """

    __tablename__ = "guess_budgets"

    subject: Mapped[str] = mapped_column(String(100), primary_key=True)
    run: Mapped[int] = mapped_column()
    recent: Mapped[list[datetime]] = mapped_column(ARRAY(TIMESTAMP(timezone=True)))
    locked_until: Mapped[datetime | None] = mapped_column(TIMESTAMP(timezone=True))


def spending(subject: str) -> str:
    """The SQL of an attempt at `subject`, an SQL expression, that counts as failed: one row, none when it is refused.

    Its parameters are those of `guess_limits`.
    """
    return f"""
        INSERT INTO guess_budgets AS g (subject, run, recent)
        SELECT {subject}, 1, ARRAY[now() + %(offset)s::interval]
        ON CONFLICT (subject) DO UPDATE SET
            run = g.run + 1,
            recent = ARRAY(SELECT t FROM unnest(g.recent) t WHERE t > EXCLUDED.recent[1] - %(a_day)s::interval)
                || EXCLUDED.recent,
            locked_until = CASE WHEN g.run + 1 >= %(free)s::int THEN EXCLUDED.recent[1] + least(%(longest)s::interval,
                %(first)s::interval * power(2, least(g.run + 1 - %(free)s::int, 20))) END
        WHERE (g.locked_until IS NULL OR g.locked_until <= EXCLUDED.recent[1])
          AND %(most)s::bigint > (SELECT count(*) FROM unnest(g.recent) t
                                  WHERE t > EXCLUDED.recent[1] - %(a_day)s::interval)
        RETURNING subject
    """  # noqa: S608 - made of our own SQL


def guess_limits() -> dict:
    """How many guesses there are, and the business clock, for `spending`."""
    limits = {"free": FREE_FAILURES, "most": FAILURES_A_DAY, "a_day": A_DAY}
    return limits | {"first": FIRST_LOCK, "longest": LONGEST_LOCK, "offset": current_app.config["CLOCK_OFFSET"]}


_SPEND = Statement(spending("%(subject)s::text"))


@verb
def spend_guess(subject: str) -> None:
    """Count an attempt as failed before it is tried, so that parallel guesses cannot share one; raise TooManyGuesses.

    Five failures in a row lock for a minute, each further one twice as long up to an hour; never more than 20 in any
    24 hours. Within another verb the count belongs to its transaction: a refusal that `keeps` then keeps it.
    """
    if not _SPEND.run({"subject": subject} | guess_limits()):
        refuse_guess(subject)


def refuse_guess(subject: str) -> NoReturn:
    """Raise TooManyGuesses, with the time until the next one."""
    security_log.warning("no guess left", extra={"subject": subject})
    budget, now = db.session.get(GuessBudget, subject), clock.read_now()
    oldest = budget.recent[-FAILURES_A_DAY:][0]
    free_at = max(budget.locked_until or now, oldest + A_DAY if len(budget.recent) >= FAILURES_A_DAY else now)
    raise TooManyGuesses(retry_after=max(1, math.ceil((free_at - now).total_seconds())))


# What gives the attempt at %(subject)s back that turned out right, and ends the run of failures.
REFUND = """
    UPDATE guess_budgets SET run = 0, locked_until = NULL, recent = trim_array(recent, 1)
    WHERE subject = %(subject)s AND cardinality(recent) > 0 RETURNING subject
"""
_REFUND = Statement(REFUND)


@verb
def refund_guess(subject: str) -> None:
    """Take back the attempt that turned out right and end the run of failures."""
    _REFUND.run({"subject": subject})


def note_wrong_guess(subject: str) -> None:
    """Tell who watches that somebody has guessed wrong at `subject`; never what was guessed."""
    security_log.warning("a wrong guess", extra={"subject": subject})


def prove(subject: str, secret: str, hashed: str | None) -> bool:
    """Whether `secret` is the one behind `hashed`, at the cost of a guess when it is not. Raises TooManyGuesses."""
    spend_guess(subject)
    if not verify_secret(secret, hashed):
        note_wrong_guess(subject)
        return False
    refund_guess(subject)
    return True


@verb
def forget_guesses() -> int:
    """Delete budgets in which nothing happened for a day; returns how many."""
    last = GuessBudget.recent[func.cardinality(GuessBudget.recent)]
    idle = or_(last < clock.now() - A_DAY - timedelta(hours=1), func.cardinality(GuessBudget.recent) == 0)
    unlocked = or_(GuessBudget.locked_until.is_(None), GuessBudget.locked_until < clock.now())
    old = delete(GuessBudget).where(idle, unlocked)
    return db.session.execute(old.execution_options(synchronize_session=False)).rowcount
