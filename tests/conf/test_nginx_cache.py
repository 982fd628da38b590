"""What nginx keeps, for whom and for how long, before an application that would let it keep anything."""

import itertools
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

import pytest

from tests.conf.processes import Answer, ask, cut, free_port, gunicorn
from tests.conf.proxy import nginx

AT_ONCE = 50
PUBLIC = {"Cache-Control": "public, max-age=60", "X-Accel-Expires": "60"}
CREDENTIALS = [{"Authorization": "Bearer a.b.c"}, {"Cookie": "a=b"}, {"Authorization": ":"}]
_numbers = itertools.count(1)


def page(**headers: str) -> str:
    """A path that nobody has asked for before, with what the application is to answer; None leaves a header out."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    asked = {name: value for name, value in (PUBLIC | given).items() if value is not None}
    return f"/pages/{next(_numbers)}?{urlencode(asked)}"


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    place, port, instance = tmp_path_factory.mktemp("cache"), free_port(), free_port()
    with gunicorn(instance, place / "instance.log"), nginx(place, port, [instance] * 3, OFEKTOM_API_RATE="9999r/s"):
        yield port


def told(answer: Answer) -> tuple[str, str]:
    """What nginx says of its cache, and what only one making of the page says."""
    return answer.headers["X-Cache-Status"], answer.json["made"]


def test_what_is_public_is_kept(port):
    path = page(X_Cache="MISS")
    first = ask(port, path, headers={"X-Request-ID": "the-first-request"})
    second = ask(port, path, headers={"X-Request-ID": "the-second-request"})
    assert [told(first), told(second)] == [("MISS", first.json["made"]), ("HIT", first.json["made"])]
    assert [answer.headers["X-Cache"] for answer in (first, second)] == ["MISS", "HIT"]
    assert second.headers.get_all("X-Request-ID") == ["the-second-request"]
    assert second.headers["Cache-Control"] == PUBLIC["Cache-Control"]
    assert "X-Accel-Expires" not in first.headers


@pytest.mark.parametrize(
    "headers",
    [
        {"X_Accel_Expires": None},
        {"X_Accel_Expires": "0"},
        {"Cache_Control": None},
        {"Cache_Control": "private, no-cache"},
        {"Cache_Control": "no-store, 200 public"},
        {"Set_Cookie": "a=b"},
        {"Vary": "*"},
        *({"status": str(status)} for status in (201, 301, 304, 400, 401, 403, 404, 500, 503)),
    ],
    ids=str,
)
def test_nothing_else_is_kept(port, headers):
    path = page(**headers)
    for _ in range(2):
        answer = ask(port, path)
        assert answer.headers["X-Cache-Status"] == "MISS"
        assert answer.status == int(headers.get("status", 200))


@pytest.mark.parametrize("credentials", CREDENTIALS, ids=str)
def test_who_shows_credentials_has_nothing_to_do_with_it(port, credentials):
    path, other = page(), page()
    _, kept = told(ask(port, path))
    status, own = told(ask(port, path, headers=credentials))
    assert status == "BYPASS"
    assert own != kept
    assert told(ask(port, path)) == ("HIT", kept)
    _, own = told(ask(port, other, headers=credentials))
    status, made = told(ask(port, other))
    assert status == "MISS"
    assert made != own


def test_head_is_answered_from_what_get_has_kept_and_post_is_not(port):
    path = page()
    _, kept = told(ask(port, path))
    head = ask(port, path, "HEAD")
    assert (head.status, head.headers["X-Cache-Status"], head.body) == (200, "HIT", b"")
    status, made = told(ask(port, path, "POST"))
    assert status == "BYPASS"
    assert made != kept
    assert told(ask(port, path)) == ("HIT", kept)


def test_who_knows_an_answer_is_not_sent_it_again(port):
    path = page(ETag='"known"')
    for expected in ("MISS", "HIT"):
        again = ask(port, path, headers={"If-None-Match": '"known"'})
        assert (again.status, again.body, again.headers["X-Cache-Status"]) == (304, b"", expected)
    assert ask(port, path, headers={"If-None-Match": '"other"'}).status == 200
    own = ask(port, path, headers={"If-None-Match": '"known"', "Authorization": "x"})
    assert own.json["HTTP_IF_NONE_MATCH"] == '"known"', "their own application decides that"


def test_what_differs_in_host_or_as_sent_is_different(port):
    path = page()
    others = [path + "&x=1", path.replace("pages", "p%61ges"), path.replace("/pages", "//pages")]
    seen = {
        told(ask(port, path, headers={"Host": "one.example"})),
        told(ask(port, path, headers={"Host": "two.example"})),
    }
    seen |= {told(ask(port, other)) for other in [path, *others]}
    assert {status for status, _ in seen} == {"MISS"}
    assert len(seen) == 6


def test_vary_is_respected(port):
    path = page(Vary="Accept-Language")
    made = {language: told(ask(port, path, headers={"Accept-Language": language})) for language in ("yo", "ig", "ha")}
    assert len(set(made.values())) == 3
    for language, (_, kept) in made.items():
        assert told(ask(port, path, headers={"Accept-Language": language})) == ("HIT", kept)


def test_a_crowd_that_misses_asks_once(port):
    path = page(seconds="0.3")
    with ThreadPoolExecutor(AT_ONCE) as crowd:
        answers = list(crowd.map(lambda _: told(ask(port, path)), range(AT_ONCE)))
    assert len({made for _, made in answers}) == 1
    assert sorted(status for status, _ in answers) == ["HIT"] * (AT_ONCE - 1) + ["MISS"]


def test_what_has_expired_is_fetched_by_one_who_waits_and_shown_to_those_who_ask_meanwhile(port):
    path = page(X_Accel_Expires="1", seconds="1")
    _, old = told(ask(port, path))
    time.sleep(2.1)  # nginx counts in whole seconds
    with ThreadPoolExecutor(AT_ONCE) as crowd:
        waiting = crowd.submit(ask, port, path)
        time.sleep(0.3)
        meanwhile = set(crowd.map(lambda _: told(ask(port, path)), range(10)))
        assert not waiting.done(), "they waited, too"
        status, new = told(waiting.result())
    assert meanwhile == {("UPDATING", old)}
    assert status == "EXPIRED"
    assert new != old


def test_monitors_do_not_wait_for_one_another(port):
    with ThreadPoolExecutor(AT_ONCE) as crowd:
        answers = set(crowd.map(lambda _: told(ask(port, "/readyz?seconds=0.2")), range(AT_ONCE)))
    assert len(answers) == AT_ONCE
    assert {status for status, _ in answers} == {"BYPASS"}


def test_what_is_public_is_still_shown_when_all_instances_are_down(tmp_path):
    port, instance = free_port(), free_port()
    path, known = page(X_Accel_Expires="1"), page()
    with nginx(tmp_path, port, [instance] * 3):
        with gunicorn(instance, tmp_path / "first.log") as server:
            _, old = told(ask(port, path))
            _, kept = told(ask(port, known))
            cut(server)
        time.sleep(2.1)
        for _ in range(3):
            assert told(ask(port, path)) == ("STALE", old)
            assert told(ask(port, known)) == ("HIT", kept)
            assert [ask(port, page()).status, ask(port, path, headers=CREDENTIALS[0]).status] == [503, 503]
