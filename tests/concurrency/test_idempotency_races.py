"""The same key many times at once: one effect, and the same answer to all."""

import uuid

import pytest

from tests.concurrency.race import assert_adds_up, balance, race, scalar

SENDERS = 50
ROUNDS = 100
DAY = 1_000


class Answered:
    """An answer to its last byte."""

    def __init__(self, response):
        self.status, self.body = response.status_code, response.get_data()
        self.replayed = response.headers.get("Idempotency-Replayed") == "true"


@pytest.fixture(scope="module")
def account(cast) -> dict:
    """A plan with a slot for every round."""
    return cast.open_account(cast.funke, contribution=DAY, cycle_days=ROUNDS + 20)


def sender(person, path: str, body: dict, keys: list[str]):
    """Sends `body` once a round, with the round's key."""

    def send(number: int) -> Answered:
        headers = {"Authorization": f"Bearer {person.token}", "Idempotency-Key": keys[number]}
        return Answered(person.app.test_client().post(f"/api/v1{path}", json=body, headers=headers))

    return send


def test_one_key_has_one_effect_and_one_answer(cast, account):
    keys = [uuid.uuid4().hex for _ in range(ROUNDS)]
    path = f"/savings/{account['id']}/markings"
    for answers in race([sender(cast.chidi, path, {"days": 1}, keys)] * SENDERS, ROUNDS):
        assert {answer.status for answer in answers} == {201}
        assert len({answer.body for answer in answers}) == 1
        assert sum(not answer.replayed for answer in answers) == 1
    assert scalar(cast.app, "SELECT count(*) FROM collections WHERE account_id = :id", id=account["id"]) == ROUNDS
    assert balance(cast.app, cast.business_id, "savings", account["id"]) == DAY * (ROUNDS - 1)
    assert_adds_up(cast.app)


def test_of_two_bodies_under_one_key_one_counts(cast, account):
    """Which of them is first is open; the other one is refused, and stays so."""
    keys = [uuid.uuid4().hex for _ in range(5)]
    path = f"/savings/{account['id']}/markings"
    before = balance(cast.app, cast.business_id, "savings", account["id"])
    one, two = (sender(cast.chidi, path, {"days": days}, keys) for days in (1, 2))
    took = 0
    for answers in race([one, two] * 8, len(keys)):
        ones, twos = ([answer.status for answer in group] for group in (answers[::2], answers[1::2]))
        assert {*ones} | {*twos} == {201, 422}
        assert len(set(ones)) == len(set(twos)) == 1
        assert all(b"idempotency.key_reused" in answer.body for answer in answers if answer.status == 422)
        took += 1 if ones[0] == 201 else 2
    assert balance(cast.app, cast.business_id, "savings", account["id"]) == before + took * DAY


def test_a_refused_act_does_not_use_its_key_up(cast):
    """Nothing was kept, so the same key may succeed once the reason has gone."""
    account = cast.open_account(cast.funke)
    wanted, key = {"account_id": account["id"], "amount": 1_000}, uuid.uuid4().hex
    assert cast.funke.post("/payments", wanted, key=key).code == "payments.not_available"
    cast.mark(account, days=3)
    first = cast.funke.post("/payments", wanted, key=key)
    again = cast.funke.post("/payments", wanted, key=key)
    assert (first.status, again.body) == (201, first.body)
    assert again.headers["Idempotency-Replayed"] == "true"


def test_a_key_belongs_to_its_user_and_to_its_request(cast, account):
    key = uuid.uuid4().hex
    path = f"/savings/{account['id']}/markings"
    first = cast.chidi.post(path, {"days": 1}, key=key)
    foreign = cast.ada.post(path, {"days": 1}, key=key)
    assert first.status == foreign.status == 201
    assert foreign["collection_id"] != first["collection_id"]
    other = cast.open_account(cast.funke)
    elsewhere = cast.chidi.post(f"/savings/{other['id']}/markings", {"days": 1}, key=key)
    assert (elsewhere.status, elsewhere.code) == (422, "idempotency.key_reused")


def test_a_key_does_not_reach_into_another_business(cast, rivals):
    """An agent of two businesses: the answer of one is never given in the other."""
    member = rivals.add("agent", "Chidi Eze", phone=cast.chidi.phone)
    invitation = {"token": member["invitation_token"], "secret": cast.chidi.secret}
    cast.chidi.ok("POST", "/invitations/accept", invitation)
    key, wanted = uuid.uuid4().hex, {"role": "customer", "full_name": "Same Name"}
    customer = cast.chidi.ok("POST", "/members", wanted)
    plan = {"kind": "daily", "contribution": DAY, "customer_id": customer["id"]}
    first = cast.chidi.post("/savings", plan, key=key)
    cast.chidi.ok("POST", "/auth/switch-business", {"business_id": rivals.business_id})
    there = cast.chidi.post("/savings", plan, key=key)
    cast.chidi.ok("POST", "/auth/switch-business", {"business_id": cast.business_id})
    assert (first.status, there.status, there.code) == (201, 422, "idempotency.key_reused")
    assert cast.chidi.post("/savings", plan, key=key).body == first.body
