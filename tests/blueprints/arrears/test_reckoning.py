"""A business with many accounts is told what was reckoned beforehand, and as of when; pages look at a bounded part."""

import json
from datetime import date, datetime, timedelta

import pytest

from blueprints.arrears import queries, services
from blueprints.arrears.services import Books
from ofektom import delivering
from tests.concurrency.race import rows, together

MONDAY = date(2026, 6, 1)
UNPAID = ("arrears", "still_due_today", "active_accounts", "reckoned_at")


@pytest.fixture
def business(fresh_cast, calendar):
    """Six accounts; it is Thursday, the fourth day, and one has paid two days, one four, the others nothing."""
    calendar.to(MONDAY)
    people = (fresh_cast.funke, fresh_cast.gbenga, fresh_cast.hauwa) * 2
    fresh_cast.accounts = [fresh_cast.open_account(person, contribution=10_000) for person in people]
    fresh_cast.mark(fresh_cast.accounts[0], days=2)
    fresh_cast.mark(fresh_cast.accounts[1], days=4, by=fresh_cast.ada)
    calendar.to(MONDAY + timedelta(days=3))
    fresh_cast.ada.sign_in(fresh_cast.ada.phone, fresh_cast.ada.secret)
    return fresh_cast


@pytest.fixture
def large(business, app, monkeypatch):
    """The same, where six accounts are too many to reckon them live, and a piece is four of them."""
    monkeypatch.setitem(app.config, "RECKON_LIVE_ROWS", 5)
    monkeypatch.setattr(services, "PIECE", 4)
    return business


def _told(business) -> tuple:
    answer = business.ada.ok("GET", "/dashboard")
    return tuple(answer[name] for name in UNPAID)


def _reckon(business, *more: str):
    command = ["reckon", "--business", str(business.business_id), "--json", *more]
    return business.app.test_cli_runner().invoke(args=command)


def _pieces(said) -> int:
    [one] = json.loads(said.stdout)["reckoned"]
    return one["pieces"]


def _kept(business) -> list[dict]:
    query = "SELECT *, ended_at IS NOT NULL AS whole FROM reckonings WHERE business_id = :id ORDER BY id"
    return rows(business.app, query, id=business.business_id)


def test_a_small_business_is_told_of_this_moment(business, app, monkeypatch):
    monkeypatch.setitem(app.config, "RECKON_LIVE_ROWS", 6)
    expected = ({"accounts": 5, "slots": 13, "amount": 130_000}, {"slots": 5, "amount": 50_000}, 2, None)
    assert _told(business) == expected
    _reckon(business)
    business.mark(business.accounts[0], days=1)
    assert _told(business)[0] == {"accounts": 4, "slots": 12, "amount": 120_000}, "what was kept is not looked at"


def test_a_large_one_is_told_what_was_reckoned_and_as_of_when(large, calendar):
    assert _told(large) == (None, None, None, None)
    said = _reckon(large)
    assert (said.exit_code, _pieces(said)) == (0, 2)
    *sums, reckoned_at = _told(large)
    assert sums == [{"accounts": 5, "slots": 13, "amount": 130_000}, {"slots": 5, "amount": 50_000}, 2]
    assert datetime.fromisoformat(reckoned_at) == _kept(large)[0]["begun_at"]
    large.mark(large.accounts[0], days=2)
    assert _told(large) == (*sums, reckoned_at)
    calendar.forward(minutes=1)
    _reckon(large)
    *sums, again = _told(large)
    assert sums == [{"accounts": 4, "slots": 12, "amount": 120_000}, {"slots": 4, "amount": 40_000}, 2]
    assert again > reckoned_at
    assert len(_kept(large)) == 1, "one is kept of each day"


def test_what_was_due_yesterday_is_not_due_today(large, calendar):
    _reckon(large)
    arrears, _, active, reckoned_at = _told(large)
    calendar.to(MONDAY + timedelta(days=4))
    large.ada.sign_in(large.ada.phone, large.ada.secret)
    assert _told(large) == (arrears, None, active, reckoned_at)
    _reckon(large)
    assert _told(large)[0] == {"accounts": 5, "slots": 18, "amount": 180_000}
    assert [row["day"] for row in _kept(large)] == [MONDAY + timedelta(days=days) for days in (3, 4)]


def test_it_goes_on_where_it_was_broken_off_and_starts_anew_on_another_day(large, app, calendar):
    books = Books(large.business_id, "Africa/Lagos")
    with app.app_context():
        assert services.go_on(books, services.begin(books))
    [half] = _kept(large)
    assert (half["whole"], half["last_account_id"]) == (False, large.accounts[3]["id"])
    assert _told(large) == (None, None, None, None), "half of it is not told"
    assert _pieces(_reckon(large)) == 1
    assert _told(large)[0] == {"accounts": 5, "slots": 13, "amount": 130_000}
    with app.app_context():
        services.go_on(books, services.begin(books))
    calendar.to(MONDAY + timedelta(days=4))
    assert _pieces(_reckon(large)) == 2
    assert [(row["whole"], row["slots"]) for row in _kept(large)] == [(True, 13), (True, 18)]


def test_those_who_reckon_at_once_add_every_account_once(large, monkeypatch):
    monkeypatch.setattr(services, "PIECE", 1)

    def reckon():
        books = Books(large.business_id, "Africa/Lagos")
        with large.app.app_context():
            reckoning_id = services.begin(books)
            while services.go_on(books, reckoning_id):
                pass

    for _ in range(3):
        together(*[reckon] * 4)
        assert [row["slots"] for row in _kept(large) if row["whole"]] == [13]


def test_the_worker_reckons_who_is_due_and_nobody_else(large, app, calendar):
    def due() -> bool:
        with app.app_context():
            return large.business_id in [row["business_id"] for row in queries.to_reckon()]

    assert due()
    _reckon(large)
    assert not due()
    calendar.forward(minutes=61)
    assert due(), "an hour later again"
    with app.app_context():
        [reckon_some] = delivering.chores()
        while reckon_some():
            pass
    assert not due()
    assert _told(large)[0] == {"accounts": 5, "slots": 13, "amount": 130_000}
    calendar.to(MONDAY + timedelta(days=4))
    assert due(), "on a new day at once"


def test_a_business_that_is_not_there_is_said_to_be_none(app):
    said = app.test_cli_runner().invoke(args=["reckon", "--business", "999999999"])
    assert (said.exit_code, "there is no business 999999999" in said.output) == (2, True)


@pytest.mark.parametrize(
    ("path", "first_found"), [("/reports/arrears?as_of=2026-06-02", 2), ("/reports/dormant?days=3", 0)]
)
def test_a_page_looks_at_so_many_accounts_and_the_next_one_goes_on_after_them(large, monkeypatch, path, first_found):
    monkeypatch.setattr(queries, "MOST_LOOKED_AT", 2)
    found, pages, cursor = [], [], ""
    while cursor is not None:
        page = large.ada.ok("GET", f"{path}&limit=2{cursor}")
        pages.append(len(page["items"]))
        found += [row["account_id"] for row in page["items"]]
        cursor = page["next"] and f"&cursor={page['next']}"
    assert found == [account["id"] for account in large.accounts[first_found:]]
    assert pages == [2 - first_found, 2, 2, 0], "even a page without any leads on"
    assert large.ada.ok("GET", "/reports/dormant?days=4&limit=2")["items"] == []
