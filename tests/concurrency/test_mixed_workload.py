"""Several people at once on a few accounts, moving money in random order; afterwards all of it adds up."""

import random
import time
import uuid
from collections import Counter

import pytest

from tests.concurrency.race import assert_adds_up, rows, scalar, together

SECONDS = 5
SEEDS = range(10)
REASON = {"reason": "a busy day"}


@pytest.fixture(scope="module")
def accounts(cast) -> list[dict]:
    """Plans of several kinds under two collectors, some with commission at the end of a cycle, one for a target."""
    cast.ada.ok("PATCH", "/settings", {"expense_approval_above": 1_000})
    return [open_one(cast, *choice) for choice in CHOICES]


CHOICES = [
    ("funke", {}, {"cycle_days": 5, "cycles": 60}),
    ("gbenga", {"agent_share": 6_000}, {"cycle_days": 7, "cycles": 40}),
    ("hauwa", {"commission_earned": "cycle_end"}, {"cycle_days": 3, "cycles": 90}),
    ("ike", {"commission_kind": "percent", "commission_value": 500}, {"cycle_days": 4, "cycles": 60}),
]


def open_one(cast, name: str, policy: dict, terms: dict) -> dict:
    """An account under a commission policy, with some days paid."""
    cast.ada.ok("PATCH", "/settings", policy)
    account = cast.open_account(getattr(cast, name), contribution=10_000, **terms)
    cast.mark(account, by=cast.ada, days=9)
    return account


class Worker:
    """Somebody who does whatever comes to mind, and notes what was answered."""

    def __init__(self, cast, person, accounts, seed: int):
        self.cast, self.person, self.accounts = cast, person, accounts
        self.random = random.Random(seed)
        self.answers: list[tuple[str, str, int, str | None]] = []

    def work(self) -> None:
        """Act until the time is over."""
        end = time.monotonic() + SECONDS
        acts = [self.mark] * 6 + [self.reverse] * 3 + [self.ask] * 4 + [self.decide] * 5 + [self.pay] * 3
        acts += [self.spend] * 2 + [self.judge] * 2
        while time.monotonic() < end:
            self.random.choice([*acts, self.hand_over])()

    def say(self, path: str, body=None, *, by=None) -> dict:
        """POST with a request id of our own; the body of the answer."""
        request_id = uuid.uuid4().hex
        headers = {"X-Request-ID": request_id, "Idempotency-Key": request_id}
        headers["Authorization"] = f"Bearer {(by or self.person).token}"
        answer = self.cast.app.test_client().post(f"/api/v1{path}", json=body or {}, headers=headers)
        said = answer.get_json()
        self.answers.append(
            (path, request_id, answer.status_code, said.get("code") if answer.status_code >= 400 else None)
        )
        return said

    def account(self) -> dict:
        return self.random.choice(self.accounts)

    def newest(self, path: str) -> dict | None:
        """One of the newest things of a list that this person sees."""
        items = self.person.get(path, query_string={"limit": 6})["items"]
        return self.random.choice(items) if items else None

    def mark(self) -> None:
        how = self.random.choice([{"days": 1}, {"days": 2}, {"amount": self.random.randrange(1, 30_000)}])
        self.say(f"/savings/{self.account()['id']}/markings", how)

    def reverse(self) -> None:
        if found := self.newest("/collections"):
            self.say(f"/collections/{found['id']}/reversal", REASON)

    def ask(self) -> None:
        wanted = {"account_id": self.account()["id"], "amount": self.random.randrange(1, 20_000)}
        self.say("/payments", wanted)

    def decide(self) -> None:
        step = self.random.choice(["approve", "approve", "reject", "cancel"])
        if found := self.newest("/payments"):
            self.say(f"/payments/{found['id']}/{step}", None if step == "approve" else REASON)

    def pay(self) -> None:
        found = self.newest("/payments")
        if found and found["status"] == "approved":
            said = self.say(f"/payments/{found['id']}/code", by=self.cast.customers[found["customer_id"]])
            self.say(f"/payments/{found['id']}/pay-cash", {"code": said.get("code", "000000")})

    def spend(self) -> None:
        self.say("/expenses", {"amount": self.random.randrange(1, 2_000), "category": "fuel", "note": "petrol"})

    def judge(self) -> None:
        step = self.random.choice(["approve", "reject", "reversal"])
        if found := self.newest("/expenses"):
            self.say(f"/expenses/{found['id']}/{step}", None if step == "approve" else REASON)

    def hand_over(self) -> None:
        one, two = self.random.sample([self.cast.chidi, self.cast.emeka], 2)
        self.say(f"/members/{one.id}/hand-over", {"to_member_id": two.id}, by=self.cast.bola)


@pytest.fixture(scope="module")
def workday(cast, accounts) -> list[tuple]:
    """Everything that was asked and answered on one busy day."""
    cast.customers = {person.id: person for person in (cast.funke, cast.gbenga, cast.hauwa, cast.ike)}
    people = [cast.ada, cast.bola, cast.chidi, cast.emeka, cast.dupe, cast.ada, cast.bola]
    cast.deadlocks = scalar(cast.app, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    workers = [Worker(cast, people[seed % len(people)], accounts, seed) for seed in SEEDS]
    together(*[worker.work for worker in workers])
    return [answer for worker in workers for answer in worker.answers]


def test_everything_adds_up_afterwards(cast, workday):
    statuses = Counter((status, code) for _, _, status, code in workday)
    assert statuses[(200, None)] + statuses[(201, None)] > 50, statuses
    assert_adds_up(cast.app)


def test_nobody_waited_in_a_circle(cast, workday):
    query = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    assert scalar(cast.app, query) == cast.deadlocks


def test_nothing_failed(workday):
    assert [answer for answer in workday if answer[2] >= 500] == []


def test_every_success_is_in_the_audit_trail(cast, workday):
    trail = {row["request_id"] for row in rows(cast.app, "SELECT DISTINCT request_id FROM audit_events")}
    silent = [answer for answer in workday if 200 <= answer[2] < 300 and answer[1] not in trail]
    assert silent == []


def test_no_refusal_is_in_the_audit_trail(cast, workday):
    trail = {row["request_id"] for row in rows(cast.app, "SELECT DISTINCT request_id FROM audit_events")}
    assert [answer for answer in workday if answer[2] >= 400 and answer[1] in trail] == []
