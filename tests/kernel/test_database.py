"""Verbs keep all or nothing, and no connection waits for ever."""

import contextlib
import time
from dataclasses import replace

import pytest
from sqlalchemy import event, select

from ofektom.app import create_app
from ofektom.database import Rehearsal, apply, only, only_row, verb
from ofektom.errors import DatabaseBusy, DatabaseUnavailable, NotFound, OutcomeUnknown
from ofektom.extensions import db
from ofektom.identity import Business
from tests.kernel import tables

NAME = "A business of the verb tests"


@pytest.fixture
def commits(context):
    """A list that grows with every commit of a transaction."""
    seen = []
    listener = (db.engine, "commit", seen.append)
    event.listen(*listener)
    yield seen
    event.remove(*listener)


@verb
def add(name: str = NAME) -> int:
    row = Business(name=name)
    db.session.add(row)
    db.session.flush()
    return row.id


def kept(business_id: int | None) -> bool:
    db.session.rollback()
    return tables.run("SELECT count(*) FROM businesses WHERE id = :id", id=business_id).scalar() == 1


def fail(state: str) -> None:
    """Have PostgreSQL raise an error of `state`."""
    tables.run(f"DO $$ BEGIN RAISE EXCEPTION 'on purpose' USING ERRCODE = '{state}'; END $$")


def test_a_verb_commits_once(commits):
    assert kept(add())
    assert len(commits) == 1


def test_a_verb_within_a_verb_joins_it(commits):
    @verb
    def outer():
        return add(), add()

    first, second = outer()
    assert len(commits) == 1
    assert kept(first)
    assert kept(second)


def test_applying_changes_writes_them_and_gives_back_what_was_there(context):
    @verb
    def rename(business_id: int) -> dict:
        return apply(db.session.get(Business, business_id), {"name": "Renamed", "is_active": False})

    business_id = add()
    assert rename(business_id) == {"name": NAME, "is_active": True}
    query = "SELECT name, is_active FROM businesses WHERE id = :id"
    assert tuple(tables.run(query, id=business_id).one()) == ("Renamed", False)


def test_a_refusal_takes_everything_back(commits):
    ids = []

    @verb
    def outer():
        ids.append(add())
        raise NotFound

    with pytest.raises(NotFound):
        outer()
    assert (kept(ids[0]), commits) == (False, [])


def test_after_a_refusal_the_next_verb_is_one_of_its_own(commits):
    with pytest.raises(NotFound):
        verb(lambda: (_ for _ in ()).throw(NotFound()))()
    assert kept(add())


def test_a_rehearsal_keeps_nothing_and_carries_its_result_out(commits):
    @verb
    def rehearse():
        raise Rehearsal(add())

    with pytest.raises(Rehearsal) as rehearsed:
        rehearse()
    assert isinstance(rehearsed.value.result, int)
    assert (kept(rehearsed.value.result), commits) == (False, [])


@pytest.mark.parametrize("state", ["40001", "40P01"])
def test_a_conflict_of_transactions_runs_the_whole_verb_again(context, state):
    ids = []

    @verb
    def contended():
        ids.append(add())
        if len(ids) < 3:
            fail(state)

    contended()
    assert [kept(business_id) for business_id in ids] == [False, False, True]


def test_after_three_times_it_is_given_up(context):
    ids = []

    @verb
    def hopeless():
        ids.append(add())
        fail("40001")

    with pytest.raises(DatabaseBusy):
        hopeless()
    assert [kept(business_id) for business_id in ids] == [False] * 3


def test_other_errors_are_not_tried_again(context):
    attempts = []

    @verb
    def blocked():
        attempts.append(1)
        fail("55P03")

    with pytest.raises(DatabaseBusy):
        blocked()
    assert len(attempts) == 1


def end_connection() -> None:
    """End this session's connection as a restart of the server would."""
    pid = tables.run("SELECT pg_backend_pid()").scalar()
    with db.engine.connect() as other:
        other.execute(db.text("SELECT pg_terminate_backend(:pid, 2000)"), {"pid": pid})


def test_a_connection_lost_before_the_commit_changed_nothing(context):
    @verb
    def cut():
        add()
        end_connection()
        tables.run("SELECT 1")

    with pytest.raises(DatabaseUnavailable):
        cut()
    assert kept(add()), "the next verb has a connection that works"


def test_a_connection_lost_at_the_commit_leaves_the_outcome_unknown(context):
    @verb
    def cut():
        add()
        end_connection()

    with pytest.raises(OutcomeUnknown):
        cut()


@pytest.mark.usefixtures("context")
@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("statement_timeout", "5s"),
        ("lock_timeout", "2s"),
        ("idle_in_transaction_session_timeout", "10s"),
        ("TimeZone", "UTC"),
        ("application_name", "ofektom"),
        ("work_mem", "16MB"),
        ("random_page_cost", "1.1"),
        ("effective_cache_size", "4GB"),
        ("max_parallel_workers_per_gather", "2"),
    ],
)
def test_every_connection_has_its_parameters(parameter, value):
    assert tables.run(f"SHOW {parameter}").scalar() == value


@pytest.fixture
def impatient(settings):
    """Enters an application whose connections have one limit of a tenth of a second."""
    with contextlib.ExitStack() as stack:

        def enter(limit: str) -> None:
            stack.enter_context(create_app(replace(settings, **{limit: 100}), testing=True).app_context())
            stack.callback(lambda: (db.session.remove(), db.engine.dispose()))

        yield enter


def test_a_slow_statement_is_cut_off(impatient):
    impatient("statement_timeout_ms")
    with pytest.raises(DatabaseBusy):
        verb(tables.run)("SELECT pg_sleep(5)")


def test_a_lock_somebody_holds_is_not_waited_for(impatient):
    impatient("lock_timeout_ms")
    business_id, lock = add(), "SELECT 1 FROM businesses WHERE id = :id FOR UPDATE"
    with db.engine.connect() as other:
        other.execute(db.text(lock), {"id": business_id})
        with pytest.raises(DatabaseBusy):
            verb(tables.run)(lock, id=business_id)


def test_a_transaction_that_does_nothing_is_ended(impatient):
    impatient("idle_in_transaction_timeout_ms")

    @verb
    def idle():
        add()
        time.sleep(0.3)
        tables.run("SELECT 1")

    with pytest.raises(DatabaseUnavailable):
        idle()


def test_the_only_row_is_found_or_nothing_is(business):
    mine, nobodys = (select(Business.id, Business.currency).where(Business.id == number) for number in (business, 0))
    assert (only(mine), only_row(mine)) == (business, {"id": business, "currency": "NGN"})
    for find in (only, only_row):
        with pytest.raises(NotFound):
            find(nobodys)
