"""The awkward orders of things: reversals after payouts and ends, re-marks, rules that change in between."""

import uuid
from datetime import date, timedelta

import pytest

from tests.concurrency.race import assert_adds_up, balance, rows, scalar

DAY = 50_000
REASON = {"reason": "a mistake"}


@pytest.fixture
def cast(fresh_cast):
    """Every test has a business of its own, with rules of its own; afterwards all of it adds up."""
    yield fresh_cast
    assert_adds_up(fresh_cast.app)


def money(cast, account: dict) -> tuple[int, int]:
    """Balance of the account and what the customer may take out of it."""
    totals = cast.card(account)["totals"]
    return totals["balance"], totals["available"]


def commission(cast, account: dict) -> int:
    """What has been taken of the account and not been given back."""
    total = "SELECT coalesce(sum(agent_amount + business_amount), 0) FROM commissions"
    return scalar(cast.app, f"{total} WHERE account_id = :id AND status = 'earned'", id=account["id"])


def pay_out(cast, account: dict) -> dict:
    """Everything available, in cash from the office."""
    request = cast.funke.ok("POST", "/payments", {"account_id": account["id"]})
    cast.bola.ok("POST", f"/payments/{request['id']}/approve")
    code = cast.funke.ok("POST", f"/payments/{request['id']}/code")["code"]
    return cast.ada.ok("POST", f"/payments/{request['id']}/pay-cash", {"code": code})


def reverse(cast, collection: dict):
    return cast.ada.post(f"/collections/{collection['collection_id']}/reversal", REASON)


def test_a_reversal_and_a_new_mark_at_first_mark(cast):
    """Commission follows the first mark: it stays while the cycle has a paid slot, and is taken once again after."""
    account = cast.open_account(cast.funke, cycle_days=3, cycles=2)
    first, second = cast.mark(account), cast.mark(account)
    assert (reverse(cast, first).status, commission(cast, account), money(cast, account)) == (200, DAY, (0, 0))
    assert (reverse(cast, second).status, commission(cast, account), money(cast, account)) == (200, 0, (0, 0))
    again = cast.mark(account, days=4)
    assert (again["commission"], commission(cast, account)) == (2 * DAY, 2 * DAY)
    assert money(cast, account) == (2 * DAY, 2 * DAY)


def test_a_reversal_and_a_new_mark_at_the_end_of_the_cycle(cast):
    """The commission of a finished cycle goes back with its last slot and comes again with it."""
    cast.ada.ok("PATCH", "/settings", {"commission_earned": "cycle_end", "agent_share": 7_500})
    account = cast.open_account(cast.funke, cycle_days=3, cycles=2)
    cast.mark(account, days=2)
    last = cast.mark(account)
    assert (last["commission"], money(cast, account)) == (DAY, (2 * DAY, 2 * DAY))
    assert reverse(cast, last).status == 200
    assert (commission(cast, account), money(cast, account)) == (0, (2 * DAY, DAY))
    assert cast.mark(account)["commission"] == DAY
    assert money(cast, account) == (2 * DAY, 2 * DAY)


def test_a_started_cycle_is_reserved_and_taken_when_its_days_have_passed(cast, calendar):
    cast.ada.ok("PATCH", "/settings", {"commission_earned": "cycle_end"})
    account = cast.open_account(cast.funke, cycle_days=3, cycles=3)
    cast.mark(account, days=2)
    assert money(cast, account) == (2 * DAY, DAY)
    calendar.forward(days=4)
    assert cast.funke.ok("POST", "/payments", {"account_id": account["id"]})["amount"] == DAY
    assert (commission(cast, account), money(cast, account)) == (DAY, (0, 0))


@pytest.mark.parametrize(
    ("policy", "marks", "expected"),
    [
        ({"commission_cap": 10_001, "agent_share": 3_333}, 1, 10_001),
        ({"agent_share": 0}, 1, DAY),
        ({"commission_kind": "flat", "commission_value": 20_000}, 3, 20_000),
        ({"commission_kind": "flat", "commission_value": 20_000, "commission_cap": 7}, 3, 7),
        ({"commission_kind": "percent", "commission_value": 333, "commission_earned": "cycle_end"}, 3, 4_995),
        ({"commission_kind": "percent", "commission_value": 1, "commission_earned": "cycle_end"}, 3, 15),
    ],
)
def test_every_policy_splits_to_the_last_kobo(cast, policy, marks, expected):
    cast.ada.ok("PATCH", "/settings", policy)
    account = cast.open_account(cast.funke, cycle_days=3)
    cast.mark(account, days=marks)
    assert commission(cast, account) == expected
    earned = balance(cast.app, cast.business_id, "commission_payable", cast.chidi.id)
    assert earned + balance(cast.app, cast.business_id, "business_income") == expected
    assert money(cast, account)[0] == marks * DAY - expected


def test_a_policy_changed_later_does_not_reach_an_open_account(cast):
    account = cast.open_account(cast.funke, cycle_days=2, cycles=2)
    cast.mark(account)
    cast.ada.ok("PATCH", "/settings", {"commission_kind": "flat", "commission_value": 1})
    assert cast.mark(account, days=2)["commission"] == DAY


def test_paid_slots_outlive_terms_and_holidays(cast):
    """What was paid in advance keeps its day, amount and cycle, and each cycle still costs one day."""
    account = cast.open_account(cast.funke, cycle_days=3, cycles=2)
    start = date.fromisoformat(account["start"])
    ahead = str(start + timedelta(days=4))
    cast.mark(account, dates=[ahead])
    for day in (1, 2, 4):
        cast.ada.ok("POST", "/settings/holidays", {"day": str(start + timedelta(days=day)), "name": "Sallah"})
    cast.ada.ok("POST", f"/savings/{account['id']}/terms", {"contribution": 70_000})
    paid = [slot for slot in cast.card(account)["slots"] if slot["status"] == "paid"]
    assert [(slot["date"], slot["amount"], slot["cycle"]) for slot in paid] == [(ahead, DAY, 2)]
    done = cast.mark(account, days=5)
    assert (done["state"], done["amount"], done["commission"]) == ("completed", 5 * 70_000, 70_000)
    assert commission(cast, account) == DAY + 70_000


def test_a_target_is_reached_to_the_kobo(cast):
    """In part sums, out of order and with a target that grows in between."""
    start = date.fromisoformat(cast.open_account(cast.funke)["start"])
    last = start + timedelta(days=6)
    plan = {"kind": "target", "target_amount": 100_001, "end_date": str(last), "customer_id": cast.funke.id}
    account = cast.ada.ok("POST", "/savings", plan)
    cast.mark(account, amount=20_000)
    cast.mark(account, dates=[str(last)])
    cast.ada.ok("POST", f"/savings/{account['id']}/terms", {"target_amount": 150_000})
    slots = cast.card(account)["slots"]
    assert sum(slot["amount"] for slot in slots) == 150_000
    open_slots = [slot for slot in slots if slot["status"] != "paid"]
    assert cast.mark(account, days=len(open_slots))["state"] == "completed"
    assert cast.card(account)["totals"]["amount_paid"] == 150_000


def test_credit_is_reversed_from_its_end(cast):
    """A remainder that has paid for a later slot cannot be taken back before that slot is."""
    account = cast.open_account(cast.funke, cycle_days=5)
    first = cast.mark(account, amount=DAY + 30_000)
    second = cast.mark(account, amount=20_000)
    assert second["slots"]
    assert second["credit"] == 0
    assert reverse(cast, first).code == "markings.credit_used"
    assert reverse(cast, second).status == 200
    assert reverse(cast, first).status == 200
    assert cast.card(account)["totals"]["credit"] == 0
    assert (money(cast, account), commission(cast, account)) == ((0, 0), 0)


def test_money_taken_out_cannot_be_reversed(cast):
    """The floor of the account is what stands between a customer and money that is no longer there."""
    account = cast.open_account(cast.funke, cycle_days=2)
    cast.mark(account)
    second = cast.mark(account)
    pay_out(cast, account)
    assert cast.card(account)["account"]["state"] == "paid_out"
    assert reverse(cast, second).code == "ledger.insufficient_funds"
    assert cast.card(account)["account"]["state"] == "paid_out"
    assert cast.ada.post(f"/savings/{account['id']}/extend", {"cycles": 1}).code == "savings.closed"
    assert cast.ada.post(f"/savings/{account['id']}/markings", {}).code == "savings.closed"


def test_a_reversal_after_an_early_end(cast):
    account = cast.open_account(cast.funke, cycle_days=3)
    marked = cast.mark(account, days=2)
    cast.ada.ok("POST", f"/savings/{account['id']}/end", REASON)
    assert reverse(cast, marked).status == 200
    assert (money(cast, account), commission(cast, account)) == ((0, 0), 0)
    assert cast.card(account)["account"]["state"] == "completed"
    following = cast.ada.ok("POST", f"/savings/{account['id']}/roll-over", {})
    assert (following["state"], following["rolled_from_id"]) == ("not_started", account["id"])


def test_commission_goes_back_to_who_earned_it(cast):
    """A hand-over in between does not make the new collector pay for the old one's commission."""
    account = cast.open_account(cast.funke, cycle_days=2, cycles=2)
    marked = cast.mark(account)
    cast.ada.ok("POST", f"/members/{cast.chidi.id}/hand-over", {"to_member_id": cast.emeka.id})
    cast.mark(account, by=cast.emeka, dates=[cast.card(account)["slots"][3]["date"]])
    earned = {person: balance(cast.app, cast.business_id, "commission_payable", person.id) for person in _pair(cast)}
    assert list(earned.values()) == [DAY, DAY]
    assert reverse(cast, marked).status == 200
    earned = {person: balance(cast.app, cast.business_id, "commission_payable", person.id) for person in _pair(cast)}
    assert list(earned.values()) == [0, DAY]


def _pair(cast) -> list:
    return [cast.chidi, cast.emeka]


def test_a_dry_run_leaves_nothing_behind(cast):
    """Every row of every table is as before. Paying has no rehearsal: it would be a way to try codes."""
    account = cast.open_account(cast.funke, cycle_days=5)
    marked = cast.mark(account, days=3)
    wanted = {"account_id": account["id"], "amount": 1_000}
    request = cast.funke.ok("POST", "/payments", wanted)["id"]
    cast.ada.ok("POST", f"/payments/{request}/approve")
    code = cast.funke.ok("POST", f"/payments/{request}/code")["code"]
    rehearsals = [
        (cast.chidi, f"/savings/{account['id']}/markings", {"days": 1}, 200),
        (cast.ada, f"/collections/{marked['collection_id']}/reversal", REASON, 409),
        (cast.funke, "/payments", wanted, 200),
        (cast.chidi, f"/payments/{request}/pay-cash", {"code": code}, 422),
    ]
    before = _snapshot(cast.app)
    for person, path, body, status in rehearsals:
        answer = person.post(path, body, query_string={"dry_run": "true"}, key=uuid.uuid4().hex)
        assert answer.status == status
        assert status != 200 or answer.headers["Dry-Run"] == "true"
        assert _snapshot(cast.app) == before


def _snapshot(app) -> dict[str, str]:
    """The digest of every table but that of guesses."""
    query = "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'"
    names = [row["name"] for row in rows(app, query) if row["name"] != "guess_budgets"]
    digest = "SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {} t"
    return {name: scalar(app, digest.format(name)) for name in names}
