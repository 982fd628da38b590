"""The one-time code of a cash payout: it reaches the customer's phone, and lies nowhere on the way."""

import logging
from datetime import timedelta

import pytest

from ofektom import delivering
from ofektom.extensions import db
from tests.cast import new_phone
from tests.outside.stand_ins import status


@pytest.fixture
def customer(house) -> dict:
    """Somebody without a login, who has saved 2 000 naira by now."""
    cast, phone = house.cast, new_phone()
    member = cast.add("customer", "Mama Tunde", parent=cast.chidi, phone=phone)
    plan = {"kind": "daily", "contribution": 50_000, "customer_id": member["id"]}
    account = cast.ada.ok("POST", "/savings", plan)
    cast.mark(account, days=4)
    with house.quiet.app_context():
        delivering.deliver_all()
    return member | {"account_id": account["id"]}


def approved(house, customer: dict) -> str:
    """The path of an approved request for cash of the customer's."""
    ask = {"account_id": customer["account_id"], "amount": 50_000}
    path = f"/payments/{house.cast.chidi.ok('POST', '/payments', ask)['id']}"
    house.cast.ada.ok("POST", f"{path}/approve")
    return path


def everything_stored(house) -> str:
    """Every row of every table, as text."""
    with house.quiet.app_context(), db.engine.connect() as connection:
        tables = [table.name for table in db.metadata.sorted_tables]
        return str([connection.execute(db.text(f"SELECT t::text FROM {table} t")).all() for table in tables])


def test_a_customer_without_a_login_is_paid_against_the_code_in_their_sms(house, customer, termii, caplog):
    path = approved(house, customer)
    with caplog.at_level(logging.DEBUG):
        said = house.through(house.cast.chidi).ok("POST", f"{path}/send-code")
        assert said["sent_to"] == customer["phone"][-4:]
        stored = everything_stored(house)
        house.deliver()
    text = next(text for text in termii.texts if "is your code" in text)
    code = text.removeprefix("Ada Thrift: Mama Tunde: ")[:6]
    assert text.startswith(f"Ada Thrift: Mama Tunde: {code} is your code for NGN 500.00. ")
    assert len(text) <= 160
    assert code.isdecimal()
    assert f"{code} is your code" not in stored + everything_stored(house)
    assert f'"{code}"' not in stored + everything_stored(house)
    assert f"{code} is" not in caplog.text
    assert house.rows("SELECT seed FROM deliveries WHERE seed IS NOT NULL") == []
    wrong = f"{(int(code) + 1) % 10**6:06d}"
    assert house.cast.chidi.post(f"{path}/pay-cash", {"code": wrong}).code == "payments.wrong_code"
    assert house.cast.chidi.ok("POST", f"{path}/pay-cash", {"code": code})["status"] == "paid"


def test_an_sms_that_is_sent_again_has_the_same_code(house, customer, termii):
    path = approved(house, customer)
    house.through(house.cast.chidi).ok("POST", f"{path}/send-code")
    termii.plan = [status(503)] * 3
    house.deliver()
    house.deliver(after=timedelta(minutes=1))
    texts = [text for text in termii.texts if "is your code" in text]
    assert len(texts) == 2
    assert texts[0] == texts[1]


def test_a_code_whose_time_is_over_is_not_sent(house, customer, termii):
    path = approved(house, customer)
    house.through(house.cast.chidi).ok("POST", f"{path}/send-code")
    house.deliver(after=timedelta(minutes=31))
    assert not [text for text in termii.texts if "is your code" in text]
    assert ("payments.code", "dead", 1, "its time is over") in house.states()


def test_no_code_goes_where_it_proves_nothing(house, customer):
    cast, by_app = house.cast, house.through(house.cast.chidi)
    path = approved(house, customer)
    here = f"/members/{customer['id']}"

    def refusal(answer):
        return answer.code, answer.body.get("detail", "")

    cast.ada.ok("PATCH", "/settings", {"cooldown_hours": 0})
    cast.ada.ok("PATCH", here, {"phone": cast.chidi.phone})
    assert refusal(by_app.post(f"{path}/send-code"))[0] == "payments.code_not_sendable"
    assert "own people" in refusal(by_app.post(f"{path}/send-code"))[1]
    cast.ada.ok("PATCH", "/settings", {"cooldown_hours": 24})
    cast.ada.ok("PATCH", here, {"phone": new_phone()})
    assert "too recently" in refusal(by_app.post(f"{path}/send-code"))[1]
    cast.ada.ok("PATCH", here, {"phone": None})
    assert "no phone" in refusal(by_app.post(f"{path}/send-code"))[1]
    assert "sends no SMS" in refusal(cast.chidi.post(f"{path}/send-code"))[1], "that application has no provider"


def test_a_code_goes_to_the_number_that_was_looked_at(house, customer, termii):
    """Not to one that is noted before the worker comes to it."""
    path = approved(house, customer)
    house.through(house.cast.chidi).ok("POST", f"{path}/send-code")
    house.cast.ada.ok("PATCH", f"/members/{customer['id']}", {"phone": house.cast.chidi.phone})
    house.deliver()
    to = [call.json["to"] for call in termii.calls if "is your code" in call.json["sms"]]
    assert to == [customer["phone"].removeprefix("+")]


def test_codes_are_not_sent_one_upon_the_other(house, customer):
    path = approved(house, customer)
    by_app = house.through(house.cast.chidi)
    by_app.ok("POST", f"{path}/send-code")
    again = by_app.post(f"{path}/send-code")
    assert (again.status, again.code) == (429, "payments.code_just_sent")
    assert 1 <= int(again.headers["Retry-After"]) <= 60


def test_only_cash_that_is_approved_has_a_code(house, customer):
    ask = {"account_id": customer["account_id"], "amount": 50_000}
    path = f"/payments/{house.cast.chidi.ok('POST', '/payments', ask)['id']}"
    assert house.through(house.cast.chidi).post(f"{path}/send-code").code == "payments.wrong_status"
