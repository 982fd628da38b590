"""Guessing PINs and codes: how often, in parallel, and what can be learnt from the answers and their time."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from ofektom.app import create_app
from ofektom.credentials import FAILURES_A_DAY, FREE_FAILURES
from ofektom.extensions import db
from tests.cast import PIN, Cast, Client, new_phone

WRONG = "918273"
ROUNDS = 8
SLOWER = 1.6


def guess(app, login: str, secret: str = WRONG):
    return Client(app).post("/auth/login", {"login": login, "secret": secret})


def test_after_five_wrong_guesses_even_the_right_one_has_to_wait(app, fresh_cast, calendar):
    login = fresh_cast.funke.phone
    assert [guess(app, login).status for _ in range(FREE_FAILURES)] == [401] * FREE_FAILURES
    locked = guess(app, login, PIN)
    assert (locked.status, locked.code) == (429, "auth.too_many_attempts")
    assert int(locked.headers["Retry-After"]) >= 1
    calendar.forward(minutes=1, seconds=1)
    assert guess(app, login, PIN).status == 200


def test_the_wait_doubles_with_every_further_failure(app, fresh_cast, calendar):
    login = fresh_cast.funke.phone
    for _ in range(FREE_FAILURES):
        guess(app, login)
    for minutes in (1, 2, 4):
        calendar.forward(minutes=minutes, seconds=-2)
        assert guess(app, login).status == 429
        calendar.forward(seconds=4)
        assert guess(app, login).status == 401


def test_there_are_never_more_than_twenty_failures_a_day(app, fresh_cast, calendar):
    login, failures = fresh_cast.funke.phone, 0
    for _ in range(23 * 2):
        failures += guess(app, login).status == 401
        calendar.forward(minutes=30)
    for _ in range(FREE_FAILURES):
        failures += guess(app, login).status == 401
    assert failures <= FAILURES_A_DAY


def test_all_names_of_a_person_share_their_guesses(app, fresh_cast):
    phone, username = new_phone(), f"two-names-{fresh_cast.business_id}"
    member = fresh_cast.add("customer", "Two Names", parent=fresh_cast.chidi, phone=phone, username=username)
    Client(app).ok("POST", "/invitations/accept", {"token": member["invitation_token"], "secret": PIN})
    spellings = [phone, f"0{phone[4:]}", phone[1:], username, username.upper()]
    assert [guess(app, login).status for login in spellings] == [401] * FREE_FAILURES
    assert {guess(app, login, PIN).status for login in spellings} == {429}


@pytest.mark.parametrize("known", [True, False])
def test_guesses_at_once_do_not_share_one_count(app, fresh_cast, known):
    login = fresh_cast.funke.phone if known else new_phone()
    with ThreadPoolExecutor(8) as threads:
        statuses = list(threads.map(lambda _: guess(app, login).status, range(24)))
    assert sorted(set(statuses)) == [401, 429]
    assert statuses.count(401) <= FREE_FAILURES


def test_a_stranger_is_answered_like_somebody_known(app, fresh_cast):
    invited = fresh_cast.add("customer", "No Secret Yet", parent=fresh_cast.chidi, phone=(unanswered := new_phone()))
    assert invited["status"] == "invited"
    logins = [fresh_cast.funke.phone, unanswered, new_phone(), f"nobody-{fresh_cast.business_id}", "nobody@example.com"]
    histories = set()
    for login in logins:
        answers = [guess(app, login) for _ in range(FREE_FAILURES + 2)]
        shown = [
            (answer.status, answer.body | {"request_id": ""}, answer.headers.get("Retry-After")) for answer in answers
        ]
        histories.add(str(shown))
    assert len(histories) == 1, histories


def test_a_stranger_waits_as_long_as_somebody_known(settings, app, staff):
    """With hashing as dear as in production: the quickest of several answers each, taken in turns."""
    people = Cast(staff)
    known = [people.chidi.phone, people.dupe.phone, people.emeka.phone, people.ike.phone]
    dear = create_app(replace(settings, argon2_memory_kib=19_456, argon2_passes=2), testing=True)
    for person, login in zip((people.chidi, people.dupe, people.emeka, people.ike), known, strict=True):
        rehash(dear, person.user_id)
        guess(dear, login)
    times = {"known": [], "unknown": []}
    for turn in range(ROUNDS):
        for sort, login in (("known", known[turn % len(known)]), ("unknown", new_phone())):
            began = time.perf_counter()
            assert guess(dear, login).status == 401
            times[sort].append(time.perf_counter() - began)
    with dear.app_context():
        db.engine.dispose()
    quickest = {sort: min(each) for sort, each in times.items()}
    assert 1 / SLOWER < quickest["known"] / quickest["unknown"] < SLOWER, times


def rehash(dear, user_id: int) -> None:
    """Give somebody a secret hashed as production hashes."""
    from ofektom.credentials import hash_secret
    from ofektom.identity import User

    with dear.app_context():
        hashed = hash_secret(PIN)
        db.session.execute(db.update(User).where(User.id == user_id).values(secret_hash=hashed))
        db.session.commit()


def test_the_present_secret_cannot_be_guessed_while_changing_it(app, fresh_cast):
    person = fresh_cast.funke
    body = {"current": WRONG, "new": "284617"}
    statuses = [person.post("/auth/secret", body).status for _ in range(FREE_FAILURES + 1)]
    assert statuses == [401] * FREE_FAILURES + [429]
    assert guess(app, person.phone, PIN).status == 429


def approved_request(cast: Cast) -> int:
    """A cash request that waits for its code."""
    account = cast.open_account(cast.funke)
    cast.mark(account, days=5)
    body = {"account_id": account["id"], "amount": 10_000}
    request = cast.funke.ok("POST", "/payments", body)
    cast.ada.ok("POST", f"/payments/{request['id']}/approve")
    return request["id"]


def test_a_payment_code_cannot_be_guessed(fresh_cast):
    request_id = approved_request(fresh_cast)
    code = fresh_cast.funke.ok("POST", f"/payments/{request_id}/code")["code"]
    wrong = {"code": f"{(int(code) + 1) % 10**6:06d}"}
    path = f"/payments/{request_id}/pay-cash"
    statuses = [fresh_cast.chidi.post(path, wrong).status for _ in range(FREE_FAILURES + 1)]
    assert statuses == [403] * FREE_FAILURES + [429]
    assert fresh_cast.bola.post(f"/payments/{request_id}/pay-cash", {"code": code}).status == 429
    again = fresh_cast.funke.ok("POST", f"/payments/{request_id}/code")["code"]
    assert fresh_cast.bola.post(f"/payments/{request_id}/pay-cash", {"code": again}).status == 429


def test_a_payment_code_works_once_and_only_the_newest(fresh_cast):
    request_id = approved_request(fresh_cast)
    old, new = (fresh_cast.funke.ok("POST", f"/payments/{request_id}/code")["code"] for _ in range(2))
    path = f"/payments/{request_id}/pay-cash"
    if old != new:
        assert fresh_cast.chidi.post(path, {"code": old}).code == "payments.wrong_code"
    assert fresh_cast.chidi.post(path, {"code": new}).status == 200
    assert fresh_cast.chidi.post(path, {"code": new}).code == "payments.wrong_status"
