"""gunicorn with gevent workers on a real socket, while what it stands on is slow, frozen or killed."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from local.postgres import embedded
from tests.cast import Cast, Staff
from tests.concurrency.race import assert_adds_up, rows
from tests.conf.processes import free_port
from tests.faults.damage import holding, wait_until
from tests.faults.servers import Collectors, Wire, application, frozen, gunicorn, postmaster, walking

DEADLINE_SECONDS = 3
LOCK_SECONDS = 2  # the default of DB_LOCK_TIMEOUT_MS
SLOW = 10


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("served") / "data"


@pytest.fixture(scope="module")
def url(data_dir):
    with embedded(data_dir, fast=True) as url:
        yield url


@pytest.fixture(scope="module")
def cast(url, settings) -> Cast:
    """A business in the service's database, with the service's secrets."""
    return Cast(Staff(application(settings, url)))


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def service(cast, url, settings, port, tmp_path_factory):
    """Two workers, of which each has a first connection already."""
    log = tmp_path_factory.mktemp("gunicorn") / "log"
    with gunicorn(settings, url, port, log, REQUEST_DEADLINE_SECONDS=str(DEADLINE_SECONDS)) as server:
        wait_until(lambda: len(server.children()) == 2)
        with ThreadPoolExecutor(SLOW) as crowd:
            replies = crowd.map(lambda _: Wire(port, cast.ada.token).get("/api/v1/business"), range(3 * SLOW))
            assert {reply.status for reply in replies} == {200}
        yield server


@pytest.fixture
def chidi(cast, service, port) -> Wire:
    return Wire(port, cast.chidi.token)


def timed(act) -> tuple:
    """What `act` answered, and after how many seconds."""
    began = time.monotonic()
    return act(), time.monotonic() - began


def test_slow_queries_hold_up_nobody_else(cast, chidi):
    """Ten wait for a lock at the same time, not one after the other, and whoever else asks is answered."""
    accounts = [cast.open_account(cast.funke) for _ in range(SLOW)]
    lock = "SELECT id FROM savings_accounts WHERE id = ANY(:ids) FOR UPDATE"
    with holding(cast.app, lock, ids=[account["id"] for account in accounts]), ThreadPoolExecutor(SLOW) as crowd:
        slow = [crowd.submit(timed, lambda account=account: chidi.mark(account)) for account in accounts]
        quick = []
        while not all(future.done() for future in slow):
            quick.append(timed(lambda: chidi.get("/api/v1/business")))
    replies = [future.result() for future in slow]
    assert {reply.body["code"] for reply, _ in replies} == {"database.busy"}
    assert all(LOCK_SECONDS * 0.9 < seconds < 2 * LOCK_SECONDS for _, seconds in replies)
    assert len(quick) > 20
    assert {reply.status for reply, _ in quick} == {200}
    assert max(seconds for _, seconds in quick) < 1
    assert {chidi.mark(account).status for account in accounts} == {201}


def test_a_frozen_postgres_is_given_up_at_the_deadline(cast, chidi, data_dir):
    """Reads, writes and health are answered; liveness asks nobody; metrics show who waits; then everything works."""
    account = cast.open_account(cast.funke)
    key = "frozen-1"
    path = f"/api/v1/savings/{account['id']}/markings"
    with ThreadPoolExecutor(8) as crowd:
        with frozen(postmaster(data_dir)):
            asked = [crowd.submit(timed, lambda: chidi.get("/api/v1/business")) for _ in range(4)]
            asked.append(crowd.submit(timed, lambda: chidi.ask("POST", path, {"days": 1}, key)))
            health = crowd.submit(timed, lambda: chidi.get("/health"))
            ready = crowd.submit(timed, lambda: chidi.get("/readyz"))
            wait_until(lambda: chidi.get("/metrics").body["database"]["connections_checked_out"] >= 3)
            live = [timed(lambda: chidi.get("/livez")) for _ in range(10)]
            replies = [future.result() for future in asked]
            unhealthy, seconds = health.result()
        wait_until(lambda: chidi.get("/api/v1/business").status == 200)
    assert {reply.status for reply, _ in live} == {200}
    assert max(seconds for _, seconds in live) < 1
    assert {reply.status for reply, _ in replies} == {503}
    assert all("Retry-After" in reply.headers and reply.body["code"] for reply, _ in replies)
    assert all(seconds < DEADLINE_SECONDS + 1.5 for _, seconds in replies)
    assert (unhealthy.status, unhealthy.body["status"]) == (503, "unhealthy")
    assert unhealthy.body["database"] == "unreachable"
    assert seconds < DEADLINE_SECONDS
    unready, seconds = ready.result()
    assert (unready.status, unready.body) == (503, {"status": "not ready"})
    assert seconds < DEADLINE_SECONDS
    first, again = (chidi.mark(account, key) for _ in range(2))
    assert (first.status, again.body) == (201, first.body)
    assert_adds_up(cast.app)


def test_a_killed_worker_loses_nothing_acknowledged(cast, chidi, service):
    """Requests in its hands break off; with their keys they are then done once."""
    accounts = [cast.open_account(cast.funke, cycle_days=366) for _ in range(4)]
    with walking(Collectors(chidi.mark, accounts)) as collectors:
        for goal in (20, 60):
            wait_until(lambda goal=goal: collectors.acknowledged() >= goal)
            victim = service.children()[0]
            victim.kill()
            wait_until(lambda victim=victim: len([one for one in service.children() if one != victim]) == 2)
        reached = collectors.acknowledged()
        wait_until(lambda: collectors.acknowledged() >= reached + 20)
    assert {reply.status for _, reply in collectors.told.values()} <= {0, 201}
    kept = {row["id"] for row in rows(cast.app, "SELECT id FROM collections")}
    assert {reply.body["collection_id"] for _, reply in collectors.told.values() if reply.status == 201} <= kept
    for key, (account, reply) in collectors.told.items():
        again = chidi.mark(account, key)
        assert again.status == 201
        assert reply.status != 201 or again.body == reply.body
    query = "SELECT count(*) AS n FROM collections WHERE account_id = ANY(:ids)"
    found = rows(cast.app, query, ids=[account["id"] for account in accounts])
    assert found == [{"n": len(collectors.told)}]
    assert_adds_up(cast.app)
