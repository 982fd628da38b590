"""More requests than connections: those without one are told so soon, and the server is never asked for too many."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager

import psycopg2
import pytest

from local.postgres import embedded
from ofektom.extensions import db
from tests.cast import Cast, Staff
from tests.concurrency.race import assert_adds_up, scalar
from tests.conf.processes import free_port
from tests.faults.damage import administrator, wait_until
from tests.faults.servers import Wire, application, gunicorn

CROWD, CONNECTIONS, POOL_WAIT_SECONDS = 500, 50, 2
# Of two workers with 25 each as of six with 5.
ALL_BUT_ONE = 25
# Two cores share 500 clients, two workers and PostgreSQL, and requests queue before they are accepted.
TOLERANCE_SECONDS = 2
PATIENT = {"DB_LOCK_TIMEOUT_MS": "20000", "DB_STATEMENT_TIMEOUT_MS": "20000", "REQUEST_DEADLINE_SECONDS": "20"}
OURS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'ofektom' AND datname = current_database()"


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    with embedded(tmp_path_factory.mktemp("crowded") / "data", fast=True) as url:
        yield url


@pytest.fixture(scope="module")
def cast(url, settings) -> Cast:
    """A business in the service's database, with the service's secrets."""
    return Cast(Staff(application(settings, url)))


def timed(act) -> tuple:
    """What `act` answered, and after how many seconds."""
    began = time.monotonic()
    return act(), time.monotonic() - began


@contextmanager
def held(url: str, account: dict) -> Iterator[None]:
    """Hold the account's row over a connection that is not of the service."""
    with closing(psycopg2.connect(url)) as connection:
        connection.cursor().execute("SELECT id FROM savings_accounts WHERE id = %s FOR UPDATE", [account["id"]])
        yield


@contextmanager
def counting(url: str) -> Iterator[list[int]]:
    """How many connections the service has, counted over and over until the end of the block."""
    counts, stopping = [], threading.Event()

    def count() -> None:
        with closing(psycopg2.connect(url)) as connection:
            connection.autocommit = True
            cursor = connection.cursor()
            while not stopping.wait(0.005):
                cursor.execute(OURS)
                counts.append(cursor.fetchone()[0])

    counter = threading.Thread(target=count, daemon=True)
    counter.start()
    try:
        yield counts
    finally:
        stopping.set()
        counter.join()


def warm_up(cast: Cast, crowd: ThreadPoolExecutor, wires: list[Wire]) -> None:
    """Return when every worker of the service serves: all but one of them have no more than ALL_BUT_ONE connections."""
    with cast.app.app_context():
        db.engine.dispose()  # this process' own are not to be counted

    def ready() -> bool:
        list(crowd.map(lambda wire: wire.get("/api/v1/business"), wires))
        with administrator(cast.app) as sql:
            sql.execute(OURS)
            return sql.fetchone()[0] > ALL_BUT_ONE

    wait_until(ready)


def test_five_hundred_ask_for_fifty_connections(cast, url, settings, tmp_path):
    """Fifty wait for a row that somebody holds; the others are told after the pool's wait. Liveness does not wait."""
    port, account = free_port(), cast.open_account(cast.funke, cycle_days=366)
    chidi = Wire(port, cast.chidi.token)
    with gunicorn(settings, url, port, tmp_path / "log", **PATIENT), ThreadPoolExecutor(CROWD) as crowd:
        warm_up(cast, crowd, [chidi] * 60)
        with held(url, account):
            asked = [crowd.submit(timed, lambda: chidi.mark(account)) for _ in range(CROWD)]
            live = []
            while sum(future.done() for future in asked) < CROWD - CONNECTIONS:
                live.append(timed(lambda: chidi.get("/livez")))
                time.sleep(0.02)
            waiting = sum(not future.done() for future in asked)
        again, recovery = timed(lambda: chidi.get("/api/v1/business"))
        replies = [future.result() for future in asked]
    refused = [(reply, seconds) for reply, seconds in replies if reply.status != 201]
    lines = map(json.loads, (tmp_path / "log").read_text().splitlines())
    inside = [line["ms"] / 1000 for line in lines if line["message"].endswith("markings 503")]
    print(f"{len(refused)} refused after at most {max(inside):.2f} s, {waiting} waiting;")
    print(f"{len(live)} livez in at most {max(seconds for _, seconds in live):.2f} s; recovered in {recovery:.2f} s")
    assert len(refused) == CROWD - CONNECTIONS == CROWD - waiting
    assert {(reply.status, reply.body["code"]) for reply, _ in refused} == {(503, "database.busy")}
    assert all("Retry-After" in reply.headers for reply, _ in refused)
    assert POOL_WAIT_SECONDS * 0.9 < min(inside) < max(inside) < POOL_WAIT_SECONDS + 0.5
    assert max(seconds for _, seconds in refused) < POOL_WAIT_SECONDS + TOLERANCE_SECONDS
    assert {reply.status for reply, _ in live} == {200}
    assert max(seconds for _, seconds in live) < TOLERANCE_SECONDS
    assert again.status == 200
    assert recovery < 1
    assert scalar(cast.app, "SELECT count(*) FROM collections WHERE account_id = :id", id=account["id"]) == CONNECTIONS
    assert_adds_up(cast.app)


def test_three_instances_never_have_more_connections_than_theirs(cast, url, settings, tmp_path):
    """Two workers each; first all wait for a row that somebody holds, then all come and go."""
    ports, account = [free_port() for _ in range(3)], cast.open_account(cast.funke, cycle_days=366)
    size = {"DB_POOL_SIZE": "4", "DB_POOL_OVERFLOW": "6", "INSTANCES": "3"}
    limit = 3 * (4 + 6)
    with ExitStack() as stack, ThreadPoolExecutor(90) as crowd:
        services = [gunicorn(settings, url, port, tmp_path / str(port), **PATIENT, **size) for port in ports]
        list(crowd.map(stack.enter_context, services))
        wires = [Wire(port, cast.chidi.token) for port in ports] * 30
        warm_up(cast, crowd, wires)
        counts = stack.enter_context(counting(url))
        with held(url, account):
            asked = [crowd.submit(wire.mark, account) for wire in wires]
            wait_until(lambda: sum(not future.done() for future in asked) <= limit)
            full = max(counts)
        assert {future.result().status for future in asked} == {201, 503}
        statuses = Counter(crowd.map(lambda wire: wire.get("/api/v1/business").status, wires))
    print(f"{full} connections when full, {max(counts)} at most in {len(counts)} counts; {statuses}")
    assert statuses == {200: len(wires)}
    assert limit * 0.8 < full <= max(counts) <= limit
