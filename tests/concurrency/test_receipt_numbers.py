"""The receipts of a collector are 1, 2, 3 … whoever collects at once, whatever comes to nothing."""

import threading
import time
from contextlib import closing
from dataclasses import replace

import flask_migrate
import psycopg2
import pytest

from ofektom.app import create_app
from ofektom.extensions import db
from tests.concurrency.race import assert_adds_up, race, rows, scalar, separate_database
from tests.conftest import MIGRATIONS

DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
NUMBERS = "SELECT number FROM collections WHERE business_id = :b AND collector_id = :c ORDER BY number"


def numbers(cast, person) -> list[int]:
    found = rows(cast.app, NUMBERS, b=cast.business_id, c=person.id)
    return [row["number"] for row in found]


def test_a_receipt_has_the_next_number_of_its_collector(fresh_cast):
    one, two = fresh_cast.open_account(fresh_cast.funke), fresh_cast.open_account(fresh_cast.ike)
    given = [fresh_cast.mark(one)["receipt_number"], fresh_cast.mark(one)["receipt_number"]]
    others = fresh_cast.mark(two, by=fresh_cast.emeka)["receipt_number"]
    assert (given, others) == ([1, 2], 1)


def test_what_comes_to_nothing_leaves_no_gap_and_a_reversed_receipt_keeps_its_number(fresh_cast):
    account = fresh_cast.open_account(fresh_cast.funke)
    first = fresh_cast.mark(account)
    path = f"/savings/{account['id']}/markings"
    assert fresh_cast.chidi.ok("POST", f"{path}?dry_run=true", {})["receipt_number"] == 2
    assert fresh_cast.chidi.post(path, {"dates": [first["slots"][0]["date"]]}).code == "markings.slot_taken"
    reversal = f"/collections/{first['collection_id']}/reversal"
    back = fresh_cast.chidi.ok("POST", reversal, {"reason": "wrong card"})
    assert (back["receipt_number"], back["reversed_at"] is not None) == (1, True)
    assert fresh_cast.mark(account)["receipt_number"] == 2
    assert numbers(fresh_cast, fresh_cast.chidi) == [1, 2]


def test_collectors_who_collect_at_once_get_each_number_once(fresh_cast):
    """Each on cards of their own, with cash and from credit, which takes other locks; beside them what is refused."""
    cast = fresh_cast
    lanes = []
    for customer, collector in ((cast.funke, cast.chidi), (cast.gbenga, cast.chidi), (cast.ike, cast.emeka)) * 2:
        account = cast.open_account(customer, by=collector)
        cast.mark(account, by=collector, amount=75_000)
        lanes.append((collector, f"/savings/{account['id']}/markings"))
    before = scalar(cast.app, DEADLOCKS)

    def collect(collector, path):
        def run(number: int) -> int:
            body = {"amount": 25_000} if number % 3 else {"amount": 75_000, "collected_on": "2001-01-01"}
            return collector.post(path, body).status

        return run

    results = race([collect(*lane) for lane in lanes], rounds=6)
    assert {status for round_ in results for status in round_} == {201, 403}
    assert scalar(cast.app, DEADLOCKS) == before
    assert numbers(cast, cast.chidi) == list(range(1, 21))
    assert numbers(cast, cast.emeka) == list(range(1, 11))
    assert_adds_up(cast.app)


OLD_RELEASE = """
    INSERT INTO collections (business_id, account_id, collector_id, method, amount, credit_change, collected_on, at)
    SELECT business_id, id, {collector}, 'cash', 0, 0, now()::date, now() FROM savings_accounts WHERE business_id = 1
    LIMIT 1
"""
HISTORY = (
    "INSERT INTO businesses (name, currency, timezone, is_active) VALUES ('Old', 'NGN', 'Africa/Lagos', true)",
    "INSERT INTO users (full_name, auth_version, is_super_admin, is_active)"
    " SELECT 'U', 1, false, true FROM generate_series(1, 4)",
    "INSERT INTO memberships (business_id, user_id, role, status, full_name, parent_id)"
    " VALUES (1, 1, 'agent', 'active', 'A', NULL), (1, 2, 'agent', 'active', 'B', NULL),"
    " (1, 3, 'agent', 'active', 'C', NULL), (1, 4, 'customer', 'active', 'D', 1)",
    "INSERT INTO savings_accounts (business_id, customer_id, tracking_number, kind, state, credit, start, cycle_kind,"
    " cycle_days, commission_kind, commission_value, commission_earned, agent_share, created_at) VALUES"
    " (1, 4, '0000000001', 'daily', 'in_progress', 0, now(), 'days', 31, 'flat', 1, 'first_mark', 0, now())",
    *[OLD_RELEASE.format(collector=1 + number % 2) for number in range(40)],
)
IN_ORDER = """
    SELECT count(*) FROM (
        SELECT number, row_number() OVER (PARTITION BY collector_id ORDER BY id) AS n FROM collections) numbered
    WHERE number IS DISTINCT FROM n
"""
COUNTED = """
    SELECT count(*) FROM receipt_counters c
    WHERE issued <> (SELECT count(*) FROM collections WHERE collector_id = c.collector_id)
"""


@pytest.fixture
def before(database_url, settings):
    """An application on a database of its own at the migration before, with collections of two collectors."""
    with separate_database(database_url, "before_0006") as url:
        application = create_app(replace(settings, database_url=url), testing=True)
        with application.app_context():
            flask_migrate.upgrade(str(MIGRATIONS), "0004")
            with db.engine.begin() as connection:
                for statement in HISTORY:
                    connection.exec_driver_sql(statement)
            yield application
            db.session.remove()
            db.engine.dispose()


def test_old_receipts_are_numbered_in_their_order_while_the_release_of_before_goes_on(before):
    """Also one of a transaction that had begun before, and those of a collector who begins meanwhile."""
    url = before.config["SQLALCHEMY_DATABASE_URI"].replace("+psycopg2", "")
    stop, written = threading.Event(), []

    def go_on():
        with closing(psycopg2.connect(url)) as connection:
            connection.autocommit = True
            while not stop.is_set():
                collector = 1 + len(written) % 3
                connection.cursor().execute(OLD_RELEASE.format(collector=collector))
                written.append(collector)

    with closing(psycopg2.connect(url)) as early:
        early.cursor().execute(OLD_RELEASE.format(collector=1))
        release = threading.Thread(target=go_on)
        release.start()
        threading.Timer(0.5, early.commit).start()
        try:
            flask_migrate.upgrade(str(MIGRATIONS))
            seen = len(written)
            while len(written) < seen + 10:
                assert release.is_alive()
                time.sleep(0.01)
        finally:
            stop.set()
            release.join(30)
    db.session.remove()
    with db.engine.connect() as connection:
        found = [connection.exec_driver_sql(query).scalar_one() for query in (IN_ORDER, COUNTED)]
        total = connection.exec_driver_sql("SELECT count(*) FROM collections").scalar_one()
    assert found == [0, 0]
    assert total == len(written) + 41
