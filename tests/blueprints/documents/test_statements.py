"""A statement between two days, as JSON and as CSV."""

import csv
import io
import itertools
from datetime import timedelta

import pytest

from tests.cast import today

TODAY = today()
DAYS = [TODAY + timedelta(days=days) for days in range(4)]


@pytest.fixture
def account(fresh_cast, calendar) -> dict:
    """A card with a marking on each of four days, and a payout on the third."""
    account = fresh_cast.open_account(fresh_cast.funke)
    for day in DAYS:
        calendar.to(day)
        fresh_cast.chidi.sign_in(fresh_cast.chidi.phone, fresh_cast.chidi.secret)
        fresh_cast.mark(account)
        if day == DAYS[2]:
            fresh_cast.funke.sign_in(fresh_cast.funke.phone, fresh_cast.funke.secret)
            fresh_cast.funke.ok("POST", "/payments", {"account_id": account["id"], "amount": 20_000})
    return account


def as_csv(person, account: dict, query: str) -> list[dict]:
    answer = person.app.test_client().get(
        f"/api/v1/savings/{account['id']}/statement.csv?{query}", headers={"Authorization": f"Bearer {person.token}"}
    )
    assert (answer.status_code, answer.mimetype) == (200, "text/csv")
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


def test_opening_and_lines_make_closing_in_every_form(fresh_cast, account):
    everything = fresh_cast.funke.ok("GET", f"/savings/{account['id']}/statement")["items"]
    assert len(everything) == 6
    for first, last in itertools.product([None, *DAYS], repeat=2):
        if not (first and last and first > last):
            check_period(fresh_cast.funke, account, everything, first, last)


def check_period(person, account: dict, everything: list[dict], first, last) -> None:
    """The statement of a period has what of `everything` lies in it, and adds up."""
    query = "&".join(f"{name}={day}" for name, day in (("from", first), ("to", last)) if day)
    page = person.ok("GET", f"/savings/{account['id']}/statement?{query}")
    days = [str(first or DAYS[0]), str(last or DAYS[-1])]
    assert page["items"] == [line for line in everything if days[0] <= line["business_day"] <= days[1]]
    amounts = [line["amount"] for line in reversed(page["items"])]
    assert page["opening_balance"] == sum(line["amount"] for line in everything if line["business_day"] < days[0])
    assert page["opening_balance"] + sum(amounts) == page["closing_balance"]
    assert page["total_in"] - page["total_out"] == sum(amounts)
    opening, *lines, closing = as_csv(person, account, query)
    assert (opening["kind"], closing["kind"]) == ("opening_balance", "closing_balance")
    assert [int(line["amount"]) for line in lines] == amounts
    balances = [int(line["balance"]) for line in (opening, *lines, closing)]
    assert balances[0] == page["opening_balance"]
    assert [after - before for before, after in itertools.pairwise(balances[:-1])] == amounts
    assert balances[-2:] == [page["closing_balance"]] * 2


def test_the_first_page_and_the_last_have_the_same_totals(fresh_cast, account):
    path = f"/savings/{account['id']}/statement?limit=2&from={DAYS[1]}"
    first = fresh_cast.ada.ok("GET", path)
    second = fresh_cast.ada.ok("GET", f"{path}&cursor={first['next']}")
    names = ("from", "to", "opening_balance", "total_in", "total_out", "closing_balance", "lines")
    assert [first[name] for name in names] == [second[name] for name in names]
    assert first["lines"] == 4
    assert len(second["items"]) == 2


def test_a_period_that_ends_before_it_begins_is_refused(fresh_cast):
    account = fresh_cast.open_account(fresh_cast.funke)
    for form in ("statement", "statement.csv"):
        answer = fresh_cast.funke.get(f"/savings/{account['id']}/{form}?from=2026-03-02&to=2026-03-01")
        assert (answer.status, list(answer["errors"])) == (422, ["to"])
