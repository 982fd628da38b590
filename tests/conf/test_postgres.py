"""The embedded PostgreSQL of `make run` and of the tests."""

import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import psutil
import psycopg2

from local.postgres import embedded
from tests.conf.processes import ROOT

USER = """
import sys, time
from pathlib import Path
from local.postgres import embedded
with embedded(Path(sys.argv[1]), fast=True) as url:
    print(url, flush=True)
    time.sleep(60)
"""


def query(url: str, sql: str) -> list[tuple]:
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(sql)
        rows = cursor.fetchall()
        connection.commit()
        return rows


def server_of(data_dir: Path) -> int:
    return int((data_dir / "postmaster.pid").read_text().splitlines()[0])


def test_data_outlives_the_server_which_is_durable_and_has_no_port(tmp_path):
    data_dir = tmp_path / "data"
    with embedded(data_dir) as url:
        assert query(url, "SELECT current_setting('fsync'), current_setting('listen_addresses')") == [("on", "")]
        assert query(url, "CREATE TABLE kept AS SELECT 7 AS value; SELECT value FROM kept") == [(7,)]
        server = server_of(data_dir)
    assert not psutil.pid_exists(server)
    with embedded(data_dir) as url:
        assert query(url, "SELECT value FROM kept") == [(7,)]


def test_the_last_user_stops_the_server(tmp_path):
    data_dir = tmp_path / "data"
    with embedded(data_dir, fast=True):
        with embedded(data_dir, fast=True) as url:
            server = server_of(data_dir)
        assert query(url, "SELECT 1") == [(1,)]
    assert not psutil.pid_exists(server)


def test_a_killed_user_leaves_a_server_that_the_next_one_stops(tmp_path):
    data_dir = tmp_path / "data"
    with subprocess.Popen([sys.executable, "-c", USER, data_dir], cwd=ROOT, stdout=subprocess.PIPE) as user:
        url = user.stdout.readline().decode().strip()
        user.kill()
    server = psutil.Process(server_of(data_dir))
    assert query(url, "SELECT 1") == [(1,)]
    with embedded(data_dir, fast=True) as same:
        assert same == url
    assert not server.is_running() or server.status() == psutil.STATUS_ZOMBIE


def test_a_stale_pid_file_with_the_number_of_another_program_is_no_hindrance(tmp_path):
    data_dir = tmp_path / "data"
    with subprocess.Popen([sys.executable, "-c", USER, data_dir], cwd=ROOT, stdout=subprocess.PIPE) as user:
        user.stdout.readline()
        user.kill()
    server = psutil.Process(server_of(data_dir))
    server.send_signal(signal.SIGKILL)
    pid_file = data_dir / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    with subprocess.Popen(["sleep", "60"]) as other:
        pid_file.write_text("\n".join([str(other.pid), *lines[1:]]) + "\n")
        with embedded(data_dir, fast=True) as url:
            assert query(url, "SELECT 1") == [(1,)]
        assert other.poll() is None
        other.kill()


def test_a_path_too_long_for_a_socket_will_do(tmp_path):
    data_dir = tmp_path / ("long " * 20) / "data"
    with embedded(data_dir, fast=True) as url:
        assert query(url, "SELECT 1") == [(1,)]
