"""The ledger locks accounts by their ids, whatever order they are named or stored in."""

import threading

import pytest
from sqlalchemy import event, text

from ofektom.extensions import db
from tests.concurrency.race import scalar
from tests.faults.damage import administrator

LOCK = "SELECT id FROM ledger_accounts WHERE business_id = :b AND kind = :kind AND owner_id = :owner FOR UPDATE"
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE :pid = ANY(pg_blocking_pids(pid))"

PLACE = "SELECT ctid FROM ledger_accounts WHERE business_id = :b AND kind = :kind AND owner_id = :owner"
# Of an index rows come sorted, and of a hash in the order of the names, which Python's sets change from run to run.
OTHER_ORDERS = ("indexscan", "indexonlyscan", "bitmapscan", "hashjoin", "mergejoin", "hashagg")
NONE_OF_THEM = "; ".join(f"SET enable_{way} = off" for way in OTHER_ORDERS)


@pytest.fixture
def by_place(app):
    """PostgreSQL takes rows as they lie in their table, from front to back, unless it is told an order."""

    def set_ways(dbapi_connection, *_):
        with dbapi_connection.cursor() as cursor:
            cursor.execute(NONE_OF_THEM)
        dbapi_connection.commit()

    with app.app_context():
        engine = db.engine
    engine.dispose()  # with the plans that its connections keep
    event.listen(engine, "checkout", set_ways)
    yield
    event.remove(engine, "checkout", set_ways)
    engine.dispose()


@pytest.fixture
def pair(cast, by_place) -> tuple[dict, object]:
    """An account of funke's and an admin who joined after it was opened, so whose cash comes later by id.

    In the table it comes first: the table is put in the order of the kinds.
    """
    account = cast.open_account(cast.funke)
    late = cast.join("admin", "Late Joiner")
    with administrator(cast.app) as sql:
        sql.execute("CLUSTER ledger_accounts USING uq_ledger_accounts_business_id_kind_owner_id")
    assert place(cast, "savings", account["id"]) > place(cast, "agent_cash", late.id)
    return account, late


def place(cast, kind: str, owner: int) -> tuple[int, ...]:
    """Where a row lies in its table: page and line."""
    return tuple(map(int, scalar(cast.app, PLACE, b=cast.business_id, kind=kind, owner=owner).strip("()").split(",")))


def test_the_lower_id_is_locked_first(cast, pair):
    """While a marking waits for the savings, which have the lower id, the cash is still free."""
    account, late = pair
    answers = []
    savings = {"b": cast.business_id, "kind": "savings", "owner": account["id"]}
    cash = {"b": cast.business_id, "kind": "agent_cash", "owner": late.id}
    with cast.app.app_context(), db.engine.connect() as holder, db.engine.connect() as other:
        low, high = (other.execute(text(LOCK), names).scalar_one() for names in (savings, cash))
        assert low < high
        other.rollback()
        holder.execute(text(LOCK), savings)
        pid = holder.connection.dbapi_connection.info.backend_pid
        marking = threading.Thread(target=lambda: answers.append(late.post(f"/savings/{account['id']}/markings", {})))
        marking.start()
        _wait_for_somebody_behind(cast.app, pid)
        free = _is_free(other, cash)
        holder.rollback()
        marking.join(10)
    assert free
    assert [answer.status for answer in answers] == [201]


def _wait_for_somebody_behind(app, pid: int) -> None:
    pause = threading.Event()
    for _ in range(400):
        if scalar(app, WAITING, pid=pid):
            return
        pause.wait(0.005)
    raise AssertionError("nobody waits")


def _is_free(connection, names: dict) -> bool:
    """Whether nobody holds the row: locked rows are skipped."""
    free = connection.execute(text(f"{LOCK} SKIP LOCKED"), names).first() is not None
    connection.rollback()
    return free
