"""Webhooks: signed calls to where an admin wants them, and to nowhere that could hurt."""

import hashlib
import hmac
import ipaddress
import ssl
import time
from dataclasses import replace
from datetime import timedelta

import pytest

from ofektom import deliveries, outgoing
from ofektom.app import create_app
from tests.outside.stand_ins import dripping, slow, stand_in, status

AN_HOUR = timedelta(hours=1)


@pytest.fixture
def hook(house, receiver) -> dict:
    """A webhook of ada's to the receiver, with its secret; removed at the end."""
    found = house.cast.ada.ok("POST", "/webhooks", {"url": f"{receiver.url}/hook?key=1"})
    yield found
    house.cast.ada.delete(f"/webhooks/{found['id']}")


def is_signed(call, secret: str) -> bool:
    """Whether a call carries the signature that the documentation describes, made by hand."""
    moment, signature = (part.partition("=")[2] for part in call.headers["Ofektom-Signature"].split(","))
    expected = hmac.new(secret.encode(), moment.encode() + b"." + call.body, hashlib.sha256).hexdigest()
    return signature == expected and abs(int(moment) - time.time()) < 60


def test_a_marking_is_called_out_signed(house, account, hook, receiver):
    receipt = house.cast.mark(account, days=2)
    house.deliver()
    [call] = receiver.calls
    assert is_signed(call, hook["signing_secret"])
    assert not is_signed(replace(call, body=call.body + b" "), hook["signing_secret"])
    assert not is_signed(call, hook["signing_secret"] + "x")
    assert (call.path, call.headers["Content-Type"]) == ("/hook?key=1", "application/json")
    event = call.json
    assert event["id"] == call.headers["Ofektom-Event"]
    assert (event["type"], event["business_id"]) == ("markings.collected", house.cast.business_id)
    assert (event["data"]["amount"], event["data"]["balance"]) == (receipt["amount"], receipt["balance"])
    assert (event["data"]["check_code"], event["data"]["member_id"]) == (receipt["check_code"], house.cast.funke.id)


def test_secrets_are_no_part_of_a_call(house, hook, receiver, termii):
    cast = house.cast
    body = {"role": "customer", "full_name": "Invited", "parent_id": cast.chidi.id}
    token = cast.ada.ok("POST", "/members", body)["invitation_token"]
    house.deliver()
    [call] = receiver.calls
    assert call.json["type"] == "members.invited"
    assert token.encode() not in call.body
    assert b"token:" not in call.body


def test_only_the_events_asked_for_come_and_only_of_the_own_business(house, account, hook, receiver):
    cast = house.cast
    cast.ada.ok("PATCH", f"/webhooks/{hook['id']}", {"events": ["markings.reversed"]})
    rivals = type(cast)(cast.staff, name="Rival Thrift")
    rivals.mark(rivals.open_account(rivals.funke))
    receipt = cast.mark(account)
    cast.chidi.ok("POST", f"/collections/{receipt['collection_id']}/reversal", {"reason": "wrong card"})
    house.deliver()
    assert [call.json["type"] for call in receiver.calls] == ["markings.reversed"]


def test_a_new_secret_signs_what_is_sent_from_then_on(house, hook, receiver):
    ada = house.cast.ada
    renewed = ada.ok("POST", f"/webhooks/{hook['id']}/secret")
    assert renewed["signing_secret"] != hook["signing_secret"]
    assert "signing_secret" not in ada.ok("GET", f"/webhooks/{hook['id']}")
    assert house.rows("SELECT id FROM webhooks w WHERE w::text LIKE :s", s=f"%{renewed['signing_secret']}%") == []
    ada.ok("POST", f"/webhooks/{hook['id']}/test")
    house.deliver()
    [call] = receiver.calls
    assert call.json["type"] == "webhooks.test"
    assert is_signed(call, renewed["signing_secret"])
    assert not is_signed(call, hook["signing_secret"])


def test_a_replay_is_the_same_event_again(house, account, hook, receiver):
    ada = house.cast.ada
    house.cast.mark(account)
    house.deliver()
    [sent] = ada.ok("GET", f"/webhooks/{hook['id']}/deliveries?state=sent")["items"]
    again = ada.ok("POST", f"/webhooks/{hook['id']}/deliveries/{sent['id']}/replay")
    assert (again["event"], again["state"]) == (sent["event"], "waiting")
    house.deliver()
    first, second = receiver.calls
    assert first.body == second.body
    assert first.headers["Ofektom-Event"] == second.headers["Ofektom-Event"] == sent["event"]


def test_a_redirect_is_not_followed(house, hook, receiver):
    with stand_in(status(204)) as elsewhere:
        receiver.plan = [status(307, Location=elsewhere.url)]
        house.cast.ada.ok("POST", f"/webhooks/{hook['id']}/test")
        house.deliver()
        assert elsewhere.calls == []
    [call] = house.cast.ada.ok("GET", f"/webhooks/{hook['id']}/deliveries")["items"]
    assert (call["state"], call["error"]) == ("waiting", "answered 307")


def test_a_receiver_that_is_away_for_a_while_gets_everything_in_order(house, account, hook, receiver):
    receiver.usual = status(503)
    for days in (1, 2, 3):
        house.cast.mark(account, days=days)
        house.deliver(after=timedelta(seconds=30))
    receiver.usual = status(200)
    tried = len(receiver.calls)
    house.deliver(after=AN_HOUR)
    assert [call.json["data"]["days"] for call in receiver.calls[tried:]] == [1, 2, 3]


def test_a_receiver_that_never_answers_is_switched_off_and_the_admins_are_told(house, account, hook, receiver):
    cast, path = house.cast, f"/webhooks/{hook['id']}"
    receiver.usual = status(500)
    cast.mark(account)
    cast.mark(account, days=2)
    for _ in range(deliveries.MOST_ATTEMPTS):
        house.deliver(after=2 * AN_HOUR)
    assert len(receiver.calls) == deliveries.MOST_ATTEMPTS
    assert cast.ada.ok("GET", path)["is_active"] is False
    states = [call["state"] for call in cast.ada.ok("GET", f"{path}/deliveries")["items"]]
    assert states == ["held", "dead"]
    cast.mark(account)
    assert cast.ada.post(f"{path}/test").code == "webhooks.switched_off"
    house.deliver()
    for admin in (cast.ada, cast.bola):
        told = admin.ok("GET", "/notifications?state=unread")["items"][0]
        assert told["topic"] == "webhooks.disabled"
        assert told["text"] == "The webhook to 127.0.0.1 was switched off after 15 failed attempts"
    receiver.usual = status(200)
    cast.ada.ok("PATCH", path, {"is_active": True})
    house.deliver()
    assert [call.json["data"]["days"] for call in receiver.calls[deliveries.MOST_ATTEMPTS :]] == [2]


def test_an_address_that_is_gone_is_switched_off_at_once(house, hook, receiver):
    receiver.usual = status(410)
    house.cast.ada.ok("POST", f"/webhooks/{hook['id']}/test")
    house.deliver()
    assert house.cast.ada.ok("GET", f"/webhooks/{hook['id']}")["is_active"] is False


def test_what_was_removed_is_called_no_more(house, account, hook, receiver):
    receiver.usual = status(500)
    house.cast.mark(account)
    house.deliver()
    house.cast.ada.send("DELETE", f"/webhooks/{hook['id']}")
    house.deliver(after=AN_HOUR)
    assert len(receiver.calls) == 1
    [row] = house.rows("SELECT state, error FROM deliveries WHERE channel = 'webhook'")
    assert tuple(row.values()) == ("dead", "the webhook was removed")


def test_a_business_has_ten_webhooks_at_most(house, receiver):
    rivals = type(house.cast)(house.cast.staff, name="Many Hooks")
    for _ in range(10):
        rivals.ada.ok("POST", "/webhooks", {"url": receiver.url})
    assert rivals.ada.post("/webhooks", {"url": receiver.url}).code == "webhooks.too_many"


@pytest.fixture(scope="module")
def production(furnished):
    """The application as production has it."""
    return create_app(replace(furnished[2], environment="production"), testing=True)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "https:///path",
        "https://user:pw@example.com/",
        "https://example.com/#part",
        "https://127.0.0.1/",
        "https://localhost/",
        "https://10.1.2.3/",
        "https://192.168.0.1/",
        "https://172.16.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://100.64.0.1/",
        "https://0.0.0.0/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://0177.0.0.1/",
        "https://[::1]/",
        "https://[::]/",
        "https://[fe80::1]/",
        "https://[fc00::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[2002:7f00:1::]/",
        "https://[fec0::1]/",
        "https://[3fff::1]/",
        "https://192.0.0.8/",
        "https://192.88.99.1/",
        "https://224.0.0.1/",
        "https://255.255.255.255/",
        "https://[ff02::1]/",
        "http://127.0.0.1/",
        "https://example.com:0/",
        "https://example.com:99999/",
        "https://[::1",
        "https://exa\u200bmple.com/",
    ],
)
def test_an_address_that_is_not_public_is_refused(production, url):
    with production.app_context(), pytest.raises(outgoing.UrlRefused):
        outgoing.resolve(outgoing.check_url(url))


@pytest.mark.parametrize("address", ["1.1.1.1", "196.216.2.1", "2606:4700::1111", "64:ff9b::101:101"])
def test_an_address_of_the_open_internet_is_public(address):
    assert outgoing.is_public(ipaddress.ip_address(address))


def test_a_name_that_nobody_knows_is_found_out_when_it_is_called(house):
    hook = house.cast.ada.ok("POST", "/webhooks", {"url": "https://no.such.host.invalid/"})
    house.cast.ada.ok("POST", f"/webhooks/{hook['id']}/test")
    house.deliver()
    [call] = house.cast.ada.ok("GET", f"/webhooks/{hook['id']}/deliveries")["items"]
    assert (call["state"], call["error"]) == ("waiting", "not called: its host is not known")


def test_a_refused_address_is_no_webhook(house):
    for url in ("https://169.254.169.254/", "http://example.com/", "https://exa mple.com/", "x" * 501):
        answer = house.cast.ada.post("/webhooks", {"url": url})
        assert answer.code in ("outgoing.url_refused", "request.invalid"), url


def test_a_name_that_leads_elsewhere_by_now_is_not_called(house, hook, receiver, production):
    """The check is made again for every call: what was on this machine is not public for production's worker."""
    house.cast.ada.ok("POST", f"/webhooks/{hook['id']}/test")
    house.app.config["ENVIRONMENT"] = "production"
    house.deliver()
    assert receiver.calls == []
    [call] = house.cast.ada.ok("GET", f"/webhooks/{hook['id']}/deliveries")["items"]
    assert call["error"] == "not called: it must begin with https://"


def test_the_call_goes_to_the_address_that_was_checked(app, receiver):
    """Nobody is asked again what the name stands for: this one stands for nothing at all."""
    url = f"http://receiver.invalid:{receiver.port}/x"
    assert outgoing.post(url, b"{}", {}, address=ipaddress.ip_address("127.0.0.1")).status == 204
    assert receiver.calls[0].headers["Host"] == f"receiver.invalid:{receiver.port}"


def test_by_tls_the_certificate_must_be_that_of_the_name(certificate, monkeypatch):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    here = {"address": ipaddress.ip_address("127.0.0.1")}
    with stand_in(status(204), context=context) as server:
        url = f"https://receiver.example:{server.port}/"
        with pytest.raises(outgoing.Unreachable):  # nobody vouches for it
            outgoing.post(url, b"{}", {}, **here)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
        assert outgoing.post(url, b"{}", {}, **here).status == 204
        with pytest.raises(outgoing.Unreachable):  # of another name
            outgoing.post(url.replace("receiver", "other"), b"{}", {}, **here)
        assert len(server.calls) == 1


@pytest.mark.parametrize("answer", [slow(3, status(204)), dripping])
def test_who_keeps_us_waiting_is_cut_off(receiver, answer):
    receiver.plan = [answer]
    began = time.monotonic()
    with pytest.raises(outgoing.Unreachable):
        outgoing.post(receiver.url, b"{}", {}, seconds=0.5)
    assert time.monotonic() - began < 2.5, "the answer would have been complete by then"


def test_of_a_long_answer_only_the_beginning_is_read(receiver):
    receiver.plan = [status(200, b"x" * 1_000_000)]
    assert len(outgoing.post(receiver.url, b"{}", {}).body) == outgoing.MOST_BYTES
