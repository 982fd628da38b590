"""Who is signed in at the console: the cookie, for how long, and where it counts."""

import time
from dataclasses import replace

import jwt
import pytest

from ofektom.app import create_app
from ofektom.browsers import COOKIE
from ofektom.extensions import db
from tests.blueprints.console.visitor import PREFERS, Visitor, said
from tests.cast import PASSWORD, Client


@pytest.fixture
def ada(app, cast) -> Visitor:
    """ada, signed in as people sign in."""
    return Visitor(app).sign_in(cast.ada.phone, PASSWORD)


def cookie_of(visitor: Visitor, name: str = COOKIE):
    return visitor.client.get_cookie(name)


@pytest.mark.parametrize(("scheme", "secure"), [("http", False), ("https", True)])
def test_the_cookie_is_kept_from_scripts_and_other_sites(app, cast, scheme, secure):
    cookie = cookie_of(Visitor(app, scheme=scheme).sign_in(cast.ada.phone, PASSWORD))
    assert (cookie.http_only, cookie.same_site, cookie.secure, cookie.path) == (True, "Strict", secure, "/")
    assert (cookie.max_age, cookie.expires) == (None, None), "it ends with the browser"


def test_in_production_it_is_bound_to_host_and_encryption(settings, cast):
    production = create_app(replace(settings, environment="production"), testing=True)
    for scheme in ("http", "https"):  # whoever decrypts in front may not say so
        visitor = Visitor(production, scheme=scheme)
        header = visitor.post("/session", {"login": cast.ada.phone, "secret": PASSWORD}).headers["Set-Cookie"]
        assert header.startswith("__Host-ofektom=ey")
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=Strict"} <= set(header.split("; "))
        assert "Domain" not in header
    assert visitor.get("/cash").status_code == 200
    with production.app_context():
        db.engine.dispose()


def test_the_api_takes_no_cookie_and_a_page_no_header(app, cast, ada):
    token = cookie_of(ada).value
    assert Client(app, token).ok("GET", "/auth/me")["id"] == cast.ada.user_id
    for method, path in (("GET", "/auth/me"), ("GET", "/savings"), ("POST", "/units"), ("POST", "/auth/logout")):
        answer = ada.client.open(f"/api/v1{path}", method=method, json={})
        assert (answer.status_code, answer.json["code"]) == (401, "auth.required")
    bearer = {"Authorization": f"Bearer {token}"}
    refused = app.test_client().get("/console/cash", headers=bearer)
    assert (refused.status_code, refused.json["code"]) == (401, "auth.required")


def test_signing_out_ends_the_session_everywhere(app, ada):
    token = cookie_of(ada).value
    answer = ada.post("/sign-out", ada.form(""))
    assert (answer.status_code, answer.location, cookie_of(ada)) == (303, "/console/sign-in", None)
    assert Client(app, token).get("/auth/me").code == "auth.invalid_token"
    ada.client.set_cookie(COOKIE, token)
    again = ada.get("/cash")
    assert (again.status_code, said(again)[:5], cookie_of(ada)) == (401, "alert", None)


def test_who_is_not_signed_in_is_shown_where_to(app):
    visitor = Visitor(app)
    assert (visitor.get().status_code, visitor.get("/cash").location) == (303, "/console/sign-in")
    assert visitor.post("/sign-out", {}).status_code == 401
    assert "Sign in" in visitor.get("/sign-in").text


def test_a_wrong_secret_and_a_missing_one_are_said(app, cast):
    visitor = Visitor(app)
    wrong = visitor.post("/session", {"login": cast.bola.phone, "secret": "x"})
    assert (wrong.status_code, said(wrong)) == (401, "alert: The login or the secret is wrong.")
    assert (f'value="{cast.bola.phone}"' in wrong.text, "WWW-Authenticate" in wrong.headers) == (True, False)
    missing = visitor.post("/session", {"login": cast.bola.phone})
    assert (missing.status_code, "secret: Missing data" in said(missing)) == (422, True)


def test_signing_in_is_limited_together_with_the_api(app):
    fields, address = {"login": "nobody-at-all", "secret": "x"}, {"REMOTE_ADDR": "203.0.113.77"}
    visitor = Visitor(app, address="203.0.113.77")
    for _ in range(2):
        app.test_client().post("/api/v1/auth/login", json=fields, environ_overrides=address)
    statuses = [visitor.post("/session", fields).status_code for _ in range(4)]
    assert statuses == [401, 401, 401, 429]
    refused = visitor.post("/session", fields)
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert said(refused) == "alert: Too many requests; slow down."


def aged(app, token: str, seconds: float) -> str:
    """The same token as it was given out some time ago."""
    claims = jwt.decode(token, options={"verify_signature": False})
    older = {name: int(claims[name] - seconds) for name in ("iat", "exp")}
    return jwt.encode(claims | older, app.config["SECRET_KEY"], algorithm="HS256")


def test_whoever_is_at_work_stays_signed_in(app, cast, ada):
    life = app.config["ACCESS_TOKEN_MINUTES"] * 60
    fresh = cookie_of(ada).value
    assert "Set-Cookie" not in ada.get("/cash").headers
    old = aged(app, fresh, life * 0.5)
    ada.client.set_cookie(COOKIE, old)
    ada.get("/cash")
    renewed = jwt.decode(cookie_of(ada).value, options={"verify_signature": False})
    assert renewed["sid"] == jwt.decode(fresh, options={"verify_signature": False})["sid"]
    assert renewed["exp"] > time.time() + life * 0.9
    assert cast.ada.ok("GET", "/audit", query_string={"action": "auth.refreshed"})["items"] == []
    trail = cast.staff.ok("GET", "/platform/audit", query_string={"action": "auth.refreshed"})["items"]
    assert trail[0]["object_id"] == int(renewed["sid"])
    ada.client.set_cookie(COOKIE, aged(app, fresh, life + 60))
    assert ada.get("/cash").status_code == 401, "and somebody away does not"


def test_an_old_token_of_a_session_that_has_ended_is_not_renewed(app, cast):
    """Even while this process still remembers its caller."""
    visitor = Visitor(app).sign_in(cast.bola.phone, PASSWORD)
    old = aged(app, cookie_of(visitor).value, app.config["ACCESS_TOKEN_MINUTES"] * 60 * 0.5)
    visitor.client.set_cookie(COOKIE, old)
    assert "Set-Cookie" in visitor.get("/cash").headers
    with app.app_context(), db.engine.begin() as connection:
        session = jwt.decode(old, options={"verify_signature": False})["sid"]
        connection.execute(db.text("UPDATE sessions SET ended_at = now() WHERE id = :id"), {"id": session})
    visitor.client.set_cookie(COOKIE, old)
    assert "Set-Cookie" not in visitor.get("/cash").headers


def test_a_program_is_given_no_new_token(app, ada):
    old = aged(app, cookie_of(ada).value, app.config["ACCESS_TOKEN_MINUTES"] * 60 * 0.5)
    client = app.test_client(use_cookies=False)
    answers = [client.get("/console/cash", headers={"Cookie": f"{COOKIE}={old}"} | more) for more in ({}, PREFERS)]
    assert ["Set-Cookie" in answer.headers for answer in answers] == [False, True]
