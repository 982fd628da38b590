"""Every way to fail has one shape, one stable code, and says nothing it should not."""

import re
from dataclasses import replace

import pytest

from ofektom import errors
from ofektom.app import create_app
from ofektom.auth import PUBLIC
from ofektom.database import verb
from ofektom.errors import Conflict, InternalError, InvalidRequest, Problem
from ofektom.extensions import db
from ofektom.views import Slice
from tests.kernel import tables


def every_problem(parent=Problem) -> list[type[Problem]]:
    return [found for child in parent.__subclasses__() for found in (child, *every_problem(child))]


@pytest.mark.usefixtures("app")
class TestDeclarations:
    def test_every_problem_has_a_code_a_status_and_a_title(self):
        for problem in every_problem():
            assert re.fullmatch(r"[a-z_]+(\.[a-z_]+)*", problem.code), problem
            assert 400 <= problem.status <= 503, problem
            assert len(problem.title) > 5, problem
            assert not problem.title.endswith("."), problem

    def test_codes_are_unique(self):
        codes = [problem.code for problem in every_problem()]
        assert sorted(codes) == sorted(set(codes))
        assert set(codes) == set(Problem.by_code)

    def test_a_slices_codes_begin_with_a_word_of_its_own(self):
        for problem in every_problem():
            if problem.__module__.startswith("blueprints."):
                assert "." in problem.code, problem

    def test_only_what_may_be_tried_again_is_unavailable_and_says_when(self):
        for problem in every_problem():
            if problem.status in (429, 503):
                assert problem.retry_after, problem
            assert problem.status < 500 or problem.status == 503 or problem is InternalError, problem

    def test_a_constraint_speaks_through_one_problem(self):
        named = [name for problem in every_problem() for name in problem.constraints]
        assert sorted(named) == sorted(Problem.by_constraint)

    def test_a_code_cannot_be_declared_twice(self):
        with pytest.raises(TypeError, match="not_found"):
            type("Lost", (Problem,), {"code": "not_found"})
        assert Problem.by_code["not_found"] is errors.NotFound


def test_a_document_holds_what_is_known(app):
    with app.test_request_context():
        problem = InvalidRequest("two fields", fields={"amount": ["Too much."]}, available=5)
        assert problem.document() == {
            "type": "about:blank",
            "title": "Some fields are not valid",
            "status": 422,
            "code": "request.invalid",
            "detail": "two fields",
            "errors": {"amount": ["Too much."]},
            "available": 5,
            "request_id": None,
        }


def violate(statement: str, **values) -> Problem:
    """The problem a statement's refusal becomes when it leaves a verb."""
    with pytest.raises(Problem) as refused:
        verb(tables.run)(statement, **values)
    return refused.value


def test_a_violated_constraint_becomes_its_problem(business):
    user = tables.new_user()
    rename = "UPDATE users SET username = (SELECT username FROM users WHERE id = :user) WHERE id = :other"
    assert violate(rename, user=user, other=tables.new_user()).code == "auth.login_taken"


def test_a_constraint_nobody_speaks_for_is_a_conflict(business):
    assert type(violate("UPDATE businesses SET name = '' WHERE id = :b", b=business)) is Conflict
    assert type(violate("UPDATE businesses SET name = NULL WHERE id = :b", b=business)) is Conflict


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("SELECT CAST(9223372036854775807 AS bigint) + 1", InvalidRequest),
        ("UPDATE businesses SET currency = 'NAIRA'", InvalidRequest),
        ("SELECT 1 / 0", InvalidRequest),
        ("SELECT * FROM no_such_table", InternalError),
        ("SELEKT", InternalError),
    ],
)
def test_what_the_database_says_becomes_a_problem(context, statement, problem):
    assert type(violate(statement)) is problem


@pytest.fixture
def tripwire(settings):
    """An application with views that fail in ways nobody foresaw."""
    bp = Slice("tripwire", __name__, url_prefix="/tripwire")

    @bp.get("/code", access=PUBLIC)
    def code():
        raise RuntimeError("the PIN is 739154")

    @bp.get("/sql", access=PUBLIC)
    def sql():
        tables.run("SELECT secret FROM nowhere WHERE pin = :pin", pin="739154")

    app = create_app(settings, testing=True)
    app.register_blueprint(bp)
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.mark.parametrize("path", ["code", "sql"])
def test_what_nobody_foresaw_is_a_500_that_tells_nothing(tripwire, caplog, path):
    answer = tripwire.test_client().get(f"/api/v1/tripwire/{path}")
    assert (answer.status_code, answer.content_type) == (500, "application/problem+json")
    assert set(answer.json) == {"type", "title", "status", "code", "request_id"}
    assert answer.json["code"] == "internal"
    [record] = [record for record in caplog.records if record.levelname == "ERROR"]
    assert record.exc_info, "whoever runs the service sees the traceback"


def test_a_foreseen_refusal_is_not_logged_as_an_error(app, caplog):
    app.test_client().get("/api/v1/nowhere")
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


def test_a_full_pool_is_busy_and_not_a_crash(settings, cast):
    app = create_app(replace(settings, pool_size=1, pool_overflow=0, pool_wait_seconds=0.1), testing=True)
    with app.app_context():
        engine = db.engine
    with engine.connect():
        headers = {"Authorization": f"Bearer {cast.ada.token}"}
        answer = app.test_client().get("/api/v1/auth/me", headers=headers)
        assert app.test_client().get("/livez").status_code == 200
    assert (answer.status_code, answer.json["code"], answer.headers["Retry-After"]) == (503, "database.busy", "1")
    assert app.test_client().get("/api/v1/auth/me", headers=headers).status_code == 200
    engine.dispose()


def test_without_a_database_the_answer_is_503_and_a_time_to_come_back(settings, cast):
    app = create_app(replace(settings, database_url="postgresql://nobody@127.0.0.1:1/none"), testing=True)
    answer = app.test_client().get("/api/v1/auth/me", headers={"Authorization": f"Bearer {cast.ada.token}"})
    assert (answer.status_code, answer.json["code"]) == (503, "database.unavailable")
    assert (answer.headers["Retry-After"], answer.headers["Cache-Control"]) == ("2", "no-store")
    assert app.test_client().get("/livez").status_code == 200
    assert app.test_client().get("/health").status_code == 503
