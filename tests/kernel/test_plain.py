"""Hot statements: compiled for nobody in particular, prepared once on a connection, and harmless when they fail."""

import pytest
from sqlalchemy import bindparam, select, text
from sqlalchemy.exc import DBAPIError

from ofektom import database, plain
from ofektom.extensions import db
from ofektom.identity import Actor, Membership
from ofektom.plain import Statement

PREPARED = Statement("SELECT count(*) AS n FROM pg_prepared_statements WHERE name LIKE 'ofektom_%%'")
NUMBER = Statement("SELECT %(number)s::bigint AS number, %(number)s::bigint + 1 AS next")


@pytest.fixture
def context(app):
    """One connection, so that whatever is prepared is prepared on it."""
    with app.app_context():
        db.engine.dispose()
        yield
        db.session.rollback()


def test_rows_are_dictionaries_and_a_parameter_may_be_used_twice(context):
    assert NUMBER.run({"number": 7}) == [{"number": 7, "next": 8}]


def test_a_statement_is_prepared_once_on_a_connection(context):
    for number in range(5):
        NUMBER.run({"number": number})
    assert PREPARED.run({}) == [{"n": 2}]


def test_there_are_never_many_prepared_on_a_connection(context, monkeypatch):
    monkeypatch.setattr(plain, "MOST_PREPARED", 3)
    for number in range(10):
        assert Statement(f"SELECT {number} AS number").run({}) == [{"number": number}]
        assert PREPARED.run({})[0]["n"] <= 3


def test_alone_it_leaves_no_transaction_and_in_a_verb_it_belongs_to_the_verbs(context):
    assert Statement("SELECT pg_current_xact_id_if_assigned() AS xid, now() = statement_timestamp() AS alone").run(
        {}
    ) == [{"xid": None, "alone": True}]
    name = Statement("SELECT current_setting('ofektom.name', true) AS name")

    @database.verb
    def act():
        db.session.execute(text("SELECT set_config('ofektom.name', 'Ada', true)"))
        return name.run({})

    assert act() == [{"name": "Ada"}]
    assert name.run({})[0]["name"] in (None, "")


def test_outside_of_a_verb_what_nobody_reads_runs_at_once(context):
    """On a connection that is kept: a temporary table belongs to it."""
    db.session.execute(text("CREATE TEMPORARY TABLE kept (number int)"))
    db.session.commit()
    Statement("INSERT INTO kept VALUES (%(number)s::int)").later({"number": 7})
    assert Statement("SELECT number FROM kept").run({}) == [{"number": 7}]
    db.session.execute(text("DROP TABLE kept"))
    db.session.commit()


def test_a_statement_that_fails_is_an_error_of_sqlalchemys_and_the_next_one_works(context):
    for _ in range(3):
        with pytest.raises(DBAPIError, match="division by zero"):
            Statement("SELECT 1 / %(zero)s::int AS never").run({"zero": 0})
        assert NUMBER.run({"number": 1})[0]["next"] == 2


def test_the_values_of_a_failed_statement_are_not_in_its_error(context):
    with pytest.raises(DBAPIError) as failure:
        Statement("SELECT %(secret)s::text || 1 / 0 AS never").run({"secret": "hunter2"})
    assert "hunter2" not in str(failure.value)


@plain.prepared
def _members(actor, unwanted: str):
    query = select(Membership.id).where(Membership.business_id == actor.business_id, Membership.role != unwanted)
    return query.where(Membership.id > bindparam("after")).order_by(Membership.id)


@plain.prepared
def _any_of(actor, roles: tuple):
    return select(Membership.id).where(Membership.role.in_(roles))


def actor_in(business_id: int) -> Actor:
    return Actor(1, 1, False, business_id, 1, "admin", "Africa/Lagos", "NGN")


def test_what_was_built_for_one_caller_answers_the_next_with_their_own(context, cast, rivals):
    def ids(business_id):
        return {row["id"] for row in _members(actor_in(business_id), "customer", after=0)}

    ours, theirs = ids(cast.business_id), ids(rivals.business_id)
    assert {cast.ada.id, cast.chidi.id} <= ours
    assert {rivals.ada.id, rivals.chidi.id} <= theirs
    assert not ours & theirs
    assert cast.funke.id not in ours


def test_a_list_of_no_fixed_length_is_refused_when_it_is_built(context):
    with pytest.raises(TypeError, match="_any_of"):
        _any_of(actor_in(1), ("admin",))
