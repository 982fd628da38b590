"""conf/nginx.conf, by running nginx with it in front of real instances."""

import gzip
import http.client
import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conf.processes import Answer, ask, free_port, gunicorn
from tests.conf.proxy import nginx


@dataclass(frozen=True)
class Site:
    """nginx on `port`; requests that kill an instance leave their method in `marks`."""

    port: int
    marks: Path


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """nginx before three instances of which the last is down."""
    place = tmp_path_factory.mktemp("site")
    marks = place / "marks"
    port, first, second, down = (free_port() for _ in range(4))
    with (
        gunicorn(first, place / "first.log", MARKS=str(marks)),
        gunicorn(second, place / "second.log", MARKS=str(marks)),
        nginx(place, port, [first, second, down]),
    ):
        yield Site(port, marks)


def assert_problem(answer: Answer, status: int, code: str) -> None:
    """That nginx answered in the application's shape."""
    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    for name, value in (("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff")):
        assert answer.headers.get_all(name) == [value]
    problem = answer.json
    assert problem.keys() == {"type", "status", "title", "code", "request_id"}
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["request_id"] == answer.headers["X-Request-ID"]


def test_requests_reach_the_living_instances_and_none_fails(site):
    answers = [ask(site.port, "/readyz") for _ in range(30)]
    assert [answer.status for answer in answers] == [200] * 30
    assert len({answer.json["pid"] for answer in answers}) == 2
    assert answers[0].json["path"] == "/readyz"


@pytest.mark.parametrize("path", ["/health", "/metrics", "/metrics/", "//health", "/%6detrics", "/health?x=1"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_is_for_operators_is_not_passed_on(site, path, method):
    assert_problem(ask(site.port, path, method), 404, "not_found")


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/healthy", "/api/v1/metrics"])
def test_what_is_for_monitors_is_passed_on(site, path):
    assert ask(site.port, path).json["path"] == path


def test_the_application_learns_who_asks_and_how(site):
    spoofed = {"X-Forwarded-For": "1.2.3.4", "X-Forwarded-Proto": "gopher", "Host": "save.example:81"}
    seen = ask(site.port, "/", headers=spoofed, client="127.0.0.5").json
    assert seen["HTTP_X_FORWARDED_FOR"] == "127.0.0.5"
    assert seen["HTTP_X_FORWARDED_PROTO"] == "http"
    assert seen["HTTP_HOST"] == "save.example:81"


@pytest.mark.parametrize("given", ["0123abcd-sane.id_", "short", "bad id with blanks", "x" * 65, '"},{"'])
def test_a_request_has_one_sane_id(site, given):
    seen = ask(site.port, "/", headers={"X-Request-ID": given}).json["HTTP_X_REQUEST_ID"]
    assert (seen == given) == (given == "0123abcd-sane.id_")
    assert len(seen) >= 8


def test_long_json_is_compressed(site):
    answer = ask(site.port, "/long", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert len(answer.body) < 500
    assert json.loads(gzip.decompress(answer.body))["text"].startswith("thrift")


@pytest.mark.parametrize("path", ["/api/v1/auth/login", "/api/v1/auth/login/", "/api//v1/auth/%6cogin"])
def test_logins_are_limited_by_address(site, path):
    client = f"127.0.1.{len(path)}"
    answers = [ask(site.port, path, "POST", client=client) for _ in range(6)]
    assert [answer.status for answer in answers] == [200] * 5 + [429]
    assert_problem(answers[-1], 429, "request.too_many")
    assert answers[-1].headers["Retry-After"] == "12"
    assert ask(site.port, path, "POST", client="127.0.2.1").status == 200


def test_a_flood_is_limited(site):
    with ThreadPoolExecutor(4) as clients:
        answers = list(clients.map(lambda _: ask(site.port, "/", client="127.0.3.1"), range(450)))
    refused = [answer for answer in answers if answer.status != 200]
    assert 200 <= len(answers) - len(refused) <= 400
    assert_problem(refused[0], 429, "request.too_many")
    assert refused[0].headers["Retry-After"] == "1"


def test_a_large_body_is_refused_before_it_is_read(site):
    with closing(http.client.HTTPConnection("127.0.0.1", site.port, timeout=5)) as connection:
        connection.putrequest("POST", "/api/v1/sync")
        connection.putheader("Content-Length", str(2_000_000))
        connection.endheaders()
        response = connection.getresponse()
        assert_problem(Answer(response.status, response.headers, response.read()), 413, "request.too_large")


@pytest.mark.parametrize(
    ("method", "headers"),
    [("GET", {"X-Long": "x" * 9000}), ("TRACE", {}), ("POST", {"Transfer-Encoding": "zip"}), ("GET", {"Host": "a/b"})],
)
def test_a_request_that_cannot_be_read_is_a_problem_too(site, method, headers):
    assert_problem(ask(site.port, "/", method, headers=headers), 400, "request.malformed")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_what_changes_something_is_never_sent_twice(site, method):
    site.marks.unlink(missing_ok=True)
    answers = (ask(site.port, "/die", method, body=b"{}") for _ in range(4))
    # The instance that is down may be the first to be asked, which does nothing.
    answer = next(answer for answer in answers if answer.json["code"] != "unavailable")
    assert_problem(answer, 503, "outcome.unknown")
    assert answer.headers["Retry-After"] == "2"
    assert site.marks.read_text().splitlines() == [method]


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH"])
def test_an_instance_that_is_down_is_not_noticed(site, method):
    answers = [ask(site.port, f"/{number}", method, body=b"{}") for number in range(10)]
    assert {answer.status for answer in answers} == {200}


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_an_instance_that_is_down_may_cost_what_nginx_would_repeat_a_503(site, method):
    answers = [ask(site.port, f"/a%20b//{number}", method, body=b"{}") for number in range(10)]
    served = [answer.json["path"] for answer in answers if answer.status == 200]
    assert len(served) > 5
    assert set(served) <= {f"/a b//{number}" for number in range(10)}
    for answer in answers:
        if answer.status != 200:
            assert_problem(answer, 503, "unavailable")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_without_any_instance_the_answer_is_still_json(tmp_path, method):
    port = free_port()
    with nginx(tmp_path, port, [free_port() for _ in range(3)]):
        for _ in range(5):
            answer = ask(port, "/api/v1/savings", method, body=b"{}")
            assert_problem(answer, 503, "unavailable")
            assert answer.headers["Retry-After"] == "2"


@pytest.mark.parametrize(("path", "method"), [("/console", "GET"), ("/console/session", "POST")])
def test_without_any_instance_people_are_told_by_a_page(tmp_path, path, method):
    port = free_port()
    with nginx(tmp_path, port, [free_port() for _ in range(3)]):
        answer = ask(port, path, method, body=b"x=1")
    assert (answer.status, answer.headers["Content-Type"]) == (503, "text/html; charset=utf-8")
    assert (answer.headers["Cache-Control"], answer.headers["Retry-After"]) == ("no-store", "2")
    assert b"<h1>The service cannot answer just now; try again</h1>" in answer.body
    assert answer.headers["X-Request-ID"].encode() in answer.body
