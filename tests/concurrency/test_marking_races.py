"""Many collectors, one card: a slot is paid once, money and commission move once."""

from collections import Counter
from datetime import date, timedelta

import pytest

from tests.cast import Client
from tests.concurrency.race import assert_adds_up, balance, count, race, rows, scalar, together

CROWD = 32
ROUNDS = 20
DAY = 50_000


@pytest.fixture(scope="module")
def collectors(cast) -> list[Client]:
    """All who may take hauwa's money: her sub-agent, his agent, and admins up to a crowd."""
    known = [cast.dupe, cast.chidi, cast.ada, cast.bola]
    return known + [cast.join("admin", f"Admin {number}") for number in range(CROWD - len(known))]


def test_of_a_crowd_at_one_slot_one_is_paid(cast, collectors):
    """Each slot is a cycle of its own, so each round has its own commission as well."""
    account = cast.open_account(cast.hauwa, cycle_days=1, cycles=ROUNDS + 1)
    path, start = f"/savings/{account['id']}/markings", date.fromisoformat(account["start"])

    def marker(person):
        return lambda number: person.post(path, {"dates": [str(start + timedelta(days=number))]})

    for answers in race([marker(person) for person in collectors], ROUNDS):
        assert count(answers, 201) == 1, Counter((answer.status, answer.code) for answer in answers)
        assert count(answers, "markings.slot_taken") == CROWD - 1

    paid = rows(
        cast.app,
        "SELECT slot_date, count(*) AS times FROM markings WHERE account_id = :id AND status = 'paid' GROUP BY 1",
        id=account["id"],
    )
    assert [row["times"] for row in paid] == [1] * ROUNDS
    ours = "business_id = :b AND id IN (SELECT entry_id FROM {} WHERE account_id = :id)"
    for table in ("collections", "commissions"):
        query = f"SELECT count(*) FROM ledger_entries WHERE {ours.format(table)}"
        assert scalar(cast.app, query, b=cast.business_id, id=account["id"]) == ROUNDS
    assert scalar(cast.app, "SELECT count(*) FROM commissions WHERE account_id = :id", id=account["id"]) == ROUNDS
    assert balance(cast.app, cast.business_id, "savings", account["id"]) == 0


def test_a_crowd_that_pays_the_next_day_pays_different_days(cast, collectors):
    account = cast.open_account(cast.hauwa, cycle_days=CROWD, cycles=1)
    path = f"/savings/{account['id']}/markings"
    answers = together(*[lambda person=person: person.post(path, {"days": 1}) for person in collectors])
    assert count(answers, 201) == CROWD, Counter((answer.status, answer.code) for answer in answers)
    assert len({answer["slots"][0]["date"] for answer in answers}) == CROWD
    assert sum(answer["commission"] for answer in answers) == DAY
    assert {answer["balance"] for answer in answers} == {DAY * number for number in range(CROWD)}
    assert cast.card(account)["totals"]["balance"] == DAY * (CROWD - 1)
    assert cast.card(account)["account"]["state"] == "completed"


def test_remainders_of_a_crowd_are_all_kept(cast, collectors):
    """Each brings a third of a day: credit is read and written under the account's lock, or some of it is lost."""
    account = cast.open_account(cast.hauwa, contribution=30_000, cycle_days=CROWD, cycles=1)
    path = f"/savings/{account['id']}/markings"
    answers = together(*[lambda person=person: person.post(path, {"amount": 10_000}) for person in collectors])
    assert count(answers, 201) == CROWD
    totals = cast.card(account)["totals"]
    assert totals["amount_paid"] + totals["credit"] == CROWD * 10_000
    assert totals["slots_paid"] == CROWD // 3
    assert totals["credit"] == CROWD % 3 * 10_000


def test_one_collection_is_reversed_once(cast):
    account = cast.open_account(cast.hauwa)
    path = f"/collections/{cast.mark(account)['collection_id']}/reversal"
    crowd = [cast.chidi, cast.ada, cast.bola] * 5
    reason = {"reason": "wrong card"}
    answers = together(*[lambda person=person: person.post(path, reason) for person in crowd])
    assert count(answers, 200) == 1
    assert count(answers, "ledger.already_reversed") == len(crowd) - 1
    totals = cast.card(account)["totals"]
    assert (totals["balance"], totals["slots_paid"]) == (0, 0)


@pytest.mark.parametrize(
    ("step", "body"),
    [("end", {"reason": "moves away"}), ("terms", {"contribution": 70_000}), ("extend", {"cycles": 1})],
)
def test_a_marking_meets_another_act_on_the_account(cast, step, body):
    """Whichever comes first, what is paid is paid at the terms of its moment and the books agree."""
    for _ in range(10):
        account = cast.open_account(cast.gbenga, cycle_days=4)
        path = f"/savings/{account['id']}"
        marked, changed = together(
            lambda path=path: cast.chidi.post(f"{path}/markings", {"days": 3}),
            lambda path=path: cast.ada.post(f"{path}/{step}", body),
        )
        assert changed.status == 200
        assert marked.status == 201 or (step, marked.code) == ("end", "savings.closed")
        card = cast.card(account)
        amounts = {slot["amount"] for slot in card["slots"] if slot["status"] == "paid"}
        assert len(amounts) <= 1
        expected = 0 if marked.status != 201 else marked["amount"] - marked["commission"]
        assert card["totals"]["balance"] == expected
    assert_adds_up(cast.app)


def test_a_marking_meets_the_reversal_of_another(cast):
    for _ in range(10):
        account = cast.open_account(cast.gbenga, cycle_days=4)
        first = cast.mark(account)
        marked, taken_back = together(
            lambda account=account: cast.chidi.post(f"/savings/{account['id']}/markings", {"days": 1}),
            lambda first=first: cast.ada.post(
                f"/collections/{first['collection_id']}/reversal", {"reason": "wrong card"}
            ),
        )
        assert (marked.status, taken_back.status) == (201, 200)
        card = cast.card(account)
        assert (card["totals"]["slots_paid"], card["totals"]["balance"]) == (1, 0)
    assert_adds_up(cast.app)


def test_a_plan_is_rolled_over_once(cast):
    account = cast.open_account(cast.gbenga, cycle_days=1)
    cast.mark(account)
    crowd = [cast.chidi, cast.ada, cast.bola] * 4
    answers = together(
        *[lambda person=person: person.post(f"/savings/{account['id']}/roll-over", {}) for person in crowd]
    )
    assert count(answers, 201) == 1
    assert count(answers, "savings.already_rolled_over") == len(crowd) - 1


def test_a_plan_ends_early_once(cast):
    account = cast.open_account(cast.gbenga)
    cast.mark(account, days=2)
    body = {"reason": "moves away"}
    crowd = [cast.chidi, cast.ada, cast.bola] * 4
    answers = together(*[lambda person=person: person.post(f"/savings/{account['id']}/end", body) for person in crowd])
    assert (count(answers, 200), count(answers, "savings.closed")) == (1, len(crowd) - 1)
