"""The field types: what each takes, and the many things that only look like it."""

from datetime import UTC, date, datetime

import pytest
from flask import g
from marshmallow import ValidationError

from ofektom.http import MAX_ID
from ofektom.identity import Actor, Role
from ofektom.money import MAX_AMOUNT
from ofektom.schemas import (
    Amount,
    Choice,
    Currency,
    Day,
    Digits,
    EmailAddress,
    Id,
    LoginName,
    Moment,
    PageIn,
    Phone,
    ReasonIn,
    Schema,
    Secret,
    StrictBoolean,
    Text,
    Whole,
    normal_phone,
)

NEVER_TEXT = [None, 7, True, 1.5, ["a"], {"a": 1}]


def refuses(field, value) -> bool:
    """Whether the field refuses a value as invalid (any other exception is a failure of the test)."""
    try:
        field.deserialize(value)
    except ValidationError:
        return True
    return False


@pytest.mark.parametrize("value", [0, 1, MAX_ID])
def test_a_whole_number(value):
    assert Whole().deserialize(value) == value


@pytest.mark.parametrize(
    "value", [-1, MAX_ID + 1, 10**30, 1.0, 1.9, 1e3, float("nan"), True, False, None, "1", "", "1_000", "٣", [1], {}]
)
def test_what_is_no_whole_number(value):
    assert refuses(Whole(), value)


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("7", 7), ("007", 7), (str(MAX_ID), MAX_ID)])
def test_in_a_query_string_a_whole_number_is_text(text, number):
    assert Whole(from_text=True).deserialize(text) == number


@pytest.mark.parametrize(
    "text", ["", " 7", "7\n", "+7", "-7", "1.0", "1e3", "1_000", "0x7", "٣", "9" * 20, str(MAX_ID + 1), True, 7.0]
)
def test_and_no_other_text_is(text):
    assert refuses(Whole(from_text=True), text)


def test_an_amount_is_positive_and_an_id_too():
    assert [Amount().deserialize(value) for value in (1, MAX_AMOUNT)] == [1, MAX_AMOUNT]
    assert all(refuses(Amount(), value) for value in (0, -1, MAX_AMOUNT + 1, 5.0, "5", True, None))
    assert Amount(low=0).deserialize(0) == 0
    assert Id().deserialize(MAX_ID) == MAX_ID
    assert refuses(Id(), 0)


@pytest.mark.parametrize(("text", "kept"), [("Ada", "Ada"), ("  Ẹ̀bùn 🌻\t", "Ẹ̀bùn 🌻")])
def test_text_is_trimmed_and_may_be_any_language(text, kept):
    assert Text(longest=20).deserialize(text) == kept


def test_lines_only_where_text_may_have_them():
    assert Text(longest=20, lines=True).deserialize("two\nlines") == "two\nlines"
    assert refuses(Text(longest=20), "two\nlines")


@pytest.mark.parametrize(
    "value", [*NEVER_TEXT, "", "   ", "x" * 21, "a\x00b", "a\x1bb", "a\x7fb", "\ud800", "a\udfffb"]
)
def test_what_is_no_text(value):
    assert refuses(Text(longest=20), value)


def test_length_is_of_the_trimmed_text():
    assert Text(longest=3).deserialize("  abc  ") == "abc"
    assert refuses(Text(longest=9, shortest=3), " ab ")


def test_a_secret_is_taken_as_it_is_and_never_shown():
    class Form(Schema):
        secret = Secret(required=True)

    assert Form().load({"secret": "  spaces matter "}) == {"secret": "  spaces matter "}
    assert Form().dump({"secret": "hidden"}) == {}
    assert all(refuses(Secret(), value) for value in [*NEVER_TEXT, "", "a\x00b", "\udc00", "x" * 201])


def test_digits_keep_their_zeros():
    assert Digits(lengths=(3, 5)).deserialize("007") == "007"
    assert Digits(lengths=(3, 5)).deserialize("00001") == "00001"
    for value in [*NEVER_TEXT, "", "12", "1234", "123456", "12a", "12\n", "123\n", " 123", "١٢٣", "-12", "1.2"]:
        assert refuses(Digits(lengths=(3, 5)), value), value


def test_a_choice_is_one_of_the_words():
    assert Choice(Role).deserialize("agent") == "agent"
    assert all(refuses(Choice(Role), value) for value in (*NEVER_TEXT, "", "Agent", "agent ", "boss"))


def test_true_and_false_have_one_spelling():
    assert [StrictBoolean().deserialize(value) for value in (True, False)] == [True, False]
    assert all(
        refuses(StrictBoolean(), value) for value in ("true", "false", 0, 1, "1", "0", "yes", "True", "", None, [], {})
    )


@pytest.mark.parametrize("text", ["2000-01-01", "2028-02-29", "2100-12-31"])
def test_a_day(text):
    assert Day().deserialize(text) == date.fromisoformat(text)


NO_DAY = [*NEVER_TEXT, "", "1999-12-31", "2101-01-01", "2027-02-29", "2027-13-01", "2027-00-10", "2027-1-1", "20270101"]
NO_DAY += [
    "2027-W05-1",
    "2027-01-01T00:00",
    "01-01-2027",
    "2027-01-01 ",
    "2027-01-01\n",
    "\u0662\u0660\u0662\u0667-\u0660\u0661-\u0660\u0661",
    "today",
]


@pytest.mark.parametrize("value", NO_DAY)
def test_what_is_no_day(value):
    assert refuses(Day(), value)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2027-01-31T23:30:00Z", datetime(2027, 1, 31, 23, 30, tzinfo=UTC)),
        ("2027-02-01T00:30:00+01:00", datetime(2027, 1, 31, 23, 30, tzinfo=UTC)),
        ("2027-01-31T23:30:00.250-00:30", datetime(2027, 2, 1, 0, 0, 0, 250_000, tzinfo=UTC)),
    ],
)
def test_a_moment_is_kept_in_utc(text, moment):
    kept = Moment().deserialize(text)
    assert (kept, kept.utcoffset()) == (moment, moment.utcoffset())


NO_MOMENT = [*NEVER_TEXT, "", "2027-01-31", "2027-01-31T23:30:00", "1999-12-31T23:59:59Z", "2101-01-01T00:00:00Z"]
NO_MOMENT += [
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "2027-01-31T25:00:00Z",
    "2027-01-31T00:00:00+99:00",
]


@pytest.mark.parametrize("value", NO_MOMENT)
def test_what_is_no_moment(value):
    assert refuses(Moment(), value)


MOBILE = ["08031234567", "2348031234567", "+2348031234567", "8031234567"]
MOBILE += ["0803 123 4567", "0803-123-4567", "+234 (803) 123-4567", "+23408031234567"]


@pytest.mark.parametrize("text", MOBILE)
def test_a_mobile_number_is_kept_in_one_form_however_it_is_typed(text):
    assert Phone().deserialize(text) == normal_phone(text) == "+2348031234567"


@pytest.mark.parametrize("prefix", ["0701", "0708", "0802", "0805", "0809", "0810", "0818", "0901", "0909", "0912"])
def test_every_operator_counts(prefix):
    assert Phone().deserialize(f"{prefix}1234567") == f"+234{prefix[1:]}1234567"


NO_MOBILE = {
    "toll-free": ["08001234567", "+2348001234567", "07001234567"],
    "a landline": ["014611111", "012345678", "+23414611111", "0942345678"],
    "foreign": ["+447911123456", "+14155550123", "+233241234567", "00447911123456"],
    "too short": ["080312345", "803123456", "0803123456"],
    "too long": ["080312345678", "+23480312345678"],
    "an unknown network": ["06031234567", "09501234567"],
    "no number": ["", "ada", "0803ABC4567", "08031234567x1", "+", "٠٨٠٣١٢٣٤٥٦٧", "0803123\n4567"],
}


@pytest.mark.parametrize("text", [text for texts in NO_MOBILE.values() for text in texts])
def test_what_is_no_nigerian_mobile_number(text):
    assert refuses(Phone(), text)
    assert normal_phone(text) is None


def test_a_phone_is_text():
    assert all(refuses(Phone(), value) for value in (*NEVER_TEXT, 8031234567))


@pytest.mark.parametrize("name", ["ada", "ada.obi-2_x", "a" + "1" * 39])
def test_a_login_name(name):
    assert LoginName().deserialize(name) == name


@pytest.mark.parametrize(
    "value", [*NEVER_TEXT, "", "ad", "Ada", "1ada", ".ada", "ada obi", "adá", "ada\n", "ada@x", "a" * 41, "\u0430da"]
)
def test_what_is_no_login_name(value):
    assert refuses(LoginName(), value)


def test_an_email_address_is_kept_in_lower_case():
    assert EmailAddress().deserialize("Ada.Obi+1@Example.COM") == "ada.obi+1@example.com"
    for value in [*NEVER_TEXT, "", "ada", "ada@", "@x.ng", "a b@x.ng", "ada@x.ng\n", "a\x00@x.ng", "a" * 250 + "@x.ng"]:
        assert refuses(EmailAddress(), value), value


def test_an_answer_names_the_currency_of_the_business_it_is_from(app):
    class Answer(Schema):
        currency = Currency()

    with app.test_request_context():
        g.actor = Actor(1, 1, False, 5, 6, "agent", "Africa/Accra", "GHS")
        assert Answer().dump({}) == {"currency": "GHS"}


def test_unknown_fields_are_refused():
    with pytest.raises(ValidationError, match="Unknown field"):
        ReasonIn().load({"reason": "because", "is_super_admin": True})


def test_a_page_has_fifty_items_unless_one_says_otherwise():
    assert PageIn().load({}) == {"limit": 50, "cursor": None}
    assert PageIn().load({"limit": "100", "cursor": "NQ"}) == {"limit": 100, "cursor": "NQ"}
