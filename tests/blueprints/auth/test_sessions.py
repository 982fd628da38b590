"""Signing in and out over HTTP."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ofektom.app import create_app
from ofektom.extensions import db
from tests.cast import PASSWORD, PIN, Client, Person, new_phone


def test_login_takes_phone_email_and_username_in_any_writing(cast):
    phone = new_phone()
    member = cast.add(
        "customer", "Kemi Ola", parent=cast.chidi, phone=phone, email="Kemi@Example.com", username="kemi.o"
    )
    person = Person(cast.app, member, phone, PIN)
    local = "0" + phone.removeprefix("+234")
    for login in (phone, local, phone.removeprefix("+"), "kemi@EXAMPLE.com", "KEMI.O"):
        tokens = Client(cast.app).ok("POST", "/auth/login", {"login": login, "secret": PIN})
        assert tokens["token_type"] == "Bearer"
        assert tokens["expires_in"] == 900
    assert person.ok("GET", "/auth/me")["email"] == "kemi@example.com"


def test_wrong_secret_unknown_login_and_deactivated_user_get_the_same_answer(cast, anonymous):
    person = cast.join("customer", "Lami Bako", parent=cast.chidi)
    cast.staff.ok("POST", f"/users/{person.user_id}/deactivate", {"reason": "fraud"})
    answers = [
        anonymous.post("/auth/login", {"login": cast.funke.phone, "secret": "000000"}),
        anonymous.post("/auth/login", {"login": new_phone(), "secret": PIN}),
        anonymous.post("/auth/login", {"login": person.phone, "secret": PIN}),
    ]
    shown = [{name: value for name, value in answer.body.items() if name != "request_id"} for answer in answers]
    assert shown[0] == shown[1] == shown[2]
    assert (answers[0].status, answers[0].code) == (401, "auth.wrong_credentials")


def test_me_says_who_and_where_and_what_one_may_do(cast):
    me = cast.dupe.ok("GET", "/auth/me")
    assert me["active"] == {
        "business_id": cast.business_id,
        "membership_id": cast.dupe.id,
        "role": "sub_agent",
        "currency": "NGN",
        "timezone": "Africa/Lagos",
    }
    assert "markings.collect" in me["permissions"]
    assert "payments.decide" not in me["permissions"]
    assert [membership["role"] for membership in me["memberships"]] == ["sub_agent"]


def test_refresh_rotates_and_reuse_ends_the_session(cast, anonymous):
    person = cast.join("customer", "Musa Ado", parent=cast.chidi)
    first = person.tokens["refresh_token"]
    second = anonymous.ok("POST", "/auth/refresh", {"refresh_token": first})
    person.token = second["access_token"]
    assert person.get("/auth/me").status == 200
    assert anonymous.post("/auth/refresh", {"refresh_token": first}).code == "auth.invalid_token"
    assert person.get("/auth/me").status == 401, "the whole family is dead"
    assert anonymous.post("/auth/refresh", {"refresh_token": second["refresh_token"]}).status == 401


def test_no_session_lives_for_ever(app, cast, anonymous):
    """However often it is refreshed, it ends SESSION_DAYS after the sign-in."""
    person = cast.join("customer", "Yemi Ola", parent=cast.chidi)
    [session] = person.ok("GET", "/auth/sessions")["items"]
    with app.app_context(), db.engine.begin() as connection:
        began = {"days": app.config["SESSION_DAYS"] - 1, "id": session["id"]}
        connection.execute(
            db.text("UPDATE sessions SET created_at = now() - make_interval(days => :days) WHERE id = :id"), began
        )
    anonymous.ok("POST", "/auth/refresh", {"refresh_token": person.tokens["refresh_token"]})
    [session] = person.ok("GET", "/auth/sessions")["items"]
    left = datetime.fromisoformat(session["expires_at"]) - datetime.now(UTC)
    assert timedelta(hours=23) < left < timedelta(hours=25)


def test_logout_ends_this_session_and_logout_all_ends_every_one(cast):
    person = cast.join("customer", "Nneka Obi", parent=cast.chidi)
    phone, tablet, laptop = Client(cast.app), Client(cast.app), Client(cast.app)
    for device in (phone, tablet, laptop):
        device.sign_in(person.phone, PIN)
    phone.ok("POST", "/auth/logout")
    assert [device.get("/auth/me").status for device in (phone, tablet, laptop)] == [401, 200, 200]
    tablet.ok("POST", "/auth/logout-all")
    assert [device.get("/auth/me").status for device in (tablet, laptop, person)] == [401, 401, 401]


def test_sessions_are_listed_and_ended_by_their_owner_only(cast):
    person = cast.join("customer", "Obi Eke", parent=cast.chidi)
    other = Client(cast.app)
    other.sign_in(person.phone, PIN)
    sessions = person.ok("GET", "/auth/sessions")["items"]
    assert [session["is_current"] for session in sessions] == [False, True]
    assert cast.funke.delete(f"/auth/sessions/{sessions[0]['id']}").status == 404
    assert person.delete(f"/auth/sessions/{sessions[0]['id']}").status == 204
    assert other.get("/auth/me").status == 401


def test_a_new_secret_ends_the_other_sessions_and_every_old_token(cast, anonymous):
    person = cast.join("customer", "Peju Ajo", parent=cast.chidi)
    other = Client(cast.app)
    other.sign_in(person.phone, PIN)
    old_token = person.token
    tokens = person.ok("POST", "/auth/secret", {"current": PIN, "new": "806241"})
    assert other.get("/auth/me").status == 401
    assert person.get("/auth/me").status == 401, "the token of before"
    person.token = tokens["access_token"]
    assert person.get("/auth/me").status == 200
    assert person.token != old_token
    refused = anonymous.post("/auth/refresh", {"refresh_token": person.tokens["refresh_token"]})
    assert refused.status == 401
    assert anonymous.post("/auth/login", {"login": person.phone, "secret": PIN}).status == 401
    anonymous.ok("POST", "/auth/login", {"login": person.phone, "secret": "806241"})


@pytest.mark.parametrize(
    ("who", "new", "code"),
    [
        ("funke", "123456", "auth.weak_pin"),
        ("funke", "121212", "auth.weak_pin"),
        ("funke", "150890", "auth.weak_pin"),
        ("ada", "739154", "auth.weak_password"),
        ("ada", "aaaaaaaaaaaaaaa", "auth.weak_password"),
    ],
)
def test_weak_secrets_are_refused(cast, who, new, code):
    person = getattr(cast, who)
    assert person.post("/auth/secret", {"current": person.secret, "new": new}).code == code


def test_one_person_works_in_two_businesses_and_switches(cast, rivals):
    """Chidi collects for Ada Thrift and saves with the rival: one login, two places."""
    invited = rivals.ada.ok(
        "POST",
        "/members",
        {"role": "customer", "full_name": "C. Eze", "phone": cast.chidi.phone, "parent_id": rivals.chidi.id},
    )
    token = {"token": invited["invitation_token"]}
    assert Client(cast.app).post("/invitations/accept", token | {"secret": "481516"}).code == "auth.wrong_credentials"
    Client(cast.app).ok("POST", "/invitations/accept", token | {"secret": PIN})
    both = Client(cast.app)
    both.sign_in(cast.chidi.phone, PIN)
    me = both.ok("GET", "/auth/me")
    assert me["active"]["business_id"] == cast.business_id, "where the last session was"
    assert [membership["business_name"] for membership in me["memberships"]] == ["Ada Thrift", "Rival Thrift"]
    both.ok("POST", "/auth/switch-business", {"business_id": rivals.business_id})
    me = both.ok("GET", "/auth/me")
    assert (me["active"]["role"], me["active"]["business_id"]) == ("customer", rivals.business_id)
    assert both.get("/route").status == 403, "a customer here"
    assert cast.chidi.get("/route").status == 200, "the other session stays where it is"
    assert both.post("/auth/switch-business", {"business_id": 10**9}).code == "auth.not_a_member"


def test_a_session_without_a_business_says_so(cast):
    member = cast.join("customer", "Rita Udo", parent=cast.chidi)
    cast.ada.ok("POST", f"/members/{member.id}/deactivate", {"reason": "left"})
    assert member.get("/savings").code == "auth.no_active_business"
    assert member.ok("GET", "/auth/me")["active"] is None


def test_a_super_admin_needs_a_password(staff):
    assert staff.post("/auth/secret", {"current": PASSWORD, "new": PIN}).code == "auth.weak_password"


@pytest.mark.parametrize(("hops", "address"), [(0, "127.0.0.1"), (1, "203.0.113.9")])
def test_a_session_notes_the_address_that_a_trusted_proxy_saw(settings, app, cast, hops, address):
    """What the caller wrote into the header himself stands further left and is not believed."""
    behind = create_app(replace(settings, proxy_hops=hops), testing=True)
    person = cast.join("customer", "Sola Ade", parent=cast.chidi)
    client = Client(behind)
    forwarded = {"X-Forwarded-For": "198.51.100.1, 203.0.113.9"}
    login = {"login": person.phone, "secret": PIN}
    client.token = client.post("/auth/login", login, headers=forwarded)["access_token"]
    assert client.ok("GET", "/auth/sessions")["items"][0]["address"] == address


def test_an_invitation_as_admin_does_not_forbid_a_pin(cast, rivals):
    """Anybody can invite anybody: it must not change what a person may do elsewhere."""
    person = cast.join("customer", "Tayo Cole", parent=cast.chidi)
    rivals.ada.ok("POST", "/members", {"role": "admin", "full_name": "T. Cole", "phone": person.phone})
    person.ok("POST", "/auth/secret", {"current": PIN, "new": "806241"})


def test_a_short_secret_is_told_what_a_pin_is(cast):
    assert cast.funke.post("/auth/secret", {"current": PIN, "new": "abc"}).code == "auth.weak_pin"
