"""What the SMS carrier reports later: believed when it is signed, whatever the order in which it comes."""

import hashlib
import hmac
import json

import pytest

PATH = "/api/v1/notifications/sms-reports"


@pytest.fixture
def report(house):
    """Sends a report as Termii does; returns the answer. `signed` may be a signature of one's own."""

    def send(body: dict | bytes, signed: str | None = None, app=None):
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        key = house.settings.termii_secret_key.encode()
        signature = hmac.new(key, raw, hashlib.sha512).hexdigest() if signed is None else signed
        headers = {"X-Termii-Signature": signature, "Content-Type": "application/json"}
        return (app or house.app).test_client().post(PATH, data=raw, headers=headers)

    return send


@pytest.fixture
def reference(house, account) -> str:
    """By what the carrier knows an SMS of ours."""
    house.cast.mark(account)
    house.deliver()
    return shown(house)["reference"]


def shown(house) -> dict:
    """The newest SMS as the admin sees it."""
    return house.cast.ada.ok("GET", "/notifications/deliveries?channel=sms")["items"][0]


def about(reference: str, status: str) -> dict:
    """A report with everything else that Termii says."""
    more = {"type": "outbound", "id": "1", "receiver": "2348030000000", "sender": "AdaThrift", "cost": "3.9"}
    return more | {"message": "…", "sent_at": "2026-11-24 11:34:36", "message_id": reference, "status": status}


def test_a_report_shows_what_became_of_an_sms(house, reference, report):
    assert shown(house)["report"] is None
    assert report(about(reference, "Message Sent")).status_code == 204
    assert shown(house)["report"] == "on_its_way"
    assert report(about(reference, "DELIVERED | Message delivered to handset")).status_code == 204
    assert shown(house)["report"] == "delivered"


def test_late_and_repeated_reports_change_nothing(house, reference, report):
    for status in ("Delivered", "Message Sent", "Delivered", "Message Failed"):
        assert report(about(reference, status)).status_code == 204
    assert shown(house)["report"] == "delivered"


def test_a_number_that_takes_no_such_sms_is_seen(house, reference, report):
    report(about(reference, "DND Active on Phone Number"))
    report(about(reference, "Message Sent"))
    assert shown(house)["report"] == "blocked"


def test_a_report_that_comes_before_we_have_noted_the_sms_is_not_lost(house, account, termii, report):
    expected = str(termii.first + 1)
    report(about(expected, "Delivered"))
    house.cast.mark(account)
    house.deliver()
    assert (shown(house)["reference"], shown(house)["report"]) == (expected, "delivered")


@pytest.mark.parametrize("signed", ["", "0" * 128, "é" * 8, "x"])
def test_a_forged_report_is_refused_and_changes_nothing(house, reference, report, signed):
    answer = report(about(reference, "Message Failed"), signed=signed)
    assert (answer.status_code, answer.get_json()["code"]) == (403, "sms.wrong_signature")
    assert shown(house)["report"] is None


def test_a_signature_is_of_this_body_and_no_other(house, reference, report):
    key, other = house.settings.termii_secret_key.encode(), json.dumps(about(reference, "Delivered")).encode()
    signed = hmac.new(key, other, hashlib.sha512).hexdigest()
    assert report(about(reference, "Message Failed"), signed=signed).status_code == 403


@pytest.mark.parametrize(
    "body",
    [b"", b"nonsense", b"[]", b"{}", b'{"message_id": 7, "status": "?"}', b'{"message_id": {}, "status": "Delivered"}']
    + [b'{"message_id": "a\\u0000b", "status": "Delivered"}', b'{"message_id": "' + b"9" * 101 + b'"}'],
)
def test_what_is_signed_and_means_nothing_is_taken_and_forgotten(report, house, body):
    before = house.rows("SELECT count(*) FROM sms_reports")
    assert report(body).status_code == 204
    assert house.rows("SELECT count(*) FROM sms_reports") == before


def test_a_report_is_short(report):
    answer = report(b" " * 16_385)
    assert (answer.status_code, answer.get_json()["code"]) == (413, "request.too_large")


def test_without_a_key_there_is_no_such_place(house, report):
    house.app.config["TERMII_SECRET_KEY"] = ""
    assert report({}).status_code == 404


def test_a_report_of_a_number_is_read_as_its_digits(house, reference, report):
    body = json.dumps(about(reference, "Delivered")).replace(f'"{reference}"', "12345678901234567890")
    assert report(body.encode()).status_code == 204
