"""A file that is long in coming: it is not cut by a request's deadline, holds nothing meanwhile, and is never short."""

import csv
import http.client
import io
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg2
import pytest

from tests.cast import Cast, Staff
from tests.concurrency.race import separate_database
from tests.conf.processes import free_port, wait_for
from tests.faults.servers import application, gunicorn

ROWS = 14_000
DEADLINE = 1.0
# Some 500 bytes a row: together more than the sockets between us hold.
FILL = """
    INSERT INTO collections (business_id, account_id, collector_id, number, method, amount, credit_change, collected_on,
        at, reversed_at, reversal_reason)
    SELECT %s, %s, %s, n, 'cash', 0, 0, now()::date, now(), now(), repeat('wrong ', 50) FROM generate_series(1, %s) n
"""
BUSY = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'ofektom' AND datname = %s AND state <> 'idle'"
NAME = "long_files"


@pytest.fixture(scope="module")
def served(database_url, settings, tmp_path_factory):
    """(port, an admin's token, the address of another database there) of a service with many collections."""
    port = free_port()
    with separate_database(database_url, NAME) as url:
        cast = Cast(Staff(application(settings, url)))
        account = cast.open_account(cast.funke)
        output = tmp_path_factory.mktemp("served") / "log"
        with closing(psycopg2.connect(url)) as beside:
            beside.autocommit = True
            beside.cursor().execute(FILL, (cast.business_id, account["id"], cast.chidi.id, ROWS))
            beside.cursor().execute("ANALYZE")
        with gunicorn(settings, url, port, output, REQUEST_DEADLINE_SECONDS=str(DEADLINE)):
            yield port, cast.ada.token, database_url


@contextmanager
def begun(port: int, token: str) -> Iterator[http.client.HTTPResponse]:
    """An export of which nothing but its headers has been read, over a socket that holds little."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.sock = socket.socket()
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32_768)
    connection.sock.settimeout(30)
    connection.sock.connect(("127.0.0.1", port))
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    connection.request("POST", "/api/v1/exports/collections.csv", "{}", headers)
    answer = connection.getresponse()
    assert (answer.status, answer.headers["Transfer-Encoding"]) == (200, "chunked")
    try:
        yield answer
    finally:
        answer.close()
        connection.close()


def is_served(port: int, token: str) -> bool:
    """Whether an export begins."""
    try:
        with begun(port, token):
            return True
    except AssertionError:
        return False


def test_a_slow_reader_gets_all_of_it_and_holds_no_connection(served):
    port, token, url = served
    with begun(port, token) as answer, closing(psycopg2.connect(url)) as beside:
        time.sleep(2 * DEADLINE)
        cursor = beside.cursor()
        cursor.execute(BUSY, (NAME,))
        assert cursor.fetchone() == (0,)
        text = answer.read().decode()
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [int(row["receipt_number"]) for row in rows] == list(range(1, ROWS + 1))


def test_a_file_that_cannot_be_finished_is_seen_to_be_cut(served):
    """No reader takes half of it for the whole."""
    port, token, url = served
    with begun(port, token) as answer, closing(psycopg2.connect(url)) as beside:
        beside.autocommit = True
        cursor = beside.cursor()
        cursor.execute(f"ALTER DATABASE {NAME} ALLOW_CONNECTIONS false")
        cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (NAME,))
        with pytest.raises(http.client.IncompleteRead):
            answer.read()
        cursor.execute(f"ALTER DATABASE {NAME} ALLOW_CONNECTIONS true")
    wait_for(lambda: is_served(port, token))
