"""What goes to the SMS carrier: exactly what happened, to whom it concerns, in order, until it is taken."""

import json
from datetime import timedelta

import pytest

from ofektom import deliveries
from ofektom.extensions import db
from tests.cast import Client, new_phone
from tests.outside.conftest import API_KEY, House
from tests.outside.stand_ins import accepted, garbage, reset, status

A_MINUTE, AN_HOUR = timedelta(minutes=1), timedelta(hours=1)


def test_a_marking_is_told_in_one_sms_as_the_carrier_wants_it(house, account, termii):
    receipt = house.cast.mark(account, days=2)
    house.deliver()
    [call] = termii.calls
    assert call.path == "/api/sms/send"
    text = call.json["sms"]
    assert call.json == {
        "api_key": API_KEY,
        "to": house.cast.funke.phone.removeprefix("+"),
        "from": "AdaThrift",
        "sms": text,
        "type": "plain",
        "channel": "dnd",
    }
    assert text.startswith("Ada Thrift: Funke Bello: NGN 1,000.00 received for 2 days, ")
    assert text.endswith(f". Balance NGN 500.00. Receipt {receipt['check_code']}")
    assert len(text) <= 160


def test_every_act_on_his_money_is_told_to_the_customer_in_order(house, account, termii):
    cast = house.cast
    first = cast.mark(account, days=2)
    cast.mark(account, days=4)
    cast.chidi.ok("POST", f"/collections/{first['collection_id']}/reversal", {"reason": "wrong card"})
    ask = {"account_id": account["id"], "amount": 10_000}
    refused = cast.funke.ok("POST", "/payments", ask)["id"]
    cast.ada.ok("POST", f"/payments/{refused}/reject", {"reason": "not today"})
    paid = cast.funke.ok("POST", "/payments", ask)["id"]
    cast.ada.ok("POST", f"/payments/{paid}/approve")
    code = cast.funke.ok("POST", f"/payments/{paid}/code")["code"]
    cast.ada.ok("POST", f"/payments/{paid}/pay-cash", {"code": code})
    cast.chidi.ok("POST", f"/savings/{account['id']}/end", {"reason": "moves away"})
    house.deliver()
    told = [text.removeprefix("Ada Thrift: Funke Bello: ") for text in termii.texts]
    begun = [
        "NGN 1,000.00 received for 2 days, ",
        "NGN 2,000.00 received for 4 days, ",
        "NGN 1,000.00 for ",
        "a withdrawal of NGN 100.00 was requested",
        "your withdrawal of NGN 100.00 was rejected",
        "a withdrawal of NGN 100.00 was requested",
        "your withdrawal of NGN 100.00 is approved",
        "NGN 100.00 was paid to you in cash",
        f"the plan of card {account['tracking_number']} is completed",
    ]
    assert [text[: len(start)] for text, start in zip(told, begun, strict=True)] == begun
    assert "was TAKEN BACK" in told[2]
    assert "was rejected. Balance NGN 1,500.00" in told[4]
    assert told[7] == "NGN 100.00 was paid to you in cash. Balance NGN 1,400.00. Not you? Tell us at once"
    assert all(len(text) <= 160 for text in termii.texts)
    assert code not in "".join(termii.texts)


def test_nothing_is_told_of_what_did_not_happen(house, account, termii):
    cast = house.cast
    markings = f"/savings/{account['id']}/markings"
    cast.chidi.ok("POST", f"{markings}?dry_run=true", {"days": 3})
    assert cast.chidi.post(markings, {"days": 300}).code == "markings.beyond_plan"
    asked = cast.funke.post("/payments?dry_run=true", {"account_id": account["id"]})
    assert asked.code == "payments.not_available"
    assert house.rows("SELECT id FROM outbox WHERE topic LIKE 'markings%' OR topic LIKE 'payments%'") == []
    house.deliver()
    assert termii.calls == []


def test_the_same_request_twice_is_told_once(house, account, termii):
    for _ in range(2):
        house.cast.chidi.ok("POST", f"/savings/{account['id']}/markings", {"days": 1}, key="only-once")
    house.deliver()
    assert len(termii.calls) == 1


def test_wishes_of_people_and_of_the_business_are_heeded(house, account, termii):
    cast = house.cast
    cast.funke.ok("PATCH", "/notifications/preferences", {"sms": False})
    cast.mark(account)
    house.deliver()
    assert termii.calls == []
    cast.funke.ok("PATCH", "/notifications/preferences", {"sms": True})
    cast.ada.ok("PATCH", "/settings", {"sms": False})
    cast.mark(account)
    house.deliver()
    assert termii.calls == []
    cast.ada.ok("PATCH", "/settings", {"sms": True, "sms_sender": "Ada Savers"})
    cast.mark(account)
    house.deliver()
    assert [call.json["from"] for call in termii.calls] == ["Ada Savers"]
    cast.ada.ok("PATCH", "/settings", {"sms_sender": None})


def test_two_businesses_cannot_have_one_sender(house, quiet):
    cast, other = house.cast, type(house.cast)(house.cast.staff, name="Rival Thrift")
    cast.ada.ok("PATCH", "/settings", {"sms_sender": "Adas Own"})
    assert other.ada.patch("/settings", {"sms_sender": "ADAS own"}).code == "settings.sender_taken"
    assert other.ada.patch("/settings", {"quiet_from": 21}).code == "settings.half_quiet"
    cast.ada.ok("PATCH", "/settings", {"sms_sender": None})


def test_who_has_no_phone_gets_no_sms(house, termii):
    cast = house.cast
    member = cast.add("customer", "No Phone", parent=cast.chidi)
    account = cast.ada.ok("POST", "/savings", {"kind": "daily", "contribution": 100, "customer_id": member["id"]})
    cast.mark(account)
    house.deliver()
    assert termii.calls == []


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (status(500), "answered 500"),
        (status(429, Retry_After="120"), "answered 429"),
        (status(401, b'{"message": "Invalid API key"}'), "answered 401"),
        (status(302, Location="/elsewhere"), "answered 302"),
        (status(200, b"<html>maintenance</html>"), "answered without a message_id"),
        (status(200, b'{"message_id": ["x"]}'), "answered without a message_id"),
        (reset, "no answer: "),
        (garbage, "no answer: "),
    ],
)
def test_what_the_carrier_does_not_take_is_tried_again(house, account, termii, answer, error):
    termii.plan = [answer]
    house.cast.mark(account)
    house.deliver()
    [(_, state, attempts, said)] = house.states()
    assert (state, attempts) == ("waiting", 1)
    assert said.startswith(error)
    house.deliver()
    assert len(termii.calls) == 1, "it must not be tried before its time"
    house.deliver(after=timedelta(minutes=2, seconds=1))
    assert house.states() == [("markings.collected", "sent", 2, None)]
    first, second = termii.calls
    assert first.body == second.body


def test_a_wait_that_the_carrier_asks_for_is_heeded(house, account, termii):
    termii.plan = [status(429, Retry_After="120")]
    house.cast.mark(account)
    house.deliver()
    house.deliver(after=timedelta(seconds=110))
    assert len(termii.calls) == 1
    house.deliver(after=timedelta(seconds=11))
    assert len(termii.calls) == 2


def test_after_an_outage_everything_comes_in_the_order_in_which_it_happened(house, account, termii):
    cast = house.cast
    other = cast.open_account(cast.gbenga)
    termii.usual = status(503)
    for days in (1, 2, 3):
        cast.mark(account, days=days)
        cast.mark(other, days=days)
        house.deliver(after=A_MINUTE)
    termii.usual = accepted
    tried = len(termii.calls)
    house.deliver(after=AN_HOUR)
    for phone in (cast.funke.phone, cast.gbenga.phone):
        mine = [call.json["sms"] for call in termii.calls[tried:] if call.json["to"] == phone.removeprefix("+")]
        assert [text.split("received for ")[1][0] for text in mine] == ["1", "2", "3"]


def test_who_cannot_be_reached_is_given_up_after_some_hours_and_holds_nobody_up(house, account, termii):
    cast = house.cast
    termii.usual = status(400, b'{"message": "Invalid phone number"}')
    cast.mark(account)
    for _ in range(deliveries.MOST_ATTEMPTS):
        house.deliver(after=timedelta(seconds=deliveries.LONGEST_PAUSE_SECONDS * 2))
    assert house.states() == [("markings.collected", "dead", deliveries.MOST_ATTEMPTS, "answered 400")]
    termii.usual = accepted
    cast.mark(account)
    house.deliver()
    assert len(termii.calls) == deliveries.MOST_ATTEMPTS + 1
    [_, dead] = cast.ada.ok("GET", "/notifications/deliveries")["items"]
    assert (dead["state"], dead["error"], dead["member_id"]) == ("dead", "answered 400", cast.funke.id)
    said = house.app.test_cli_runner().invoke(args=["deliveries"]).output
    assert "markings.collected" in said
    assert "answered 400, 15 attempts" in said
    assert "1 deliveries" in house.app.test_cli_runner().invoke(args=["deliveries", "--again", "sms"]).output
    sent = json.loads(house.app.test_cli_runner().invoke(args=["deliver", "--once", "--json"]).stdout)
    assert (sent["ok"], sent["tried"]["sms"]) == (True, 1)
    assert [row[1] for row in house.states()] == ["sent", "sent"]


def test_at_night_only_what_cannot_wait_is_sent(house, account, termii):
    cast = house.cast
    cast.ada.ok("PATCH", "/settings", {"quiet_from": 0, "quiet_until": 23})
    hour = house.rows("SELECT extract(hour FROM now() AT TIME ZONE 'Africa/Lagos')::int AS hour")[0]["hour"]
    quiet = {"quiet_from": hour, "quiet_until": (hour + 2) % 24}
    cast.ada.ok("PATCH", "/settings", quiet)
    cast.mark(account, days=3)
    house.deliver()
    assert termii.calls == []
    phone = new_phone()
    house.through(cast.ada).ok(
        "POST", "/members", {"role": "customer", "full_name": "New", "parent_id": cast.chidi.id, "phone": phone}
    )
    house.deliver()
    assert [call.json["to"] for call in termii.calls] == [phone.removeprefix("+")]
    house.deliver(after=2 * AN_HOUR)
    assert [call.json["to"] for call in termii.calls[1:]] == [cast.funke.phone.removeprefix("+")]
    cast.ada.ok("PATCH", "/settings", {"quiet_from": None, "quiet_until": None})


def test_without_a_provider_people_read_in_the_application_and_nothing_is_left_over(furnished):
    quiet, cast, settings = furnished
    account = cast.open_account(cast.funke)
    house = House(quiet, cast, settings)
    house.deliver()
    before = cast.funke.ok("GET", "/notifications/unread-count")["unread"]
    cast.mark(account)
    house.deliver()
    assert house.rows("SELECT id FROM outbox") == []
    assert house.rows("SELECT id FROM deliveries WHERE state = 'waiting'") == []
    assert cast.funke.ok("GET", "/notifications/unread-count")["unread"] == before + 1


def test_an_invitation_goes_to_the_phone_and_to_nobody_else(house, termii):
    cast, phone = house.cast, new_phone()
    body = {"role": "customer", "full_name": "Sade Ọlá", "parent_id": cast.chidi.id, "phone": phone}
    member = house.through(cast.ada).ok("POST", "/members", body)
    assert member["invitation_token"] is None
    house.deliver()
    [text] = termii.texts
    assert text.startswith("Ada Thrift: Sade Ola: you are invited. ")
    assert len(text) <= 160
    token = text.rpartition(" ")[2]
    kept = house.rows("SELECT d::text FROM deliveries d UNION ALL SELECT o::text FROM outbox o")
    assert token not in str(kept)
    accepted_ = Client(house.app).ok("POST", "/invitations/accept", {"token": token, "secret": "739154"})
    assert accepted_["membership_id"] == member["id"]
    renewed = house.through(cast.ada).post(f"/members/{member['id']}/invitation")
    assert renewed.code == "members.wrong_state"


def test_what_ended_long_ago_is_tidied_away(house, account, termii):
    house.cast.mark(account)
    house.deliver()
    termii.usual = status(503)
    house.cast.mark(account)
    house.deliver()
    with house.quiet.app_context(), db.engine.begin() as connection:
        long_ago = "created_at = created_at - interval '100 days', ended_at = ended_at - interval '91 days'"
        connection.execute(db.text(f"UPDATE deliveries SET {long_ago}"))
    house.quiet.test_cli_runner().invoke(args=["tidy"])
    assert [row[1] for row in house.states()] == ["waiting"]
