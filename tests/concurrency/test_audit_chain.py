"""Not even a master of the database can rewrite the audit trail without `flask verify` seeing it."""

from dataclasses import replace

import flask_migrate
import pytest
from sqlalchemy import text

from blueprints.reports.queries import business_ids
from ofektom import audit
from ofektom.app import create_app
from ofektom.audit import PLATFORM
from ofektom.database import verb
from ofektom.extensions import db
from tests.cast import Cast, Staff
from tests.concurrency.race import rows, scalar, separate_database, together, verify
from tests.conftest import MIGRATIONS


@pytest.fixture(scope="module")
def app(settings, database_url):
    """The application on a database that may be left broken."""
    with separate_database(database_url, "tampered") as url:
        application = create_app(replace(settings, database_url=url), testing=True)
        with application.app_context():
            flask_migrate.upgrade(str(MIGRATIONS))
        yield application


@pytest.fixture(scope="module")
def cast(app) -> Cast:
    """A business in that database."""
    return Cast(Staff(app))


def seal(app) -> int:
    """Seal every chain as `flask seal-audit` does; how many rows were sealed. (click's runner is for one thread.)"""
    with app.app_context():
        businesses = [PLATFORM, *business_ids()]
        return sum(verb(audit.seal)(business_id) for business_id in businesses)


def tamper(app, statement: str, **values) -> None:
    """What the triggers refuse, done by a superuser who has switched them off."""
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        assert connection.execute(text(statement), values).rowcount == 1


def chain(app, business_id: int) -> list[dict]:
    query = "SELECT position, rows, digest FROM audit_seals WHERE business_id = :b ORDER BY position"
    return rows(app, query, b=business_id)


def test_sealing_twice_at_once_makes_one_chain(cast):
    unsealed = scalar(cast.app, "SELECT count(*) FROM audit_events WHERE seal_id IS NULL")
    assert sum(together(*[lambda: seal(cast.app)] * 4)) == unsealed
    assert [link["position"] for link in chain(cast.app, cast.business_id)] == [1]
    cast.add("customer", "Joke Balogun", parent=cast.chidi)
    assert sum(together(*[lambda: seal(cast.app)] * 4)) == 1
    assert [link["position"] for link in chain(cast.app, cast.business_id)] == [1, 2]
    assert scalar(cast.app, "SELECT count(*) FROM audit_events WHERE seal_id IS NULL") == 0
    assert verify(cast.app).exit_code == 0


def test_sealing_meets_writing(cast):
    """Rows written meanwhile are sealed then or later, each once."""
    adders = [lambda: cast.add("customer", "Kemi Alli", parent=cast.chidi)] * 6
    together(*adders, *[lambda: seal(cast.app)] * 2)
    done = cast.app.test_cli_runner().invoke(args=["seal-audit"])
    assert (done.exit_code, done.output[:7]) == (0, "sealed ")
    assert scalar(cast.app, "SELECT count(*) FROM audit_events WHERE seal_id IS NULL") == 0
    assert verify(cast.app).exit_code == 0


TAMPERING = {
    "a row altered": (
        "UPDATE audit_events SET action = action || '!' WHERE business_id = {b} AND id = {event}",
        "UPDATE audit_events SET action = left(action, -1) WHERE business_id = {b} AND id = {event}",
    ),
    "an amount altered": (
        "UPDATE audit_events SET after = after || '{{\"amount\": 1}}' WHERE business_id = {b} AND id = {event}",
        "UPDATE audit_events SET after = after - 'amount' WHERE business_id = {b} AND id = {event}",
    ),
    "a row attributed to somebody else": (
        "UPDATE audit_events SET user_id = user_id + 1 WHERE business_id = {b} AND id = {event}",
        "UPDATE audit_events SET user_id = user_id - 1 WHERE business_id = {b} AND id = {event}",
    ),
    "a row moved in time": (
        "UPDATE audit_events SET at = at - interval '1 day' WHERE business_id = {b} AND id = {event}",
        "UPDATE audit_events SET at = at + interval '1 day' WHERE business_id = {b} AND id = {event}",
    ),
    "a link altered": (
        "UPDATE audit_seals SET rows = rows + 1 WHERE business_id = {b} AND position = 1",
        "UPDATE audit_seals SET rows = rows - 1 WHERE business_id = {b} AND position = 1",
    ),
    "a row taken out of its link": (
        "UPDATE audit_events SET seal_id = -seal_id WHERE business_id = {b} AND id = {event}",
        "UPDATE audit_events SET seal_id = -seal_id WHERE business_id = {b} AND id = {event}",
    ),
    "a row slipped in": (
        "INSERT INTO audit_events (business_id, action, object_type, request_id, seal_id) "
        "SELECT {b}, 'markings.collected', 'collection', 'forged', seal_id FROM audit_events WHERE id = {event}",
        "DELETE FROM audit_events WHERE request_id = 'forged'",
    ),
}


@pytest.mark.parametrize("how", TAMPERING)
def test_tampering_is_named(cast, how):
    seal(cast.app)
    event = scalar(cast.app, "SELECT min(id) FROM audit_events WHERE business_id = :b", b=cast.business_id)
    names = {"b": cast.business_id, "event": event}
    done, undone = (statement.format(**names) for statement in TAMPERING[how])
    tamper(cast.app, done)
    said = verify(cast.app)
    tamper(cast.app, undone)
    assert said.exit_code == 1
    assert f"business {cast.business_id}: NOT TRUE that the audit chain is whole: [1" in said.output
    assert verify(cast.app).exit_code == 0, verify(cast.app).output


def test_a_row_removed_is_named(cast):
    """Not undone: it is the last thing this business lives through."""
    seal(cast.app)
    tamper(
        cast.app,
        "DELETE FROM audit_events WHERE id = (SELECT max(id) FROM audit_events WHERE business_id = :b)",
        b=cast.business_id,
    )
    said = verify(cast.app)
    last = chain(cast.app, cast.business_id)[-1]["position"]
    assert said.exit_code == 1
    assert f"business {cast.business_id}: NOT TRUE that the audit chain is whole: [{last}]" in said.output
