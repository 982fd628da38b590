"""What the console shows to whom, what its forms do, and what goes wrong as a page."""

import itertools
import re
from dataclasses import replace

import pytest

from blueprints.arrears.queries import progress
from blueprints.console.routes import ASSETS
from blueprints.console.rules import columns
from ofektom.app import create_app
from ofektom.identity import Actor
from tests.blueprints.console.visitor import PREFERS, Visitor, said
from tests.cast import PASSWORD, PIN

PAGES = ["", "/route", "/route/stops", "/approvals", "/cash", "/health"]


_places = itertools.count(1)


def outside(app) -> Visitor:
    """Somebody who is no operator, at an address that nobody else has tried to sign in from."""
    return Visitor(app, address=f"203.0.113.{next(_places)}")


@pytest.fixture(scope="module")
def ada(app, cast) -> Visitor:
    return Visitor(app).sign_in(cast.ada.phone, PASSWORD)


@pytest.fixture(scope="module")
def account(cast) -> dict:
    """A card of funke's with days paid."""
    cast.ada.ok("PATCH", "/settings", {"expense_approval_above": 1_000, "two_approvers_above": 100_000})
    account = cast.open_account(cast.funke)
    cast.mark(account, days=9)
    return account


@pytest.fixture
def payout(cast, account) -> dict:
    """Money that funke asks for."""
    return cast.funke.ok("POST", "/payments", {"account_id": account["id"], "amount": 10_000})


def status(cast, payout: dict) -> str:
    return cast.ada.ok("GET", f"/payments/{payout['id']}")["status"]


def follow(visitor: Visitor, answer):
    """The page to which a form has led."""
    assert answer.status_code == 303, answer.text
    return visitor.get(answer.location.removeprefix("/console"))


def test_every_page_is_the_readers_own(app, ada):
    for path in PAGES:
        page = ada.get(path)
        assert (page.status_code, page.mimetype) == (200, "text/html"), path
        assert (page.headers["Cache-Control"], page.headers["Referrer-Policy"]) == ("no-store", "same-origin")
        assert "ETag" not in page.headers
        policy = dict(rule.split(" ", 1) for rule in page.headers["Content-Security-Policy"].split("; "))
        assert {policy.pop(name) for name in ("default-src", "base-uri", "frame-ancestors")} == {"'none'"}
        assert set(policy.values()) == {"'self'"}
        assert not re.search(r"<style|<script>|style=|\son\w+=|https?://", page.text), path
    with app.test_client(use_cookies=False).get(f"/console/assets/{ASSETS.version}/console.css") as asset:
        assert asset.headers["Cache-Control"] == "public, max-age=31536000, immutable"


def test_collectors_see_their_own(app, cast, account):
    others = cast.open_account(cast.ike)
    cast.mark(others, by=cast.emeka, days=2)
    for person, sees, not_sees in ((cast.chidi, "Funke Bello", "Ike Nwosu"), (cast.emeka, "Ike Nwosu", "Funke Bello")):
        visitor = outside(app).sign_in(person.phone, PIN)
        texts = [visitor.get(path).text for path in ("", "/route", "/route/stops", "/cash")]
        assert sees in texts[2]
        assert not any(not_sees in text or "Approvals" in text or "Health" in text for text in texts)
        other = {"Chidi Eze", "Emeka Udo"} - {"Chidi Eze" if person is cast.chidi else "Emeka Udo"}
        assert not any(name in text for name in other for text in texts)
        assert "no open card" in visitor.get(f"/route/stops?collector_id={cast.ada.id}").text
        assert visitor.get("/approvals").status_code == visitor.get("/businesses").status_code == 403


def test_customers_and_former_members_find_nothing(app, fresh_cast):
    former = fresh_cast.join("agent", "Former Agent")
    fresh_cast.ada.ok("POST", f"/members/{former.id}/deactivate", {"reason": "x"})
    for person, reason in ((fresh_cast.funke, "those who run a business"), (former, "You work in no business")):
        visitor = outside(app).sign_in(person.phone, PIN)
        text = visitor.get().text
        assert ("Nothing for you here" in text, reason in text, "<nav" in text) == (True, True, False)
        assert visitor.get("/cash").status_code == 403


def test_health_is_for_operators_and_platform_staff(app, cast, staff):
    people = [(outside(app), cast.ada.phone, False), (Visitor(app), cast.ada.phone, True)]
    for visitor, login, found in [*people, (outside(app), staff.username, True)]:
        visitor.sign_in(login, PASSWORD)
        assert (visitor.get("/health").status_code == 200) == found
        assert (">Health</a>" in visitor.get().text) == found
    assert "Funke" not in visitor.get().text


def test_progress_counts_the_cards_of_the_route(cast, app):
    """Reckoned set by set, it is what the cards say one by one."""
    actor = Actor(cast.ada.user_id, 1, False, cast.business_id, cast.ada.id, "admin", "Africa/Lagos", "NGN")
    with app.app_context():
        found = {row["collector_id"]: row for row in progress(actor, cursor=None)["items"]}
    for collector in (cast.chidi, cast.emeka):
        stops = cast.ada.ok("GET", "/route", query_string={"collector_id": collector.id})["items"]
        cards = [cast.ada.ok("GET", f"/savings/{stop['account_id']}/card") for stop in stops]
        today = [slot["status"] for card in cards for slot in card["slots"] if slot["date"] == card["today"]]
        row = found[collector.id]
        assert (row["accounts"], row["paid"], row["due"]) == (len(stops), today.count("paid"), today.count("due"))
        assert row["missed"] == sum(stop["missed"] > 0 for stop in stops)
        assert row["amount_due"] + row["amount_missed"] == sum(stop["amount_due"] for stop in stops)


def test_collectors_come_page_by_page(app, cast, ada, monkeypatch):
    """However many there are, a page reckons the cards of a few."""
    for customer in (cast.funke, cast.ike):
        cast.open_account(customer)
    everybody = re.findall(r"/route/stops\?collector_id=(\d+)", ada.get("/route").text)
    monkeypatch.setattr("blueprints.arrears.queries.COLLECTORS_ON_A_PAGE", 1)
    seen, path = [], "/route"
    while path:
        text = ada.get(path).text
        seen += re.findall(r"/route/stops\?collector_id=(\d+)", text)
        following = re.search(r'href="/console(/route\?cursor=[^"]+)">More collectors', text)
        path = following and following[1]
    assert seen == everybody
    assert len(seen) > 1


def test_a_form_sent_again_has_the_same_answer_and_one_effect(cast, ada, payout):
    path, form = f"/payouts/{payout['id']}/approve", ada.form()
    first, again = ada.post(path, form), ada.post(path, form)
    assert (first.location, "Idempotency-Replayed" in again.headers) == (again.location, True)
    assert said(follow(ada, again)) == f"status: Payout {payout['id']} approved."
    late = ada.post(path, ada.form())
    assert said(follow(ada, late)).startswith("alert: The request&#39;s present status does not allow this")
    query = {"object_type": "payment_request", "object_id": payout["id"], "action": "payments.approved"}
    assert len(cast.ada.ok("GET", "/audit", query_string=query)["items"]) == 1


def test_a_form_sent_again_with_other_words_is_told_so(cast, ada, payout):
    path, form = f"/payouts/{payout['id']}/decline", ada.form()
    ada.post(path, form | {"reason": "Not today"})
    assert "was sent before, with other words" in said(follow(ada, ada.post(path, form | {"reason": "Never"})))
    assert cast.ada.ok("GET", f"/payments/{payout['id']}")["reason"] == "Not today"


def test_a_page_may_do_several_things(cast, ada, account):
    """Each form of a page has its own effect, though all carry the same field."""
    payouts = [cast.funke.ok("POST", "/payments", {"account_id": account["id"], "amount": 100}) for _ in range(2)]
    form = ada.form()
    ada.post(f"/payouts/{payouts[0]['id']}/approve", form)
    ada.post(f"/payouts/{payouts[1]['id']}/decline", form | {"reason": "no"})
    assert [status(cast, payout) for payout in payouts] == ["approved", "rejected"]


def test_above_the_limit_two_approve(app, cast, ada, account):
    large = cast.funke.ok("POST", "/payments", {"account_id": account["id"], "amount": 100_001})
    path, bola = f"/payouts/{large['id']}/approve", Visitor(app).sign_in(cast.bola.phone, PASSWORD)
    assert said(follow(ada, ada.post(path, ada.form()))).endswith("It waits for one more approval.")
    assert "1 of 2" in ada.get("/approvals").text
    assert "have approved this request already" in said(follow(ada, ada.post(path, ada.form())))
    assert said(follow(bola, bola.post(path, bola.form()))) == f"status: Payout {large['id']} approved."


def test_expenses_are_decided_like_payouts(cast, ada):
    spent, refused = (
        cast.chidi.ok("POST", "/expenses", {"amount": amount, "category": "fuel", "note": "x"})["id"]
        for amount in (2_000, 3_000)
    )
    own = cast.ada.ok("POST", "/expenses", {"amount": 2_000, "category": "fuel", "note": "mine"})["id"]
    assert said(follow(ada, ada.post(f"/expenses/{spent}/approve", ada.form()))) == f"status: Expense {spent} approved."
    without = ada.post(f"/expenses/{refused}/decline", ada.form() | {"reason": " "})
    assert "reason: " in said(follow(ada, without))
    answer = ada.post(f"/expenses/{refused}/decline", ada.form() | {"reason": "no"})
    assert said(follow(ada, answer)) == f"status: Expense {refused} declined."
    assert "Somebody else" in said(follow(ada, ada.post(f"/expenses/{own}/approve", ada.form())))
    states = [cast.ada.ok("GET", f"/expenses/{each}")["status"] for each in (spent, refused, own)]
    assert states == ["posted", "rejected", "requested"]


@pytest.mark.parametrize(
    ("headers", "ours"),
    [
        ({}, True),
        ({"Origin": "http://localhost"}, True),
        ({"Sec_Fetch_Site": None, "Origin": "http://localhost"}, True),
        ({"Sec_Fetch_Site": None, "Origin": "https://localhost"}, True),
        ({"Sec_Fetch_Site": None}, False),
        ({"Sec_Fetch_Site": "cross-site"}, False),
        ({"Sec_Fetch_Site": "same-site"}, False),
        ({"Sec_Fetch_Site": "none"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": "http://evil.example"}, False),
        ({"Sec_Fetch_Site": None, "Origin": "http://localhost.evil.example"}, False),
        ({"Sec_Fetch_Site": None, "Origin": "http://localhost:8000"}, False),
        ({"Sec_Fetch_Site": None, "Origin": "http://["}, False),
        ({"Sec_Fetch_Site": "cross-site", "Origin": "http://localhost"}, False),
    ],
    ids=str,
)
def test_only_our_own_pages_send_forms(app, cast, ada, payout, headers, ours):
    sent = ada.post(f"/payouts/{payout['id']}/approve", ada.form(), **headers)
    assert (sent.status_code == 303, status(cast, payout) == "approved") == (ours, ours)
    wrong = Visitor(app).post("/session", {"login": "nobody", "secret": "x"}, **headers)
    assert wrong.status_code == (401 if ours else 403)


def test_a_form_is_of_one_session(app, cast, ada, payout):
    path = f"/payouts/{payout['id']}/approve"
    bola = Visitor(app).sign_in(cast.bola.phone, PASSWORD)
    elsewhere = Visitor(app).sign_in(cast.ada.phone, PASSWORD)
    value = ada.form()["form"]
    for fields in ({}, {"form": ""}, {"form": value[:-1]}, {"form": "x" + value}, bola.form(), elsewhere.form()):
        refused = ada.post(path, fields)
        assert (refused.status_code, "form.stale" in refused.text) == (403, True)
    assert ada.post(path, ada.form() | {"amount": "1"}).status_code == 303
    assert status(cast, payout) == "requested"
    spoken = follow(ada, ada.post(path, ada.form())).request.query_string.decode()
    assert said(bola.get(f"/approvals?{spoken}")) == "", "what is said to one is said to nobody else"
    assert said(ada.get("/approvals?said=Your+account+is+closed")) == ""


def test_what_goes_wrong_is_a_page_for_people_and_a_document_for_programs(app, ada):
    page = ada.get("/nowhere")
    assert (page.status_code, page.mimetype, "not_found" in page.text) == (404, "text/html", True)
    assert page.headers["X-Request-ID"] in page.text
    assert app.test_client().get("/console/nowhere").json["code"] == "not_found"
    for path in ("/", "/consoles", "/api/v1/nowhere", "/api/v1/console"):
        assert app.test_client().get(path, headers=PREFERS).json["code"] == "not_found"
    method = ada.get("/session")
    assert (method.status_code, method.mimetype, method.headers["Allow"]) == (405, "text/html", "OPTIONS, POST")
    assert ada.get("/cash?colour=red").status_code == 422
    assert ada.post("/sign-out", {"form": "x" * 2_000_000}).status_code == 413
    json = ada.client.post(
        "/console/session", json={"login": "a", "secret": "b"}, headers={"Sec-Fetch-Site": "same-origin"}
    )
    assert (json.status_code, json.json["code"]) == (400, "request.malformed")


def test_without_a_database_it_says_so(settings):
    nowhere = create_app(replace(settings, database_url="postgresql://nobody@127.0.0.1:1/nothing"), testing=True)
    answer = Visitor(nowhere).post("/session", {"login": "ada", "secret": "x"})
    assert (answer.status_code, answer.mimetype, "Retry-After" in answer.headers) == (503, "text/html", True)
    assert said(answer).startswith("alert: The database cannot be reached")


def test_the_greatest_column_fills_the_chart():
    drawn = columns([("a", 1), ("b", 1_000_000), ("c", 0)])
    assert [column.height for column in drawn] == [1, 80, 0]
    assert all(column.y + column.height == 80 for column in drawn)
    assert columns([]) == []
