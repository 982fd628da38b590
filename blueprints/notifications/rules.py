"""Who is told what, in which words: pure functions. Amounts in minor units, days as YYYY-MM-DD."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from anyascii import anyascii

from ofektom.identity import Role
from ofektom.money import priced

SMS_CHARACTERS = 160
SECRET = "{secret}"  # noqa: S105 - no password
SECRET_CHARACTERS = {"code": 6, "token": 43}
# ASCII that a GSM 7-bit page does not have, or counts twice.
_BEYOND_GSM = str.maketrans("`^{}[]~|\\", "'-()()-//")


class Channel(StrEnum):
    IN_APP = "in_app"
    SMS = "sms"
    EMAIL = "email"


class ReadState(StrEnum):
    READ = "read"
    UNREAD = "unread"


@dataclass(frozen=True)
class Topic:
    """How a topic is told: whether to the member it concerns and to the admins, and whether it is a secret of theirs.

    A secret is wanted at once and by who must have it: it heeds neither preferences nor quiet hours, and is never in
    the application, where others may be reading along. `by_phone`: it is for the very number that the facts name.
    """

    title: str
    to_member: bool = True
    to_admins: bool = False
    secret: bool = False
    by_phone: bool = False


TOPICS = {
    "markings.collected": Topic("Payment received"),
    "markings.reversed": Topic("Payment taken back"),
    "savings.completed": Topic("Plan completed"),
    "payments.requested": Topic("Withdrawal requested", to_admins=True),
    "payments.approved": Topic("Withdrawal approved"),
    "payments.rejected": Topic("Withdrawal rejected"),
    "payments.cancelled": Topic("Withdrawal cancelled"),
    "payments.failed": Topic("Withdrawal failed"),
    "payments.paid": Topic("Withdrawal paid"),
    "payments.code": Topic("Code for your cash", secret=True, by_phone=True),
    "members.invited": Topic("Invitation", secret=True),
    "webhooks.disabled": Topic("Webhook switched off", to_member=False, to_admins=True),
}


def default_wishes(role: str) -> dict[Channel, bool]:
    """What somebody gets who has not said otherwise. SMS cost money, so staff read in the application."""
    return {Channel.IN_APP: True, Channel.SMS: role == Role.CUSTOMER, Channel.EMAIL: False}


def days(first: str, last: str) -> str:
    """A day or a range of days: 12 Nov 2026, 12-14 Nov 2026, 28 Nov-2 Dec 2026."""
    begin, end = date.fromisoformat(first), date.fromisoformat(last)
    until = f"{end.day} {end:%b %Y}"
    if begin == end:
        return until
    if begin.year != end.year:
        return f"{begin.day} {begin:%b %Y}-{until}"
    return f"{begin.day}-{until}" if begin.month == end.month else f"{begin.day} {begin:%b}-{until}"


def sentence(topic: str, facts: dict, timezone: str) -> str:
    """What happened, for the member it concerns, without names. A secret stands as SECRET."""
    return _SENTENCES[topic](facts, timezone)


def _collected(facts: dict, _timezone: str) -> str:
    many = "1 day" if facts["days"] == 1 else f"{facts['days']} days"
    paid = f" for {many}, {days(facts['first_day'], facts['last_day'])}" if facts["days"] else ""
    return f"{_amount(facts)} received{paid}. {_balance(facts)}. Receipt {facts['check_code']}"


def _reversed(facts: dict, _timezone: str) -> str:
    about = f" for {days(facts['first_day'], facts['last_day'])}" if facts["days"] else ""
    return f"{_amount(facts)}{about} was TAKEN BACK from card {facts['tracking_number']}. {_balance(facts)}"


def _completed(facts: dict, _timezone: str) -> str:
    return f"the plan of card {facts['tracking_number']} is completed. {_balance(facts)}"


def _requested(facts: dict, _timezone: str) -> str:
    return f"a withdrawal of {_amount(facts)} was requested. {_balance(facts)}. Not you? Tell us at once"


def _approved(facts: dict, _timezone: str) -> str:
    how = "You get a code when you are paid" if facts["method"] == "cash" else "It goes to your bank"
    return f"your withdrawal of {_amount(facts)} is approved. {how}"


def _came_to_nothing(word: str):
    return lambda facts, _: f"your withdrawal of {_amount(facts)} {word}. {_balance(facts)}"


def _paid(facts: dict, _timezone: str) -> str:
    how = "in cash" if facts["method"] == "cash" else "to your bank"
    return f"{_amount(facts)} was paid to you {how}. {_balance(facts)}. Not you? Tell us at once"


def _code(facts: dict, timezone: str) -> str:
    until = datetime.fromisoformat(facts["expires_at"]).astimezone(ZoneInfo(timezone))
    return (
        f"{SECRET} is your code for {_amount(facts)}. Say it only when the cash is in your hand, before {until:%H:%M}"
    )


def _invited(_facts: dict, _timezone: str) -> str:
    return f"you are invited. Your invitation token: {SECRET}"


def _switched_off(facts: dict, _timezone: str) -> str:
    return f"the webhook to {facts['host']} was switched off after {facts['attempts']} failed attempts"


def _amount(facts: dict) -> str:
    return priced(facts["amount"], facts["currency"])


def _balance(facts: dict) -> str:
    return f"Balance {priced(facts['balance'], facts['currency'])}"


_SENTENCES = {
    "markings.collected": _collected,
    "markings.reversed": _reversed,
    "savings.completed": _completed,
    "payments.requested": _requested,
    "payments.approved": _approved,
    "payments.rejected": _came_to_nothing("was rejected"),
    "payments.cancelled": _came_to_nothing("was cancelled"),
    "payments.failed": _came_to_nothing("did not reach your bank"),
    "payments.paid": _paid,
    "payments.code": _code,
    "members.invited": _invited,
    "webhooks.disabled": _switched_off,
}


def sms_text(business: str, person: str, said: str, seed: str | None = None) -> str:
    """One page of SMS: both names as far as there is room, then what is said. `seed` tells how long the secret is."""
    plain = SECRET.join(in_gsm(part) for part in said.split(SECRET))
    length = len(plain)
    if seed:
        length += SECRET_CHARACTERS[seed.partition(":")[0]] - len(SECRET)
    names = [in_gsm(name) for name in (business, person)]
    room = SMS_CHARACTERS - length
    share = max(0, room - 4) // 2
    first = _cut(names[0], max(share, room - 4 - len(names[1])))
    second = _cut(names[1], room - 4 - len(first))
    return "".join(f"{name}: " for name in (first, second) if name) + plain


def _cut(text: str, characters: int) -> str:
    return text[: max(0, characters)].strip()


def in_gsm(text: str) -> str:
    """`text` in characters that are one septet each, transliterated: one other character halves what a page holds."""
    plain = "".join(character if character.isprintable() else " " for character in anyascii(text))
    return plain.translate(_BEYOND_GSM)


def mail_subject(business: str, title: str) -> str:
    """One line, whatever the business is called."""
    return " ".join(f"{business}: {title}".split())


def end_of_quiet(now: datetime, timezone: str, quiet_from: int | None, quiet_until: int | None) -> datetime | None:
    """When what can wait may be sent, if `now` is within the quiet hours; None when it is not."""
    if quiet_from is None or quiet_from == quiet_until:
        return None
    local = now.astimezone(ZoneInfo(timezone))
    over_midnight = quiet_from > quiet_until
    after, before = local.hour >= quiet_from, local.hour < quiet_until
    if not (after or before if over_midnight else after and before):
        return None
    end = local.replace(hour=quiet_until, minute=0, second=0, microsecond=0)
    return end + timedelta(days=1) if over_midnight and after else end
