"""A view gets what it declares, and a rehearsal differs from the act only in keeping nothing."""

import pytest
from marshmallow import fields

from ofektom.app import create_app
from ofektom.auth import PUBLIC, SIGNED_IN
from ofektom.extensions import db
from ofektom.schemas import Schema, Text
from ofektom.views import Slice, page_of


class EchoIn(Schema):
    word = Text(longest=5, required=True)


class EchoOut(Schema):
    word = fields.String()
    number = fields.Integer()


@pytest.fixture
def echo(settings):
    """A client of an application with a view that declares a path, a body and an answer."""
    bp = Slice("echo", __name__, url_prefix="/echo")

    @bp.post("/<id:number>", access=PUBLIC, body=EchoIn(), answer=EchoOut(), status=202)
    def speak(body, number):
        return body | {"number": number, "hidden": "never dumped"}

    app = create_app(settings, testing=True)
    app.register_blueprint(bp)
    yield app.test_client()
    with app.app_context():
        db.engine.dispose()


def test_a_view_gets_its_path_and_body_and_answers_by_its_schema(echo):
    answer = echo.post("/api/v1/echo/7", json={"word": " hi "})
    assert (answer.status_code, answer.json) == (202, {"word": "hi", "number": 7})


def test_a_body_that_does_not_fit_never_reaches_the_view(echo):
    answer = echo.post("/api/v1/echo/7", json={"word": "too long", "number": 8})
    assert (answer.status_code, set(answer.json["errors"])) == (422, {"word", "number"})


def test_a_slash_at_the_end_makes_no_difference(echo):
    assert echo.post("/api/v1/echo/7/", json={"word": "hi"}).status_code == 202


def test_a_page_is_named_after_its_items():
    page = page_of(EchoOut())
    assert type(page).__name__ == "EchoPage"
    assert page.dump({"items": [{"word": "hi", "extra": 1}], "next": None}) == {"items": [{"word": "hi"}], "next": None}


@pytest.mark.parametrize(
    ("method", "declared"),
    [
        ("get", {"access": SIGNED_IN, "public_for": 60}),
        ("get", {"access": "units.read", "public_for": 60}),
        ("get", {"access": PUBLIC, "public_for": 0}),
        ("post", {"access": PUBLIC, "public_for": 60}),
        ("patch", {"access": PUBLIC, "public_for": 60}),
        ("delete", {"access": PUBLIC, "public_for": 60}),
    ],
)
def test_only_what_anybody_may_read_can_be_declared_public(method, declared):
    route = getattr(Slice("careless", __name__), method)
    with pytest.raises(TypeError, match="public_for"):
        route("/careless", **declared)(lambda: None)


def test_who_may_not_call_is_told_so_before_the_body_is_read(anonymous, cast):
    assert anonymous.send("POST", "/units", None, data=b"{").code == "auth.required"
    assert cast.funke.send("POST", "/units", None, data=b"{").code == "auth.forbidden"


def test_a_rehearsal_answers_as_the_act_would_and_keeps_nothing(cast):
    account = cast.open_account(cast.funke)
    path = f"/savings/{account['id']}/markings"
    before = cast.card(account)
    rehearsed = cast.chidi.post(f"{path}?dry_run=true", {"days": 2})
    assert (rehearsed.status, rehearsed.headers["Dry-Run"]) == (200, "true")
    assert cast.card(account) == before
    done = cast.chidi.post(f"{path}?dry_run=false", {"days": 2})
    assert (done.status, "Dry-Run" in done.headers) == (201, False)
    same = ("amount", "slots", "balance", "credit", "commission", "state")
    assert [rehearsed[name] for name in same] == [done[name] for name in same]


def test_a_rehearsal_is_refused_as_the_act_would_be(cast):
    account = cast.open_account(cast.gbenga)
    path = f"/savings/{account['id']}/markings"
    answers = [cast.chidi.post(f"{path}{query}", {"dates": ["2001-01-01"]}) for query in ("", "?dry_run=true")]
    assert answers[0].code == answers[1].code
    assert answers[0].status == answers[1].status >= 400


@pytest.mark.parametrize("word", ["", "1", "True", "yes"])
def test_a_rehearsal_is_asked_for_in_one_word(cast, word):
    account = cast.open_account(cast.hauwa)
    answer = cast.dupe.post(f"/savings/{account['id']}/markings?dry_run={word}", {})
    assert (answer.status, list(answer["errors"])) == (422, ["dry_run"])
    assert cast.card(account)["totals"]["balance"] == 0


def test_only_some_acts_can_be_rehearsed(cast):
    answer = cast.ada.post("/units?dry_run=true", {"name": "Balogun"})
    assert (answer.status, list(answer["errors"])) == (422, ["dry_run"])
    assert cast.ada.ok("GET", "/units")["items"] == []


def test_a_rehearsal_refuses_the_key_that_the_act_would(cast):
    account = cast.open_account(cast.funke)
    path = f"/savings/{account['id']}/markings"
    answers = [cast.chidi.post(f"{path}{query}", {}, key="a b") for query in ("", "?dry_run=true")]
    assert [answer.code for answer in answers] == ["idempotency.key_required"] * 2
