"""PostgreSQL is killed while collectors are marking: what was acknowledged is there, and nothing is there twice."""

from collections import Counter
from contextlib import ExitStack

import pytest

from local.postgres import embedded
from tests.cast import Cast, Staff
from tests.concurrency.race import assert_adds_up, rows
from tests.faults.damage import wait_until
from tests.faults.servers import Collectors, application, kill, postmaster, walking

BEFORE, AFTER = 40, 20


@pytest.fixture
def data_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("durable") / "data"


def marker(cast):
    """What a collector does on an account, over and over."""

    def mark(account, key):
        return cast.chidi.post(f"/savings/{account['id']}/markings", {"days": 1}, key=key)

    return mark


def test_nothing_acknowledged_is_lost_and_nothing_happens_twice(data_dir, settings):
    """On a server that writes as durably as in production."""
    with ExitStack() as walk:
        with embedded(data_dir) as url:
            cast = Cast(Staff(application(settings, url)))
            accounts = [cast.open_account(cast.funke, cycle_days=366) for _ in range(4)]
            collectors = walk.enter_context(walking(Collectors(marker(cast), accounts)))
            wait_until(lambda: collectors.acknowledged() >= BEFORE)
            kill(postmaster(data_dir))
        with embedded(data_dir):
            survived = collectors.acknowledged()
            wait_until(lambda: collectors.acknowledged() >= survived + AFTER)
            collectors.stop()
            check(cast, collectors.told)


def check(cast, told: dict) -> None:
    """Everything told was true, every refusal was an apology, and every key has one effect."""
    refused = [answer for _, answer in told.values() if answer.status != 201]
    assert refused, "the kill came between two markings"
    assert {answer.status for answer in refused} == {503}
    assert all(int(answer.headers["Retry-After"]) >= 1 for answer in refused)
    assert {answer.code for answer in refused} <= {"database.unavailable", "outcome.unknown"}

    kept = {row["id"] for row in rows(cast.app, "SELECT id FROM collections")}
    assert {answer["collection_id"] for _, answer in told.values() if answer.status == 201} <= kept

    for key, (account, answer) in told.items():
        again = marker(cast)(account, key)
        assert again.status == 201
        assert answer.status != 201 or again.body == answer.body
    marked = Counter(row["account_id"] for row in rows(cast.app, "SELECT account_id FROM collections"))
    assert marked == Counter(account["id"] for account, _ in told.values())
    assert_adds_up(cast.app)
