"""Connections that wait less: what travels together, and that transactions stay what they are."""

import threading
from contextlib import closing

import psycopg2
import pytest
from psycopg2.extensions import ISOLATION_LEVEL_SERIALIZABLE

from ofektom.driver import Connection, Cursor


@pytest.fixture
def connect(settings):
    """Opens connections to the test database, with a table `numbers` that is empty."""
    opened = []

    def connect_() -> Connection:
        opened.append(psycopg2.connect(settings.database_url, connection_factory=Connection))
        return opened[-1]

    with closing(psycopg2.connect(settings.database_url)) as owner:
        owner.autocommit = True
        owner.cursor().execute("CREATE TABLE numbers (number int CHECK (number > 0))")
        yield connect_
        for connection in opened:
            connection.close()
        owner.cursor().execute("DROP TABLE numbers")


@pytest.fixture
def trips(monkeypatch) -> list[str]:
    """What each wait for the server was for."""
    sent: list[str] = []
    execute = Cursor.execute

    def note(cursor, query, vars=None):
        sent.append(query)
        return execute(cursor, query, vars)

    monkeypatch.setattr(Cursor, "execute", note)
    return sent


def numbers(connection: Connection) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT number FROM numbers ORDER BY number")
        return [number for (number,) in cursor]


def add(connection: Connection, number: int) -> None:
    connection.later(b"INSERT INTO numbers VALUES (%d)" % number)


def test_a_transaction_is_one_and_others_see_it_when_it_has_committed(connect):
    mine, others = connect(), connect()
    mine.cursor().execute("INSERT INTO numbers VALUES (1)")
    add(mine, 2)
    assert numbers(mine) == [1, 2]
    assert numbers(others) == []
    mine.commit()
    assert numbers(others) == [1, 2]


def test_what_waits_travels_with_the_next_statement_or_with_the_commit(connect, trips):
    mine, others = connect(), connect()
    add(mine, 1)
    add(mine, 2)
    mine.cursor().execute("SELECT 1")
    add(mine, 3)
    mine.commit()
    assert trips == ["SELECT 1", "COMMIT"]
    assert numbers(others) == [1, 2, 3]


def test_a_transaction_that_only_waited_begins_and_commits_at_once(connect, trips):
    mine, others = connect(), connect()
    add(mine, 1)
    mine.commit()
    mine.commit()
    assert trips == ["COMMIT"]
    assert numbers(others) == [1]


def test_a_rollback_takes_back_what_was_sent_and_drops_what_waits(connect):
    mine = connect()
    mine.cursor().execute("INSERT INTO numbers VALUES (1)")
    add(mine, 2)
    mine.rollback()
    mine.commit()
    assert numbers(mine) == []


def test_what_waits_is_dropped_by_a_rollback_before_anything_was_sent(connect):
    mine = connect()
    add(mine, 1)
    mine.rollback()
    mine.commit()
    assert numbers(mine) == []


def test_what_waits_is_dropped_by_a_rollback_after_a_failure(connect):
    """A transaction that has failed refuses it, and with it the ROLLBACK behind it."""
    mine = connect()
    with pytest.raises(psycopg2.errors.DivisionByZero):
        mine.cursor().execute("SELECT 1 / 0")
    add(mine, 1)
    mine.rollback()
    assert numbers(mine) == []


@pytest.mark.parametrize("following", ["SELECT 1", "COMMIT"])
def test_what_fails_is_raised_by_what_it_travelled_with_and_nothing_after_it_happens(connect, following):
    mine, others = connect(), connect()
    mine.cursor().execute("INSERT INTO numbers VALUES (1)")
    add(mine, 0)
    add(mine, 2)
    with pytest.raises(psycopg2.errors.CheckViolation):
        mine.commit() if following == "COMMIT" else mine.cursor().execute(following)
    with pytest.raises(psycopg2.errors.InFailedSqlTransaction):
        mine.cursor().execute("SELECT 1")
    mine.rollback()
    assert numbers(others) == []


def test_what_waited_for_a_lock_does_not_decide_what_the_statement_behind_it_sees(connect):
    first, second = connect(), connect()
    first.cursor().execute("INSERT INTO numbers VALUES (1)")
    first.commit()
    first.cursor().execute("UPDATE numbers SET number = 2")
    second.later(b"SELECT number FROM numbers FOR UPDATE")
    later = threading.Timer(0.3, first.commit)
    later.start()
    assert numbers(second) == [2]
    later.join()


def test_parameters_and_percent_signs_arrive_as_they_are(connect):
    cursor = connect().cursor()
    cursor.execute("SELECT %s, '100 %%'", ["5 %s ; COMMIT"])
    assert cursor.fetchone() == ("5 %s ; COMMIT", "100 %")
    cursor.connection.rollback()
    cursor.execute("SELECT '100 %'")
    assert cursor.fetchone() == ("100 %",)


def test_many_at_once_and_copies_belong_to_the_transaction(connect, tmp_path):
    mine, others = connect(), connect()
    add(mine, 1)
    cursor = mine.cursor()
    cursor.executemany("INSERT INTO numbers VALUES (%s)", [[2], [3]])
    assert cursor.rowcount == 2
    file = tmp_path / "numbers"
    file.write_text("4\n")
    add(mine, 5)
    with file.open() as lines:
        cursor.copy_expert("COPY numbers FROM STDIN", lines)
    assert numbers(others) == []
    mine.rollback()
    assert numbers(mine) == []


@pytest.mark.parametrize(
    "act",
    [
        lambda cursor, file: cursor.executemany("INSERT INTO numbers VALUES (%s)", [[2], [3]]),
        lambda cursor, file: cursor.callproc("now"),
        lambda cursor, file: cursor.copy_expert("COPY numbers FROM STDIN", file),
        lambda cursor, file: cursor.copy_from(file, "numbers"),
        lambda cursor, file: cursor.copy_to(file, "numbers"),
    ],
    ids=["executemany", "callproc", "copy_expert", "copy_from", "copy_to"],
)
def test_what_does_not_come_by_execute_belongs_to_the_transaction_too(connect, tmp_path, act):
    mine, others = connect(), connect()
    file = tmp_path / "numbers"
    file.write_text("4\n")
    add(mine, 1)
    with file.open("r+") as lines:
        act(mine.cursor(), lines)
    assert 1 in numbers(mine)
    assert numbers(others) == []
    mine.rollback()
    assert numbers(mine) == []


def test_alone_each_statement_commits_by_itself(connect, trips):
    mine, others = connect(), connect()
    mine.autocommit = True
    mine.cursor().execute("INSERT INTO numbers VALUES (1)")
    mine.rollback()
    assert numbers(others) == [1]
    assert len(trips) == 2


def test_a_transaction_cannot_turn_into_something_else(connect):
    mine = connect()
    mine.cursor().execute("SELECT 1")
    with pytest.raises(psycopg2.ProgrammingError):
        mine.autocommit = True
    with pytest.raises(psycopg2.NotSupportedError):
        mine.set_isolation_level(ISOLATION_LEVEL_SERIALIZABLE)


def test_a_closed_connection_says_so(connect):
    mine = connect()
    mine.close()
    for act in (mine.commit, mine.rollback, mine.cursor):
        with pytest.raises(psycopg2.InterfaceError, match="closed"):
            act()
