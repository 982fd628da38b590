"""What every answer carries, and everything that is no readable request."""

import json
from dataclasses import replace

import pytest

from ofektom.app import create_app
from ofektom.auth import PUBLIC
from ofektom.errors import NotFound
from ofektom.extensions import db
from ofektom.http import answer
from ofektom.views import Slice
from tests.cast import PIN, Client

LOGIN = "/api/v1/auth/login"


@pytest.fixture
def client(app):
    return app.test_client()


def post(client, data: bytes, content_type: str | None = "application/json"):
    return client.post(LOGIN, data=data, content_type=content_type)


def assert_problem(answer, status: int, code: str) -> dict:
    """An answer in the one shape that all errors have; gives its body back."""
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")
    body = answer.get_json()
    assert (body["status"], body["code"], body["type"]) == (status, code, "about:blank")
    assert body["title"]
    assert body["request_id"] == answer.headers["X-Request-ID"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    return body


@pytest.mark.parametrize("sane", ["12345678", "a.b-c_D9", "x" * 64])
def test_a_sane_request_id_comes_back(client, sane):
    assert client.get("/livez", headers={"X-Request-ID": sane}).headers["X-Request-ID"] == sane


@pytest.mark.parametrize("odd", ["", "short", "x" * 65, "with space", "a<script>b", "ünïcödé-id", '"quoted-id"'])
def test_any_other_request_id_is_replaced(client, odd):
    given = client.get("/livez", headers={"X-Request-ID": odd}).headers["X-Request-ID"]
    assert given != odd
    assert len(given) == 32


def test_requests_without_an_id_get_different_ones(client):
    assert client.get("/livez").headers["X-Request-ID"] != client.get("/livez").headers["X-Request-ID"]


def test_a_read_is_answered_304_until_it_changes(cast):
    first = cast.ada.get("/units")
    assert first.headers["Cache-Control"] == "private, no-cache"
    same = cast.ada.get("/units", headers={"If-None-Match": first.headers["ETag"]})
    assert (same.status, same.body, same.headers["ETag"]) == (304, None, first.headers["ETag"])
    assert same.headers["Cache-Control"] == "private, no-cache"
    cast.ada.ok("POST", "/units", {"name": "Balogun"})
    changed = cast.ada.get("/units", headers={"If-None-Match": first.headers["ETag"]})
    assert (changed.status, len(changed["items"])) == (200, 1)


@pytest.fixture
def shared(settings):
    """A client of an application with a view whose answer caches may keep, or an error."""
    bp = Slice("shared", __name__, url_prefix="/shared")

    @bp.get("/<id:number>", access=PUBLIC, public_for=7, errors=[NotFound])
    def show(number):
        if number > 1:
            raise NotFound
        return answer(200, {"number": number})

    app = create_app(settings, testing=True)
    app.register_blueprint(bp)
    yield app.test_client(use_cookies=False)
    with app.app_context():
        db.engine.dispose()


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_caches_may_keep_what_is_declared_public_and_its_304(shared, method):
    first = shared.open("/api/v1/shared/1", method=method)
    assert (first.status_code, first.headers["Cache-Control"]) == (200, "public, max-age=7")
    same = shared.open("/api/v1/shared/1", method=method, headers={"If-None-Match": first.headers["ETag"]})
    assert (same.status_code, same.data, same.headers["ETag"]) == (304, b"", first.headers["ETag"])
    assert same.headers["Cache-Control"] == "public, max-age=7"


@pytest.mark.parametrize("name", ["Authorization", "Cookie"])
@pytest.mark.parametrize("value", ["Bearer x.y.z", "session=1", ""])
def test_an_answer_to_credentials_is_nobody_elses_to_keep(shared, name, value):
    first = shared.get("/api/v1/shared/1", headers={name: value})
    assert (first.status_code, first.headers["Cache-Control"]) == (200, "private, no-cache")
    same = shared.get("/api/v1/shared/1", headers={name: value, "If-None-Match": first.headers["ETag"]})
    assert (same.status_code, same.headers["Cache-Control"]) == (304, "private, no-cache")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/2", 404), ("GET", "/x", 404), ("GET", "/1?colour=red", 422), ("POST", "/1", 405)],
)
def test_an_error_is_never_kept(shared, method, path, status):
    refused = shared.open(f"/api/v1/shared{path}", method=method)
    assert (refused.status_code, refused.headers["Cache-Control"]) == (status, "no-store")


def test_the_etag_of_one_persons_answer_is_not_anothers(cast):
    tags = {person.get("/auth/me").headers["ETag"] for person in (cast.ada, cast.bola, cast.chidi)}
    assert len(tags) == 3


def test_what_is_written_is_never_stored(cast):
    added = cast.ada.post("/units", {"name": "Alaba"})
    assert (added.status, added.headers["Cache-Control"], "ETag" in added.headers) == (201, "no-store", False)
    ended = cast.hauwa.post("/auth/logout")
    assert (ended.status, ended.headers["Cache-Control"], ended.body) == (204, "no-store", None)


@pytest.mark.parametrize(("hops", "believed"), [(0, "127.0.0.1"), (1, "10.0.0.2"), (2, "10.0.0.1")])
def test_forwarded_addresses_are_believed_as_far_as_our_proxies_wrote_them(settings, cast, hops, believed):
    proxied = create_app(replace(settings, proxy_hops=hops), testing=True)
    client = Client(proxied)
    forwarded = {"X-Forwarded-For": "198.51.100.7, 10.0.0.1, 10.0.0.2"}
    signed_in = client.send("POST", "/auth/login", {"login": cast.ike.phone, "secret": PIN}, headers=forwarded)
    client.token = signed_in["access_token"]
    assert client.ok("GET", "/auth/sessions")["items"][0]["address"] == believed
    with proxied.app_context():
        db.engine.dispose()


def test_an_address_nobody_serves_is_not_found(client):
    assert_problem(client.get("/api/v1/nowhere"), 404, "not_found")
    assert_problem(client.get("/"), 404, "not_found")


@pytest.mark.parametrize(
    "bad", ["0", "-1", "x", "1.5", "9223372036854775808", "99999999999999999999", "%D9%A7", "1%00"]
)
def test_an_id_no_row_can_have_is_not_found(cast, bad):
    answer = cast.ada.get(f"/members/{bad}")
    assert (answer.status, answer.code) == (404, "not_found")


def test_the_largest_id_is_looked_up_and_not_found(cast):
    assert cast.ada.get("/members/9223372036854775807").code == "not_found"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "GET"])
def test_a_method_that_is_not_offered(client, method):
    assert_problem(client.open(LOGIN, method=method), 405, "method_not_allowed")


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded", "text/json"])
def test_a_body_that_does_not_call_itself_json(client, content_type):
    assert_problem(post(client, b'{"login": "ada"}', content_type), 415, "request.media_type")


def test_json_may_name_its_charset(client):
    assert_problem(post(client, b"{}", "application/json; charset=utf-8"), 422, "request.invalid")


def test_a_body_that_is_too_large(client, app):
    assert_problem(post(client, b'"' + b"x" * app.config["MAX_BODY_BYTES"] + b'"'), 413, "request.too_large")


def test_an_absent_body_is_an_empty_one(client):
    body = assert_problem(client.post(LOGIN), 422, "request.invalid")
    assert set(body["errors"]) == {"login", "secret"}


UNREADABLE = {
    "nothing but a brace": b"{",
    "two documents": b"{}{}",
    "a comment": b"{} // hello",
    "a trailing comma": b'{"login": "ada",}',
    "broken UTF-8": b'{"login": "\xff"}',
    "UTF-16": '{"login": "ada"}'.encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf{}",
    "a lone surrogate": b'{"login": "\\ud800"}',
    "a raw control character": b'{"login": "a\x00b"}',
    "NaN": b'{"login": NaN}',
    "infinity": b'{"login": -Infinity}',
    "a key twice": b'{"login": "ada", "secret": "x", "login": "bola"}',
    "a key twice, spelled in two ways": b'{"login": "ada", "log\\u0069n": "bola"}',
    "a key twice, further down": b'{"login": {"a": 1, "a": 2}}',
    "a list": b"[]",
    "a string": b'"ada"',
    "null": b"null",
    "a number of five thousand digits": b'{"login": ' + b"9" * 5_000 + b"}",
    "lists nested 100 000 deep": b'{"login": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "objects nested 100 000 deep": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
def test_a_body_that_cannot_be_read_in_one_way(client, body):
    assert_problem(post(client, body), 400, "request.malformed")


@pytest.mark.parametrize(("depth", "status"), [(99, 422), (100, 400), (500, 400), (1_000, 400)])
def test_nesting_is_read_to_the_same_depth_by_every_python(client, depth, status):
    answer = post(client, b'{"login": ' + b"[" * depth + b"]" * depth + b"}")
    assert answer.status_code == status


def test_what_is_wrong_is_said_by_field_and_what_was_sent_is_not_repeated(client):
    sent = {"login": 7, "secret": "s3cret-s3cret", "is_super_admin": True, "ключ\n" * 50: 1}
    body = assert_problem(post(client, json.dumps(sent).encode()), 422, "request.invalid")
    assert {"login", "is_super_admin"} <= set(body["errors"])
    assert "s3cret" not in json.dumps(body)
    assert max(map(len, body["errors"])) <= 60
    assert all(name.isascii() for name in body["errors"])


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("limit=5&limit=6", 400, "request.malformed"),
        ("colour=red", 422, "request.invalid"),
        ("limit=0", 422, "request.invalid"),
        ("limit=101", 422, "request.invalid"),
        ("limit=1e1", 422, "request.invalid"),
        ("limit=%D9%A1", 422, "request.invalid"),
    ],
)
def test_a_query_is_as_strict_as_a_body(cast, query, status, code):
    answer = cast.ada.get(f"/units?{query}")
    assert (answer.status, answer.code) == (status, code)


def test_a_view_without_parameters_takes_none(client):
    body = assert_problem(client.get("/livez?colour=red"), 422, "request.invalid")
    assert body["errors"] == {"colour": ["Unknown parameter."]}
