"""The words: one page of GSM characters whatever anybody is called, and hours in which nobody is woken."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blueprints.notifications.rules import SECRET, TOPICS, days, end_of_quiet, in_gsm, sentence, sms_text
from ofektom.money import MAX_AMOUNT, priced

# The basic table of GSM 03.38: what takes one septet each.
GSM = set("@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿")
GSM |= set("abcdefghijklmnopqrstuvwxyzäöñüà")
LAGOS = "Africa/Lagos"
LARGEST = {
    "amount": MAX_AMOUNT,
    "balance": MAX_AMOUNT,
    "currency": "NGN",
    "days": 366,
    "first_day": "2026-11-28",
    "last_day": "2027-11-28",
    "check_code": "4233-ABCD-EFGH-JKLM-NPQR-STUV-WXYZ",
    "tracking_number": "0123456789",
    "method": "cash",
    "expires_at": "2026-11-24T20:05:00+00:00",
    "host": "receiver.example",
    "attempts": 15,
    "role": "customer",
}


@pytest.mark.parametrize("topic", TOPICS)
@settings(deadline=None, max_examples=50)  # the tables of an alphabet are read when the first letter of it comes
@given(business=st.text(min_size=1, max_size=120), person=st.text(min_size=1, max_size=120))
def test_an_sms_is_one_page_whatever_anybody_is_called(topic, business, person):
    seed = {"payments.code": "code:1", "members.invited": "token:1"}.get(topic)
    text = sms_text(business, person, sentence(topic, LARGEST, LAGOS), seed)
    sent = text.replace(SECRET, "x" * {"code:1": 6, "token:1": 43}.get(seed, 0)) if seed else text
    assert len(sent) <= 160
    assert set(sent) <= GSM
    assert (SECRET in text) == bool(seed)


def test_both_names_are_shortened_before_anything_else():
    said = sentence("markings.collected", LARGEST, LAGOS)
    text = sms_text("The Very Long Named Thrift Society of Balogun Market", "Oluwafunmilayo Bello-Adeyemi", said)
    assert text.endswith(said)
    business, person, _ = text.split(": ", 2)
    assert min(len(business), len(person)) >= 5, "somebody can tell who is meant even where all else is at its longest"
    assert sms_text("Ada", "Oluwafunmilayo Bello", "x" * 133) == f"Ada: Oluwafunmilayo Bello: {'x' * 133}"
    assert sms_text("Ada", "Oluwafunmilayo Bello", "x" * 134) == f"Ada: Oluwafunmilayo Bell: {'x' * 134}"


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("Ṣadé Ọlábísí", "Sade Olabisi"),
        ("Ɓala Ƙwari Ɗan'iya", "Bala Kwari Dan'iya"),
        ("Nnenna Ụzọ", "Nnenna Uzo"),
        ("₦5 {secret} [x]", "N5 (secret) (x)"),
        ("a\u202eb\nc", "ab c"),
    ],
)
def test_names_are_written_in_what_every_phone_shows(name, plain):
    assert in_gsm(name) == plain


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        ("2026-11-12", "2026-11-12", "12 Nov 2026"),
        ("2026-11-12", "2026-11-14", "12-14 Nov 2026"),
        ("2026-11-28", "2026-12-02", "28 Nov-2 Dec 2026"),
        ("2026-12-30", "2027-01-02", "30 Dec 2026-2 Jan 2027"),
    ],
)
def test_days_are_said_shortly(first, last, said):
    assert days(first, last) == said


@pytest.mark.parametrize(
    ("amount", "said"), [(0, "NGN 0.00"), (5, "NGN 0.05"), (123_456_789, "NGN 1,234,567.89"), (100, "NGN 1.00")]
)
def test_money_is_said_to_the_kobo(amount, said):
    assert priced(amount, "NGN") == said


def test_a_currency_without_decimals_is_not_divided():
    assert "XOF 5,000 received" in sentence("markings.collected", LARGEST | {"amount": 5_000, "currency": "XOF"}, "UTC")


def test_money_that_fills_no_day_is_received_all_the_same():
    facts = LARGEST | {"days": 0, "first_day": None, "last_day": None, "amount": 5_000, "balance": 5_000}
    said = sentence("markings.collected", facts, LAGOS)
    assert said == f"NGN 50.00 received. Balance NGN 50.00. Receipt {LARGEST['check_code']}"


def at(hour: int, minute: int = 0) -> datetime:
    """A time of the 24th, in Lagos one hour later."""
    return datetime(2026, 11, 24, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "quiet", "until"),
    [
        (at(12), (None, None), None),
        (at(12), (21, 7), None),
        (at(20), (21, 7), datetime(2026, 11, 25, 6, tzinfo=UTC)),
        (at(19, 59), (21, 7), None),
        (at(2), (21, 7), at(6)),
        (at(6), (21, 7), None),
        (at(12, 30), (13, 15), at(14)),
        (at(14), (13, 15), None),
        (at(12), (13, 13), None),
    ],
)
def test_quiet_hours_end_in_the_businesss_own_time(now, quiet, until):
    assert end_of_quiet(now, LAGOS, *quiet) == until
