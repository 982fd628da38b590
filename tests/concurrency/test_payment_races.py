"""Many hands at the same money: it is held once, decided once and paid once, and no account is overdrawn."""

import threading
from collections import Counter

import pytest

from blueprints.payments import queries, services
from blueprints.payments.models import PaymentRequest
from ofektom.extensions import db
from tests.cast import Client
from tests.concurrency.race import actor_of, assert_adds_up, balance, count, race, rows, scalar, together
from tests.concurrency.seeding import DAY, fill_accounts, outcome

CLIENTS = 16
ACCOUNTS = 500
RACES = 200
REASON = {"reason": "second thoughts"}


@pytest.fixture(scope="module")
def purse(cast) -> dict:
    """One account with money for everything these tests ask for."""
    account = cast.open_account(cast.funke, contribution=100_000, cycle_days=31)
    cast.mark(account, days=20)
    return account


def request(cast, account: dict, amount: int = 1_000) -> int:
    """A request of funke's; its id."""
    return cast.funke.ok("POST", "/payments", {"account_id": account["id"], "amount": amount})["id"]


def approved_with_code(cast, account: dict, amount: int = 1_000) -> tuple[int, str]:
    """An approved request and the code with which it is paid."""
    request_id = request(cast, account, amount)
    cast.ada.ok("POST", f"/payments/{request_id}/approve")
    return request_id, cast.funke.ok("POST", f"/payments/{request_id}/code")["code"]


def test_no_account_is_overdrawn_by_parallel_requests(fresh_cast):
    """Every account affords one request; sixteen ask for all of it at once, through the verbs themselves."""
    cast, app = fresh_cast, fresh_cast.app
    accounts = fill_accounts(cast, cast.funke, ACCOUNTS)
    actors = [actor_of(person, cast.business_id) for person in [cast.funke, cast.chidi, cast.ada, cast.bola] * 4]

    def asker(actor):
        wanted = {"actor": actor, "amount": DAY, "method": "cash", "payment_account_id": None}
        return lambda n: outcome(app, services.request_payment, account_id=accounts[n], **wanted)

    outcomes = race([asker(actor) for actor in actors], ACCOUNTS)
    assert {Counter(codes)["done"] for codes in outcomes} == {1}
    refused = Counter(code for codes in outcomes for code in codes if code != "done")
    assert refused == {"payments.not_available": ACCOUNTS * (CLIENTS - 1)}
    left = rows(
        app, "SELECT balance FROM ledger_accounts WHERE business_id = :b AND kind = 'savings'", b=cast.business_id
    )
    assert {row["balance"] for row in left} == {0}
    assert balance(app, cast.business_id, "payout_hold") == ACCOUNTS * DAY
    assert_adds_up(app)


def test_parallel_requests_over_http_hold_the_money_once(cast):
    for account_id in fill_accounts(cast, cast.funke, 10):
        body = {"account_id": account_id}
        crowd = [cast.funke, cast.chidi, cast.ada, cast.bola] * 4
        answers = together(*[lambda person=person, body=body: person.post("/payments", body) for person in crowd])
        assert (count(answers, 201), count(answers, "payments.not_available")) == (1, CLIENTS - 1)


def test_a_request_is_decided_once(cast, purse):
    """Approve against reject, in every third race against a cancellation too; what is rejected returns once."""
    full = cast.card(purse)["totals"]["balance"]
    for number in range(RACES):
        path = f"/payments/{request(cast, purse)}"
        jobs = [
            lambda path=path: cast.ada.post(f"{path}/approve"),
            lambda path=path: cast.bola.post(f"{path}/reject", REASON),
        ]
        if number % 3 == 0:
            jobs.append(lambda path=path: cast.funke.post(f"{path}/cancel", REASON))
        approved, rejected, *cancelled = together(*jobs)
        done = cast.ada.get(path)
        lost = [answer.code for answer in (approved, rejected, *cancelled) if answer.status != 200]
        assert set(lost) <= {"payments.wrong_status"}
        # A cancellation may follow an approval; nothing may follow an end.
        ends = [answer for answer in (rejected, *cancelled) if answer.status == 200]
        assert len(ends) <= 1
        assert rejected.status != 200 or approved.status != 200
        expected = "approved" if not ends else "rejected" if rejected.status == 200 else "cancelled"
        assert done["status"] == expected
        assert balance(cast.app, cast.business_id, "savings", purse["id"]) == full - (0 if ends else 1_000)
        if not ends:
            cast.funke.ok("POST", f"{path}/cancel", REASON)
    returned = "SELECT count(*) FROM ledger_entries WHERE business_id = :b AND kind = ANY(:kinds)"
    kinds = ["payment.rejected", "payment.cancelled"]
    assert scalar(cast.app, returned, b=cast.business_id, kinds=kinds) == RACES
    assert balance(cast.app, cast.business_id, "savings", purse["id"]) == full
    assert_adds_up(cast.app)


def test_two_deciders_who_read_at_the_same_time(cast, purse, monkeypatch):
    """Should the lock ever be lost, the conditional update alone still lets one of them win."""

    def read_unlocked(actor, request_id):
        return db.session.get(PaymentRequest, (actor.business_id, request_id), populate_existing=True)

    both_have_read = []

    def decide(actor, found, before, *rest):
        both_have_read.append(found.id)
        waiting.wait(10)
        return original(actor, found, before, *rest)

    waiting = threading.Barrier(2)
    original = services._decide
    monkeypatch.setattr(queries, "locked_request", read_unlocked)
    monkeypatch.setattr(services, "_decide", decide)
    path = f"/payments/{request(cast, purse)}"
    answers = together(lambda: cast.ada.post(f"{path}/approve"), lambda: cast.bola.post(f"{path}/reject", REASON))
    assert len(both_have_read) == 2
    assert (count(answers, 200), count(answers, "payments.wrong_status")) == (1, 1)


def test_two_approvals_at_once_approve_once(fresh_cast):
    cast = fresh_cast
    cast.ada.ok("PATCH", "/settings", {"two_approvers_above": 999})
    account = cast.open_account(cast.funke)
    cast.mark(account, days=5)
    for _ in range(10):
        path = f"/payments/{request(cast, account)}"
        answers = together(
            lambda path=path: cast.ada.post(f"{path}/approve"),
            lambda path=path: cast.bola.post(f"{path}/approve"),
            lambda path=path: cast.ada.post(f"{path}/approve"),
        )
        done = cast.ada.get(path)
        assert (done["status"], done["approvals"]) == ("approved", 2)
        assert count(answers, 200) == 2
        assert {answer.code for answer in answers if answer.status != 200} <= {
            "payments.already_approved",
            "payments.wrong_status",
        }
    assert_adds_up(cast.app)


def test_cash_is_paid_once_for_one_code(cast, purse):
    for _ in range(10):
        request_id, code = approved_with_code(cast, purse)
        crowd = [cast.chidi, cast.ada, cast.bola] * 4
        pay = f"/payments/{request_id}/pay-cash"
        answers = together(
            *[lambda person=person, pay=pay, code=code: person.post(pay, {"code": code}) for person in crowd]
        )
        assert (count(answers, 200), count(answers, "payments.wrong_status")) == (1, len(crowd) - 1)
    assert_adds_up(cast.app)


def test_paying_against_cancelling(cast, purse):
    before = cast.card(purse)["totals"]["balance"]
    for _ in range(10):
        request_id, code = approved_with_code(cast, purse)
        path = f"/payments/{request_id}"
        paid, cancelled = together(
            lambda path=path, code=code: cast.chidi.post(f"{path}/pay-cash", {"code": code}),
            lambda path=path: cast.ada.post(f"{path}/cancel", REASON),
        )
        assert sorted([paid.status, cancelled.status]) == [200, 409]
        before -= 1_000 if paid.status == 200 else 0
        assert balance(cast.app, cast.business_id, "savings", purse["id"]) == before
    assert_adds_up(cast.app)


def test_one_bank_transfer_pays_one_request(cast, purse):
    """The bank's reference counts once, whichever of two requests it is recorded for."""
    cast.ada.ok("PATCH", "/settings", {"cooldown_hours": 0})
    bank = {"bank_code": "033", "account_number": "1723185117", "account_name": "Funke Bello"}
    payee = cast.funke.ok("POST", "/payment-accounts", bank)["id"]
    wanted = {"account_id": purse["id"], "amount": 1_000, "method": "transfer", "payment_account_id": payee}
    ids = [cast.funke.ok("POST", "/payments", wanted)["id"] for _ in range(4)]
    for request_id in ids:
        cast.ada.ok("POST", f"/payments/{request_id}/approve")
    said = {"bank_reference": "FBN-20260101-77"}
    answers = together(
        *[lambda path=f"/payments/{i}/pay-transfer": cast.ada.post(path, said) for i in ids for _ in range(3)]
    )
    assert count(answers, 200) == 1
    assert {answer.code for answer in answers if answer.status != 200} <= {
        "ledger.duplicate_reference",
        "payments.wrong_status",
    }
    assert_adds_up(cast.app)


def test_parallel_guesses_share_one_budget(cast, purse):
    """Forty guesses at once are answered five times; the right code then has to wait as well."""
    request_id, code = approved_with_code(cast, purse)
    wrong = [f"{(int(code) + number) % 10**6:06d}" for number in range(1, 41)]
    pay = f"/payments/{request_id}/pay-cash"
    answers = together(*[lambda guess=guess: cast.chidi.post(pay, {"code": guess}) for guess in wrong])
    assert count(answers, "payments.wrong_code") == 5
    assert count(answers, "auth.too_many_attempts") == 35
    assert cast.chidi.post(pay, {"code": code}).code == "auth.too_many_attempts"
    assert cast.ada.get(f"/payments/{request_id}")["status"] == "approved"


def test_a_refresh_token_is_exchanged_once(cast):
    """Of many at once one gets new tokens; the others are a re-use, which ends the whole family."""
    tokens = Client(cast.app).sign_in(cast.gbenga.phone, cast.gbenga.secret)
    old = {"refresh_token": tokens["refresh_token"]}
    answers = together(*[lambda: Client(cast.app).post("/auth/refresh", old) for _ in range(12)])
    assert count(answers, 200) == 1
    assert count(answers, "auth.invalid_token") == 11
    winner = next(answer for answer in answers if answer.status == 200)
    new = {"refresh_token": winner["refresh_token"]}
    assert Client(cast.app).post("/auth/refresh", new).code == "auth.invalid_token"
    assert Client(cast.app, winner["access_token"]).get("/auth/me").status == 401


def test_login_guesses_share_one_budget(cast):
    """The same for PINs: of thirty at once no more than five are tried."""
    body = {"login": cast.hauwa.phone, "secret": "730159"}
    answers = together(*[lambda: Client(cast.app).post("/auth/login", body) for _ in range(30)])
    assert count(answers, "auth.too_many_attempts") == 25
    assert count(answers, 401) == 5
