"""On Heroku: Procfile and app.json, run with what Heroku adds to them."""

import os
import secrets
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import sqlalchemy as sa

from ofektom import redis_servers
from ofektom.pool import driver_url
from tests.conf.deployment import app_json, procfile
from tests.conf.processes import ROOT, ask, free_port, program, redis_server, running

# The connection limit of the essential plans of Heroku Postgres.
CONNECTIONS = 20
AS_THE_ROUTER_SENDS = {"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "https"}


@pytest.fixture(scope="module")
def small_plan(database_url):
    """A database as the small plans have it: of a role that is no superuser and has 20 connections; its URL."""
    engine = sa.create_engine(driver_url(database_url), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE ROLE small LOGIN CONNECTION LIMIT {CONNECTIONS}"))
        connection.execute(sa.text("CREATE DATABASE small OWNER small"))
    yield database_url.replace("postgresql://postgres@/postgres?", "postgres://small@/small?")
    with engine.connect() as connection:
        connection.execute(sa.text("DROP DATABASE small WITH (FORCE)"))
        connection.execute(sa.text("DROP ROLE small"))
    engine.dispose()


@pytest.fixture(scope="module")
def self_signed_redis(tmp_path_factory):
    """A Redis that speaks TLS only, with a certificate that nobody vouches for; its URL."""
    folder, port = tmp_path_factory.mktemp("tls"), free_port()
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    made = [program("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    made += ["-keyout", str(key), "-out", str(certificate), "-subj", "/CN=redis", "-days", "2"]
    subprocess.run(made, check=True, capture_output=True)
    tls = ["--tls-port", str(port), "--tls-cert-file", str(certificate), "--tls-key-file", str(key)]
    tls += ["--tls-auth-clients", "no", "--requirepass", "p"]
    with redis_server(free_port(), folder, *tls):
        yield f"rediss://:p@127.0.0.1:{port}"


def environment(database: str, redis: str, port: int) -> dict[str, str]:
    """What a dyno's processes are started with: app.json, the add-ons, and Heroku's own; nothing of this machine."""
    asked_for = app_json()["env"]
    generated = {name: secrets.token_hex(32) for name, item in asked_for.items() if item.get("generator") == "secret"}
    ours = {name: item["value"] for name, item in asked_for.items() if "value" in item}
    addons = {"DATABASE_URL": database, "REDIS_URL": redis}
    buildpack = {"WEB_CONCURRENCY": "2", "GUNICORN_CMD_ARGS": "--access-logfile -", "FORWARDED_ALLOW_IPS": "*"}
    system = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONUNBUFFERED": "true"}
    return generated | ours | addons | buildpack | system | {"PORT": str(port), "DYNO": "web.1"}


@contextmanager
def dyno(variables: dict[str, str], output: Path):
    """The web process of the Procfile, as a shell of Heroku starts it."""
    command = ["bash", "-c", f"exec {' '.join(procfile()['web'])}"]
    port = int(variables["PORT"])
    with running(command, port, output, cwd=ROOT, env=variables):
        with suppress(TimeoutError):  # its workers may take more than ten seconds to boot on a busy machine
            ask(port, "/livez")
        yield port


def test_the_release_migrates_and_the_web_process_serves(small_plan, self_signed_redis, tmp_path):
    variables = environment(small_plan, self_signed_redis, free_port())
    release = ["bash", "-c", " ".join(procfile()["release"])]
    subprocess.run(release, cwd=ROOT, env=variables, check=True, capture_output=True)
    with dyno(variables, tmp_path / "log") as port:
        assert ask(port, "/readyz", headers=AS_THE_ROUTER_SENDS).status == 200
        health = ask(port, "/health", headers=AS_THE_ROUTER_SENDS).json
        assert (health["status"], health["redis"]) == ("healthy", "connected")
        outsider = {"X-Forwarded-For": "127.0.0.1, 203.0.113.7", "X-Forwarded-Proto": "https"}
        assert ask(port, "/health", headers=outsider).status == 404, "only the router's own word counts"
        healthcheck = [sys.executable, "deploy/healthcheck.py"]
        assert subprocess.run(healthcheck, cwd=ROOT, env=variables, check=False).returncode == 0
    assert subprocess.run(healthcheck, cwd=ROOT, env=variables, check=False).returncode == 1, "nobody is there"


@pytest.mark.parametrize("verify", [False, True])
def test_a_redis_that_nobody_vouches_for_is_used_only_where_that_is_allowed(self_signed_redis, verify):
    config = {"REDIS_URL": self_signed_redis, "REDIS_CLUSTER": (), "REDIS_SENTINELS": (), "REDIS_PASSWORD": ""}
    [server] = redis_servers.connect(config | {"REDIS_TLS_VERIFY": verify}).all()
    [answer] = server.send([("PING",)])
    assert redis_servers.is_answer(answer) is not verify


def test_a_pool_larger_than_the_small_plan_is_refused(small_plan, self_signed_redis, tmp_path):
    variables = environment(small_plan, self_signed_redis, free_port()) | {"DB_POOL_SIZE": "20"}
    command = ["bash", "-c", " ".join(procfile()["web"])]
    done = subprocess.run(command, cwd=ROOT, env=variables, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert "may open 26 connections, but PostgreSQL allows 20" in done.stdout


def test_the_manifest_has_only_what_heroku_knows():
    known = {"name", "description", "keywords", "website", "repository", "logo", "success_url", "scripts", "env"}
    known |= {"addons", "buildpacks", "environments", "formation", "stack", "image"}  # devcenter.heroku.com, app.json
    manifest = app_json()
    assert manifest.keys() <= known
    assert manifest["formation"].keys() <= procfile().keys()
    for item in manifest["env"].values():
        assert item.keys() in ({"description", "value"}, {"description", "generator"})
