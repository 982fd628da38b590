"""An import that is killed in the middle, or whose server is, has done nothing, and can be begun again."""

import json
import subprocess
import sys
from contextlib import closing, contextmanager

import psycopg2
import pytest

from local.postgres import embedded
from tests.cast import Cast, Staff
from tests.concurrency.race import assert_adds_up
from tests.conf.processes import ROOT, wait_for
from tests.faults.servers import application, environment, kill, postmaster
from tests.isolation.withheld import row_counts
from tests.sheets import row, sheet

CARDS = 300
# Imports write terms when customers and accounts are there already, and their money is not.
IN_THE_WAY = "LOCK TABLE savings_terms IN SHARE MODE"
ACTIVE = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'ofektom'"
WAITING = f"{ACTIVE} AND wait_event_type = 'Lock' AND query LIKE '%INSERT INTO savings_terms%'"
BUSY = f"{ACTIVE} AND state <> 'idle'"


@pytest.fixture
def data_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("importing") / "data"


@contextmanager
def importing(cast, settings, url: str, file):
    """`flask import` in a process of its own, which is the caller's to end."""
    arguments = ["import", str(file), "--business", str(cast.business_id), "--json"]
    command = [sys.executable, "-m", "flask", "--app", "wsgi", *arguments]
    patient = environment(settings, url, 0) | {"DB_LOCK_TIMEOUT_MS": "60000"}
    with subprocess.Popen(command, cwd=ROOT, env=patient, stdout=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def count(url: str, query: str) -> int:
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchone()[0]


def test_nothing_is_half_imported_whatever_is_killed(data_dir, settings, tmp_path):
    """On a server that writes as durably as in production."""
    file = tmp_path / "cards.csv"
    with embedded(data_dir) as url:
        cast = Cast(Staff(application(settings, url)))
        rows = (row(cast.chidi, days_paid=2, opening_balance=50_000, held_in="agent_cash") for _ in range(CARDS))
        file.write_bytes(sheet(*rows))
        before = row_counts(cast.app)
        with closing(psycopg2.connect(url)) as other, importing(cast, settings, url, file) as process:
            other.cursor().execute(IN_THE_WAY)
            wait_for(lambda: count(url, WAITING) == 1, 60)
            process.kill()
            process.wait()
            other.rollback()
            wait_for(lambda: count(url, BUSY) == 0, 60)
        assert row_counts(cast.app) == before
        with closing(psycopg2.connect(url)) as other, importing(cast, settings, url, file) as process:
            other.cursor().execute(IN_THE_WAY)
            wait_for(lambda: count(url, WAITING) == 1, 60)
            kill(postmaster(data_dir))
            said = json.loads(process.stdout.read())
            assert (process.wait(), said["code"]) == (1, "database.unavailable")
    with embedded(data_dir) as url:
        assert row_counts(cast.app) == before
        with importing(cast, settings, url, file) as process:
            said = json.loads(process.stdout.read())
            assert (process.wait(), said.get("accounts")) == (0, CARDS), said
        assert_adds_up(cast.app)
