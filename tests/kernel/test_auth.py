"""Tokens that only we can make, and the caller PostgreSQL knows behind one at this moment."""

import time

import jwt
import pytest
from flask import current_app

from ofektom import auth
from ofektom.auth import CLOCK_SKEW_SECONDS, Grants, InvalidToken, issue_access_token, load_actor, read_access_token
from ofektom.extensions import db
from ofektom.identity import Actor
from tests.cast import Client
from tests.kernel import tables


def claims(**changes) -> dict:
    """The claims of a good token, with some changed or, when None, left out."""
    now = int(time.time())
    good = {"sub": "7", "sid": "8", "ver": 9, "iat": now, "exp": now + 60, "iss": auth.ISSUER, "aud": auth.AUDIENCE}
    return {name: value for name, value in (good | changes).items() if value is not None}


def signed(payload: dict, *, key: str | None = None, algorithm: str = "HS256") -> str:
    return jwt.encode(payload, key or current_app.config["SECRET_KEY"], algorithm=algorithm)


@pytest.mark.usefixtures("context")
class TestTokens:
    def test_a_token_says_who_in_which_session_and_version(self):
        assert read_access_token(issue_access_token(7, 8, 9))[:3] == (7, 8, 9)
        assert read_access_token(signed(claims()))[:3] == (7, 8, 9)

    def test_a_token_lives_for_minutes(self, app):
        payload = jwt.decode(issue_access_token(7, 8, 9), options={"verify_signature": False})
        assert payload["exp"] - payload["iat"] == app.config["ACCESS_TOKEN_MINUTES"] * 60

    def test_a_token_that_was_good_is_refused_when_its_time_is_over(self, monkeypatch):
        """Also where this process has seen that its signature is right."""
        token, ends = signed(claims()), time.time() + 60 + CLOCK_SKEW_SECONDS
        assert read_access_token(token)[:3] == (7, 8, 9)
        monkeypatch.setattr(auth.time, "time", lambda: ends + 1)
        with pytest.raises(InvalidToken):
            read_access_token(token)

    @pytest.mark.parametrize("name", ["sub", "sid", "ver", "iat", "exp", "iss", "aud"])
    def test_no_claim_may_be_missing(self, name):
        with pytest.raises(InvalidToken):
            read_access_token(signed(claims(**{name: None})))

    @pytest.mark.parametrize(
        "change",
        [
            {"exp": int(time.time()) - CLOCK_SKEW_SECONDS - 1},
            {"exp": "never"},
            {"iss": "somebody"},
            {"aud": "another-api"},
            {"nbf": int(time.time()) + 3600},
            {"sub": "ada"},
            {"sub": 7},
            {"sid": "x"},
            {"sid": ["8"]},
            {"ver": {"n": 9}},
        ],
    )
    def test_no_claim_may_be_wrong(self, change):
        with pytest.raises(InvalidToken):
            read_access_token(signed(claims(**change)))

    def test_only_our_key_and_algorithm_sign(self):
        other_key = "another key of sixty-four characters, as long as SHA-512 asks for."
        for forged in (
            signed(claims(), key=other_key),
            signed(claims(), algorithm="HS512"),
            jwt.encode(claims(), None, algorithm="none"),
        ):
            with pytest.raises(InvalidToken):
                read_access_token(forged)

    @pytest.mark.parametrize("token", ["", "x", "a.b.c", "eyJ.eyJ.", "é" * 10, "\x00"])
    def test_what_is_no_token_is_refused(self, token):
        with pytest.raises(InvalidToken):
            read_access_token(token)


@pytest.fixture
def signed_in(business):
    """A user with an active membership and an open session in a business; their ids."""
    user = tables.new_user()
    member = tables.new_member(business, user)
    return {"user": user, "member": member, "session": tables.new_session(user, business), "business": business}


def change(statement: str, values: dict) -> None:
    tables.run(statement, **{name: value for name, value in values.items() if f":{name}" in statement})
    db.session.commit()


def test_the_caller_is_who_the_database_says(signed_in):
    actor = load_actor(signed_in["user"], signed_in["session"], 1)
    assert (actor.user_id, actor.session_id, actor.is_super_admin) == (signed_in["user"], signed_in["session"], False)
    assert (actor.business_id, actor.membership_id) == (signed_in["business"], signed_in["member"])
    assert (actor.role, actor.timezone, actor.currency) == ("agent", "Africa/Lagos", "NGN")


@pytest.mark.parametrize(
    "ended",
    [
        "UPDATE sessions SET ended_at = now() WHERE id = :session",
        "UPDATE sessions SET expires_at = now() WHERE id = :session",
        "UPDATE users SET is_active = false WHERE id = :user",
        "UPDATE users SET auth_version = 2 WHERE id = :user",
    ],
)
def test_nobody_is_behind_a_token_any_more(signed_in, ended):
    change(ended, signed_in)
    assert load_actor(signed_in["user"], signed_in["session"], 1) is None


def test_a_token_of_another_users_session_is_nobodys(signed_in):
    assert load_actor(tables.new_user(), signed_in["session"], 1) is None
    assert load_actor(signed_in["user"], signed_in["session"] + 1_000_000, 1) is None


@pytest.mark.parametrize(
    "gone",
    [
        "UPDATE memberships SET status = 'deactivated' WHERE id = :member",
        "UPDATE memberships SET status = 'invited' WHERE id = :member",
        "UPDATE businesses SET is_active = false WHERE id = :business",
        "UPDATE sessions SET business_id = NULL WHERE id = :session",
    ],
)
def test_without_an_active_membership_there_is_no_business(signed_in, gone):
    change(gone, signed_in)
    actor = load_actor(signed_in["user"], signed_in["session"], 1)
    assert actor == Actor(signed_in["user"], signed_in["session"], False)
    assert actor.roles == set()


def test_a_session_in_a_business_one_is_no_member_of_has_no_business(signed_in):
    stranger = tables.new_user()
    session = tables.new_session(stranger, signed_in["business"])
    assert load_actor(stranger, session, 1) == Actor(stranger, session, False)


def test_the_callers_facts_cost_one_statement(signed_in):
    statements = []
    listener = (db.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    db.event.listen(*listener)
    try:
        load_actor(signed_in["user"], signed_in["session"], 1)
    finally:
        db.event.remove(*listener)
    assert len(statements) == 1


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic YWRhOmFkYQ==", "token"])
def test_without_a_bearer_token_one_must_sign_in(anonymous, header):
    answer = anonymous.get("/auth/me", headers={} if header is None else {"Authorization": header})
    assert (answer.status, answer.code, answer.headers["WWW-Authenticate"]) == (401, "auth.required", "Bearer")


def test_a_token_nobody_issued_is_refused(anonymous):
    answer = anonymous.get("/auth/me", headers={"Authorization": "bearer nonsense"})
    assert (answer.status, answer.code, answer.headers["WWW-Authenticate"]) == (401, "auth.invalid_token", "Bearer")


def test_signed_in_without_the_role_is_forbidden(cast, staff):
    assert cast.funke.get("/businesses").code == "auth.forbidden"
    assert staff.get("/members").code == "auth.forbidden"


def test_signed_in_without_a_business_is_told_to_choose_one(fresh_cast):
    fresh_cast.ada.ok("POST", f"/members/{fresh_cast.chidi.id}/deactivate", {"reason": "left"})
    answer = Client(fresh_cast.app, fresh_cast.chidi.token).get("/members")
    assert (answer.status, answer.code) == (403, "auth.no_active_business")


def test_permissions_are_those_of_any_role_held():
    grants = Grants({"b.read": frozenset({"admin", "agent"}), "a.write": frozenset({"admin"})})
    assert grants.held_by({"admin"}) == ["a.write", "b.read"]
    assert grants.held_by({"agent", "super_admin"}) == ["b.read"]
    assert grants.held_by(set()) == []
