"""conf/gunicorn.py, by running gunicorn with it."""

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from tests.conf.processes import PATIENCE_SECONDS, ROOT, SETTINGS, ask, free_port, gunicorn, listens, wait_for


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    return tmp_path_factory.mktemp("gunicorn") / "log"


@pytest.fixture(scope="module")
def port():
    return free_port()


@pytest.fixture(scope="module")
def server(port, log, database_url):
    with gunicorn(port, log, workers=3, DATABASE_URL=database_url) as process:
        yield psutil.Process(process.pid)


def test_port_and_number_of_workers_come_from_the_environment(server, port):
    wait_for(lambda: len(server.children()) == 3)
    assert ask(port, "/").status == 200


def test_a_killed_worker_is_replaced(server, port):
    wait_for(lambda: len(server.children()) == 3)
    victim = server.children()[0].pid
    os.kill(victim, signal.SIGKILL)
    wait_for(lambda: len({child.pid for child in server.children()} - {victim}) == 3)
    assert ask(port, "/").status == 200


def test_no_socket_commands_the_server(server):
    assert [item.laddr for item in server.net_connections("unix") if item.status == psutil.CONN_LISTEN] == []
    assert not any("gunicorn" in str(item.laddr) for item in server.net_connections("unix"))


def test_a_connection_is_kept_for_the_load_balancer(port, server):
    assert ask(port, "/").headers["Connection"] == "keep-alive"


def test_its_log_is_json_and_has_no_access_lines(server, port, log):
    ask(port, "/not-in-the-log")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert {"time", "level", "logger", "message"} <= lines[0].keys()
    assert not any("not-in-the-log" in line["message"] for line in lines)


def test_waiting_for_the_database_does_not_block_a_worker(tmp_path, database_url):
    port = free_port()
    with (
        gunicorn(port, tmp_path / "log", workers=1, DATABASE_URL=database_url),
        ThreadPoolExecutor(4) as clients,
    ):
        ask(port, "/wait-in-database")
        started = time.monotonic()
        answers = list(clients.map(lambda _: ask(port, "/wait-in-database"), range(4)))
        assert time.monotonic() - started < 1.2, "four waits of 0.4 s came one after the other"
    assert [answer.status for answer in answers] == [200] * 4


@pytest.mark.parametrize("everybody", [False, True], ids=["to the master", "to everybody, as Heroku sends it"])
def test_sigterm_lets_requests_finish(tmp_path, everybody):
    port = free_port()
    with gunicorn(port, tmp_path / "log") as process, ThreadPoolExecutor(1) as client:
        ask(port, "/")
        workers = psutil.Process(process.pid).children() if everybody else []
        request = client.submit(ask, port, "/slow")
        time.sleep(0.2)
        for running in [*workers, process]:
            running.terminate()
        assert request.result().json == {"finished": True}
        assert process.wait(PATIENCE_SECONDS) == 0
        assert not listens(port)


def test_what_herokus_buildpack_sets_changes_neither_the_log_nor_what_callers_may_say(tmp_path):
    port, buildpack = free_port(), {"GUNICORN_CMD_ARGS": "--access-logfile -", "FORWARDED_ALLOW_IPS": "*"}
    with gunicorn(port, tmp_path / "log", **buildpack):
        assert ask(port, "/a/b?not-in-the-log", headers={"SCRIPT_NAME": "/a"}).json["path"] == "/a/b"
    assert "not-in-the-log" not in (tmp_path / "log").read_text()
    assert all(json.loads(line) for line in (tmp_path / "log").read_text().splitlines())


@pytest.mark.parametrize("moment", [0, 0.15])
def test_sigterm_is_heeded_while_workers_start(tmp_path, moment):
    with gunicorn(free_port(), tmp_path / "log", workers=2) as process:
        time.sleep(moment)
        process.terminate()
        assert process.wait(PATIENCE_SECONDS) == 0


def test_the_workers_numbers_are_kept_in_a_directory_that_goes_with_the_server(tmp_path):
    with gunicorn(free_port(), tmp_path / "log", TMPDIR=str(tmp_path)) as process:
        wait_for(lambda: list(tmp_path.glob("ofektom-metrics-*")))  # it listens before it makes one
        [made] = tmp_path.glob("ofektom-metrics-*")
        assert made.stat().st_mode & 0o077 == 0
        (made / "counter_1.db").touch()
        process.send_signal(signal.SIGHUP)
        process.terminate()
        assert process.wait(PATIENCE_SECONDS) == 0
    assert not list(tmp_path.glob("ofektom-metrics-*"))


def test_a_directory_that_was_given_is_emptied_of_old_numbers_and_stays(tmp_path):
    given = tmp_path / "numbers"
    given.mkdir()
    (given / "counter_1.db").touch()
    with gunicorn(free_port(), tmp_path / "log", TMPDIR=str(tmp_path), PROMETHEUS_MULTIPROC_DIR=str(given)) as process:
        wait_for(lambda: not list(given.iterdir()))  # it listens before it tidies up
        process.terminate()
        assert process.wait(PATIENCE_SECONDS) == 0
    assert given.exists()
    assert not list(tmp_path.glob("ofektom-metrics-*"))


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"INSTANCES": "9"}, "9 instances of 2 workers may open 450 connections, but PostgreSQL allows 197"),
        ({"DB_PGBOUNCER": "true"}, "statement_timeout is 0 and not 5s"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY must be random"),
    ],
)
def test_what_the_database_cannot_serve_is_refused_in_one_line(database_url, wrong, sentence):
    command = [sys.executable, "-m", "gunicorn", "-c", "conf/gunicorn.py", "tests.conf.tiny_app:app"]
    variables = SETTINGS | {"PORT": str(free_port()), "WEB_CONCURRENCY": "2", "DATABASE_URL": database_url} | wrong
    done = subprocess.run(command, cwd=ROOT, env=os.environ | variables, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    (refusal,) = [line for line in map(json.loads, done.stdout.splitlines()) if line["level"] == "CRITICAL"]
    assert sentence in refusal["message"]
    assert not done.stderr


def test_it_starts_before_its_database(tmp_path):
    port = free_port()
    with gunicorn(port, tmp_path / "log"):
        assert ask(port, "/").status == 200
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert any("cannot ask the database" in line["message"] and line["level"] == "WARNING" for line in lines)


def test_the_master_has_not_imported_what_its_workers_may_have_anew(server):
    """HUP starts workers on the code of then, but what the master had imported they would have from before."""
    assert not [item.path for item in server.memory_maps() if "psycopg2" in item.path]
