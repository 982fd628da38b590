"""Rights that are taken away are gone: at once for whoever changes something, within a second for reads."""

import random
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from tests.cast import Staff
from tests.concurrency.race import assert_adds_up, rows, separate_database
from tests.conf.processes import free_port, redis_server
from tests.faults.damage import wait_until
from tests.faults.revoking import REFUSED, Homes, Victim, pairs, watching
from tests.faults.servers import application, gunicorn

BOUND_SECONDS = 1.0
OF_EACH_KIND, OF_EACH_AT_ONCE = 26, 2
AT_ONCE = 8 * OF_EACH_AT_ONCE


@pytest.fixture(scope="module")
def url(database_url):
    with separate_database(database_url, "revoked") as url:
        yield url


@pytest.fixture(scope="module")
def homes(url, settings) -> Homes:
    """Made beside the service, which therefore knows nobody yet."""
    return Homes(Staff(application(settings, url)))


@pytest.fixture(scope="module")
def observed(homes, url, settings, tmp_path_factory) -> list[Victim]:
    """Everybody who lost something, and what they saw, some dozens at a time."""
    port, folder, victims = free_port(), tmp_path_factory.mktemp("revoked"), []
    random.seed(7)

    def lose(victim: Victim, lines) -> None:
        time.sleep(random.uniform(0, 1))  # any moment in the second for which a worker remembers
        victim.revoke(lines)

    with redis_server(free_port(), folder) as redis_url, ExitStack() as stack:
        environment = {"REDIS_URL": redis_url, "ARGON2_MEMORY_KIB": "64", "ARGON2_PASSES": "1"}
        service = stack.enter_context(gunicorn(settings, url, port, folder / "gunicorn", **environment))
        wait_until(lambda: len(service.children()) == 2)
        reading, revoking = (stack.enter_context(pairs(port, service, AT_ONCE)) for _ in range(2))
        pool = stack.enter_context(ThreadPoolExecutor(AT_ONCE))
        for _ in range(OF_EACH_KIND // OF_EACH_AT_ONCE):
            crowd = homes.victims(OF_EACH_AT_ONCE)
            with watching(crowd, reading):
                list(pool.map(lose, crowd, revoking))
                wait_until(lambda crowd=crowd: all(len(asked_late(victim)) == 2 for victim in crowd))
            victims += crowd
    return victims


def asked_late(victim: Victim) -> set[int]:
    """The workers that were asked when the second was over."""
    return {sight.worker for sight in list(victim.seen) if sight.sent > victim.revoked + BOUND_SECONDS}


def test_no_read_is_accepted_a_second_after_the_revocation(observed):
    latest = defaultdict(list)
    for victim in observed:
        latest[victim.kind].append(victim.last_accepted)
    for kind, seconds in latest.items():
        seconds.sort()
        middle, late = seconds[len(seconds) // 2], seconds[len(seconds) * 9 // 10]
        print(f"{kind}: {len(seconds)} trials, median {middle:.3f}, p90 {late:.3f}, at most {seconds[-1]:.3f} s")
    print(f"{len(observed)} trials, {sum(len(victim.seen) for victim in observed)} reads")
    assert len(observed) >= 200
    assert {kind for kind, seconds in latest.items() if seconds[-1] > BOUND_SECONDS} == set()


def test_both_workers_were_asked_until_after_the_second(observed):
    for victim in observed:
        assert len(asked_late(victim)) == 2
        assert {sight.status for sight in victim.seen} <= {200} | REFUSED


def test_the_first_change_after_the_revocation_is_refused(observed, homes):
    """Whichever worker it is sent to."""
    sent = [(victim.kind, status) for victim in observed for status in victim.first_writes]
    print(f"{len(sent)} changes sent")
    assert len(sent) > 4 * 6 * OF_EACH_KIND
    assert {status for _, status in sent} <= REFUSED, sent
    app = homes.staff.app
    assert rows(app, "SELECT id FROM collections") == []
    assert rows(app, "SELECT id FROM units WHERE NOT is_active") == []
    assert_adds_up(app)


def test_the_same_changes_succeed_before(homes):
    """Or their refusal would show nothing."""
    house = homes.home
    for write in house.writes:
        assert 200 <= house.ada.send(write.method, write.path, write.body).status < 300
