"""Who a client is to nginx, and what follows from it."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conf.processes import ask, free_port, gunicorn
from tests.conf.proxy import nginx

PROXY = "127.0.0.9"
READER = "127.0.0.8"
LOGIN = "/api/v1/auth/login"


@dataclass(frozen=True)
class Site:
    """nginx on `port` with its files in `place`."""

    port: int
    place: Path


@pytest.fixture(scope="module")
def instance(tmp_path_factory):
    port = free_port()
    with gunicorn(port, tmp_path_factory.mktemp("instance") / "log"):
        yield port


@pytest.fixture(scope="module")
def site(instance, tmp_path_factory):
    """nginx behind a proxy, and with a network that may read the documentation."""
    place, port = tmp_path_factory.mktemp("site"), free_port()
    values = {"OFEKTOM_TRUSTED_PROXY": f"{PROXY}/32", "OFEKTOM_DOCS_NETWORKS": f"allow {READER};"}
    with nginx(place, port, [instance] * 3, **values):
        yield Site(port, place)


def seen(port: int, client: str, **headers: str) -> tuple[str, str]:
    """The address and the scheme of the client, as the application learns them."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = ask(port, "/", headers=given, client=client).json
    return answer["HTTP_X_FORWARDED_FOR"], answer["HTTP_X_FORWARDED_PROTO"]


def test_only_the_trusted_proxy_is_believed(site):
    claims = {"X_Forwarded_For": "198.51.100.7", "X_Forwarded_Proto": "https"}
    assert seen(site.port, PROXY, **claims) == ("198.51.100.7", "https")
    assert seen(site.port, "127.0.0.10", **claims) == ("127.0.0.10", "http")
    assert seen(site.port, PROXY, X_Forwarded_Proto="https") == (PROXY, "http")
    assert seen(site.port, PROXY, **claims | {"X_Forwarded_Proto": "gopher"}) == ("198.51.100.7", "http")


def test_what_the_client_has_told_the_proxy_is_not_believed(site):
    assert seen(site.port, PROXY, X_Forwarded_For="192.0.2.1, 198.51.100.7") == ("198.51.100.7", "http")
    twice = seen(site.port, PROXY, X_Forwarded_For=f"192.0.2.1, 198.51.100.7, {PROXY}")
    assert twice == ("198.51.100.7", "http"), "it has passed two of ours"


def test_a_rate_is_that_of_the_real_address(site):
    def logins(client: str, forwarded: list[str]) -> list[int]:
        return [
            ask(site.port, LOGIN, "POST", headers={"X-Forwarded-For": by}, client=client).status for by in forwarded
        ]

    many = [f"203.0.113.{number}" for number in range(8)]
    assert logins("127.0.0.11", many) == [200] * 5 + [429] * 3, "a new claim is no new client"
    assert logins(PROXY, many) == [200] * 8
    assert logins(PROXY, ["203.0.113.99"] * 6) == [200] * 5 + [429]


def test_signing_in_at_the_console_has_the_same_rate_and_its_pages_have_not(site):
    answers = [ask(site.port, "/console/session", "POST", client="127.0.0.13") for _ in range(6)]
    assert [answer.status for answer in answers] == [200] * 5 + [429]
    assert ask(site.port, LOGIN, "POST", client="127.0.0.13").status == 429
    assert {ask(site.port, "/console/sign-in", client="127.0.0.13").status for _ in range(8)} == {200}
    refused = answers[-1]
    assert (refused.headers["Content-Type"], refused.headers["Retry-After"]) == ("text/html; charset=utf-8", "12")
    assert (refused.headers["Cache-Control"], b"<h1>Too many requests" in refused.body) == ("no-store", True)


@pytest.mark.parametrize("path", ["/console", "/console/", "/console/cash", "/console/session"])
def test_no_page_of_the_console_is_kept_whatever_it_says(site, path):
    """Pages have their own way past the cache; what they load may be kept."""
    public = "?Cache-Control=public&X-Accel-Expires=60"
    assert [ask(site.port, path + public).headers["X-Cache-Status"] for _ in range(2)] == ["BYPASS", "BYPASS"]
    asset = f"/console/assets/1{path}{public}"
    assert [ask(site.port, asset).headers["X-Cache-Status"] for _ in range(2)] == ["MISS", "HIT"]


@pytest.mark.parametrize(
    "path",
    [
        "/docs",
        "/docs/",
        "/docs/assets/5.34.0/swagger-ui.css",
        "//docs",
        "/%64ocs",
        "/api/v1/openapi.json",
        "/x/../docs",
    ],
)
def test_how_the_service_is_used_is_for_some_networks(site, path):
    public = "?Cache-Control=public&X-Accel-Expires=60"
    assert [ask(site.port, path + public, client=READER).headers["X-Cache-Status"] for _ in range(2)] == ["MISS", "HIT"]
    for headers in ({}, {"X-Forwarded-For": READER}):
        answer = ask(site.port, path + public, headers=headers, client="127.0.0.12")
        assert (answer.status, answer.json["code"], answer.json["status"]) == (404, "not_found", 404)
    assert ask(site.port, path, headers={"X-Forwarded-For": "127.0.0.12"}, client=PROXY).status == 404


@pytest.mark.parametrize("path", ["/docsy", "/api/v1/openapi.jsonx", "/api/v1/docs"])
def test_what_only_looks_like_it_is_for_everybody(site, path):
    assert ask(site.port, path, client="127.0.0.12").json["path"] == path


def test_nobody_reads_it_where_no_network_may(instance, tmp_path):
    port = free_port()
    with nginx(tmp_path, port, [instance] * 3, OFEKTOM_DOCS_NETWORKS=""):
        assert ask(port, "/docs").status == 404


def test_a_line_of_the_log_tells_how_a_request_was_served(site):
    ask(
        site.port,
        '/a"b?q=secret',
        headers={"X-Request-ID": "in-the-log-1", "X-Forwarded-For": "192.0.2.9"},
        client=PROXY,
    )
    ask(site.port, "/health", headers={"X-Request-ID": "in-the-log-2"})
    text = (site.place / "access.log").read_text()
    lines = {line["request_id"]: line for line in map(json.loads, text.splitlines())}
    first, second = lines["in-the-log-1"], lines["in-the-log-2"]
    assert "secret" not in text
    expected = {"client": "192.0.2.9", "peer": PROXY, "method": "GET", "path": '/a"b', "status": "200"}
    assert first.items() >= (expected | {"cache": "MISS", "group": "ofektom", "upstream_status": "200"}).items()
    assert 0 <= float(first["upstream_seconds"]) <= first["seconds"] + 0.002
    assert re.fullmatch(r"127\.0\.0\.1:\d+", first["upstream"])
    assert (second["status"], second["upstream"], second["cache"]) == ("404", "", "")
