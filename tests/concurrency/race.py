"""Real threads that start together, and a look behind the application at what they left."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import psycopg2
from flask import Flask
from psycopg2 import sql
from sqlalchemy import make_url, text

from ofektom.extensions import db
from ofektom.identity import Actor
from tests.cast import Answer, Person

PATIENCE_SECONDS = 120


def race(runners: Sequence[Callable[[int], object]], rounds: int = 1) -> list[list]:
    """Run every runner in a thread of its own; all start each round together. Results by round, in the runners' order.

    A runner is called with the number of the round. The first exception of any of them is raised here.
    """
    line = threading.Barrier(len(runners))
    results = [[None] * len(runners) for _ in range(rounds)]
    failures: list[BaseException] = []

    def run(lane: int, runner: Callable) -> None:
        try:
            for number in range(rounds):
                line.wait(PATIENCE_SECONDS)
                results[number][lane] = runner(number)
        except threading.BrokenBarrierError:
            pass  # somebody else failed, and says why
        except BaseException as failure:
            failures.append(failure)
            line.abort()

    threads = [threading.Thread(target=run, args=item, daemon=True) for item in enumerate(runners)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    if failures:
        raise failures[0]
    assert not any(thread.is_alive() for thread in threads), "somebody never came back"
    return results


def together(*jobs: Callable[[], object]) -> list:
    """Run every job once, all at the same time; their results in order."""
    return race([lambda _, job=job: job() for job in jobs])[0]


def count(answers: Sequence[Answer], what: int | str) -> int:
    """How many answers have this status, or this code."""
    return sum(what in (answer.status, answer.code) for answer in answers)


def rows(app: Flask, query: str, **values) -> list[dict]:
    """What `query` finds in the application's database."""
    with app.app_context(), db.engine.connect() as connection:
        return [dict(row) for row in connection.execute(text(query), values).mappings()]


def scalar(app: Flask, query: str, **values):
    """The one value that `query` finds."""
    with app.app_context(), db.engine.connect() as connection:
        return connection.execute(text(query), values).scalar_one()


def balance(app: Flask, business_id: int, kind: str, owner_id: int = 0) -> int:
    """The stored balance of a ledger account, in minor units."""
    query = "SELECT balance FROM ledger_accounts WHERE business_id = :b AND kind = :kind AND owner_id = :owner"
    return scalar(app, query, b=business_id, kind=kind, owner=owner_id)


def verify(app: Flask):
    """What `flask verify` says: `exit_code` and `output`."""
    return app.test_cli_runner().invoke(args=["verify"])


def assert_adds_up(app: Flask) -> None:
    """`flask verify` finds nothing."""
    said = verify(app)
    assert said.exit_code == 0, said.output


def actor_of(person: Person, business_id: int) -> Actor:
    """The Actor behind a person, for calling verbs without HTTP."""
    place = {"membership_id": person.id, "role": person.role, "timezone": "Africa/Lagos", "currency": "NGN"}
    return Actor(person.user_id, 0, False, business_id, **place)


@contextmanager
def separate_database(server_url: str, name: str) -> Iterator[str]:
    """A database of its own on a server, so that its counters and its broken rows are nobody else's."""
    _administer(server_url, "CREATE DATABASE {}", name)
    try:
        yield make_url(server_url).set(database=name).render_as_string(hide_password=False)
    finally:
        _administer(server_url, "DROP DATABASE {} WITH (FORCE)", name)


def _administer(server_url: str, statement: str, name: str) -> None:
    connection = psycopg2.connect(server_url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(statement).format(sql.Identifier(name)))
    connection.close()
