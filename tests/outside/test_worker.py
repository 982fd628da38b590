"""Workers that are killed between the carrier's answer and their commit, stopped in mid-call, and several."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from datetime import timedelta

import pytest

from ofektom import delivering
from ofektom.extensions import db
from tests.concurrency.race import together
from tests.conf.processes import ROOT, wait_for
from tests.outside.conftest import API_KEY
from tests.outside.stand_ins import accepted, slow

ROWS = 24


@pytest.fixture
def environment(house, termii) -> dict[str, str]:
    """What a worker's process is told."""
    settings = house.settings
    return os.environ | {
        "OFEKTOM_ENV": "test",
        "DATABASE_URL": settings.database_url,
        "SECRET_KEY": settings.secret_key,
        "PIN_PEPPER": settings.pin_pepper,
        "TERMII_API_KEY": API_KEY,
        "TERMII_URL": termii.url,
        "SMS_SENDER": "AdaThrift",
    }


@contextmanager
def running(environment: dict, **more: str):
    """`flask deliver` in a process of its own."""
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "deliver"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(command, cwd=ROOT, env=environment | more, **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_worker_killed_before_its_commit_costs_one_sms_more_and_loses_none(house, account, termii, environment):
    victims = []

    def accept_and_kill(handler):
        victims[0].send_signal(signal.SIGKILL)
        victims[0].wait()
        accepted(handler)

    house.cast.mark(account)
    house.cast.mark(account, days=2)
    termii.plan = [accept_and_kill]
    with running(environment) as process:
        victims.append(process)
        assert process.wait(60) == -signal.SIGKILL
    assert [row[1:3] for row in house.states()] == [("waiting", 1), ("waiting", 0)]
    house.deliver()
    assert len(termii.calls) == 1, "the lease of the dead worker is not over, and the second SMS comes after the first"
    for _ in range(2):
        house.deliver(after=timedelta(seconds=61))
    first, again, second = termii.texts
    assert first == again
    assert second != first
    assert [row[1:3] for row in house.states()] == [("sent", 2), ("sent", 1)]


def test_a_worker_that_is_told_to_stop_ends_what_it_has_begun(house, account, termii, environment):
    begun = threading.Event()

    def take_a_while(handler):
        begun.set()
        slow(0.7, accepted)(handler)

    termii.usual = take_a_while
    house.cast.mark(account)
    with running(environment) as process:
        assert begun.wait(60)
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert '"stopped"' in said
    assert [row[1] for row in house.states()] == ["sent"]
    assert API_KEY not in said
    assert house.settings.pin_pepper not in said


def test_several_workers_never_send_the_same_twice(house, termii):
    cast = house.cast
    accounts = [cast.open_account(customer) for customer in (cast.funke, cast.gbenga, cast.hauwa, cast.ike)]
    for number in range(ROWS):
        cast.mark(accounts[number % 4], by=cast.ada)
    termii.usual = slow(0.01, accepted)

    def work():
        deadline = time.monotonic() + 60
        with house.app.app_context():
            while time.monotonic() < deadline:
                delivering.deliver_all()
                db.session.remove()
                if len(termii.calls) >= ROWS:
                    return

    together(work, work, work)
    assert len(termii.calls) == ROWS
    assert len({call.body for call in termii.calls}) == ROWS
    assert {row[1:3] for row in house.states()} == {("sent", 1)}
    for phone in {call.json["to"] for call in termii.calls}:
        mine = [call.json["sms"] for call in termii.calls if call.json["to"] == phone]
        balances = [int(text.partition("Balance NGN ")[2].partition(".")[0].replace(",", "")) for text in mine]
        assert balances == sorted(balances)
        assert len(balances) == ROWS // 4


def test_a_worker_waits_for_a_database_that_is_away(environment):
    with running(environment, DATABASE_URL="postgresql://ofektom@127.0.0.1:1/ofektom") as process:
        lines = []
        reader = threading.Thread(target=lambda: lines.extend(process.stdout), daemon=True)
        reader.start()
        wait_for(lambda: any("cannot deliver at the moment" in line for line in lines))
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        reader.join(10)
