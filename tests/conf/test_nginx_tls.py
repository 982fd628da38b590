"""conf/nginx-tls.conf beside conf/nginx.conf: the same rules over TLS, and nothing over plain HTTP."""

import http.client
import json
import ssl
import subprocess
from contextlib import closing

import pytest

from local.nginx import CONF
from tests.conf.processes import Answer, ask, free_port, gunicorn
from tests.conf.proxy import nginx

CERTIFICATE = (
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost "
    "-addext subjectAltName=DNS:localhost -out certificate.pem -keyout key.pem"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """(plain port, TLS port, the certificate), with a proxy in front that ends TLS itself."""
    place, plain, secure, instance = tmp_path_factory.mktemp("tls"), free_port(), free_port(), free_port()
    folder = place / "ofektom.d"
    folder.mkdir()
    subprocess.run(CERTIFICATE.split(), cwd=folder, check=True, capture_output=True)
    conf = (CONF / "nginx-tls.conf").read_text()
    assert conf.count("listen 443 ssl;") == 1
    (folder / "tls.conf").write_text(conf.replace("listen 443 ssl;", f"listen 127.0.0.1:{secure} ssl;"))
    with (
        gunicorn(instance, place / "instance.log"),
        nginx(place, plain, [instance] * 3, OFEKTOM_TRUSTED_PROXY="127.0.0.9"),
    ):
        yield plain, secure, folder / "certificate.pem"


def ask_securely(site, path: str, method: str = "GET", version: ssl.TLSVersion | None = None) -> tuple[str, Answer]:
    """The version of TLS, and the answer."""
    _, port, certificate = site
    context = ssl.create_default_context(cafile=str(certificate))
    if version:
        context.minimum_version = context.maximum_version = version
    with closing(http.client.HTTPSConnection("localhost", port, context=context, timeout=10)) as connection:
        connection.request(method, path)
        spoken = connection.sock.version()
        response = connection.getresponse()
        return spoken, Answer(response.status, response.headers, response.read())


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_the_application_learns_that_the_client_came_over_tls(site, version):
    spoken, answer = ask_securely(site, "/", version=version)
    assert (spoken, answer.status) == (version.name.replace("_", "."), 200)
    assert answer.json["HTTP_X_FORWARDED_PROTO"] == "https"
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"


def test_the_rules_are_the_same(site):
    assert ask_securely(site, "/health")[1].json["code"] == "not_found"
    logins = [ask_securely(site, "/api/v1/auth/login", "POST")[1].status for _ in range(6)]
    assert logins == [200] * 5 + [429]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_plain_http_only_says_where_to_go(site, method):
    answer = ask(site[0], "/api/v1/b%61nks?x=1", method, headers={"Host": "save.example", "X-Forwarded-Proto": "https"})
    assert (answer.status, answer.headers["Location"]) == (308, "https://save.example/api/v1/b%61nks?x=1")
    assert "Strict-Transport-Security" not in answer.headers


def test_who_came_over_tls_to_the_proxy_in_front_is_not_sent_away(site):
    headers = {"X-Forwarded-For": "198.51.100.7", "X-Forwarded-Proto": "https"}
    answer = ask(site[0], "/", headers=headers, client="127.0.0.9")
    assert (answer.status, answer.json["HTTP_X_FORWARDED_PROTO"]) == (200, "https")
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"


def test_plain_http_at_the_port_of_tls_is_a_problem(site):
    answer = ask(site[1], "/")
    assert (answer.status, json.loads(answer.body)["code"]) == (400, "request.malformed")
