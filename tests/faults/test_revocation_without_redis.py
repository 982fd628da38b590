"""What is revoked stays revoked when Redis dies, lies or keeps what it should have forgotten: within 30 seconds."""

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from ofektom.freshness import ASK_SECONDS
from tests.cast import Staff
from tests.concurrency.race import assert_adds_up, rows, separate_database
from tests.conf.processes import free_port
from tests.faults.damage import wait_until
from tests.faults.harming import Redis
from tests.faults.revoking import REFUSED, Homes, Victim, pairs, watching
from tests.faults.servers import application, gunicorn

BOUND_SECONDS = 30
CALM_SECONDS = 2.5  # of refusals only, after which nothing is expected to come back
FREEZE_SECONDS = 3
SERVICES = 3
PAUSE_SECONDS = 0.12
# Small pools: the services share a server.
ENVIRONMENT = {"ARGON2_MEMORY_KIB": "64", "ARGON2_PASSES": "1", "DB_POOL_SIZE": "4", "DB_POOL_OVERFLOW": "8"}


@dataclass
class Observed:
    """What the victims of one harm saw, and which of their copies could still be read when they had lost all."""

    victims: list[Victim]
    stale: set[bytes]


@contextmanager
def killed(redis: Redis, stale: set) -> Iterator[None]:
    redis.kill()
    yield


@contextmanager
def frozen(redis: Redis, stale: set) -> Iterator[None]:
    with redis.frozen():
        yield
        time.sleep(FREEZE_SECONDS)


@contextmanager
def flushed(redis: Redis, stale: set) -> Iterator[None]:
    with redis.flushed():
        yield
        time.sleep(FREEZE_SECONDS)


@contextmanager
def denied(redis: Redis, stale: set) -> Iterator[None]:
    """Neither overwritten nor deleted: the service may read what there is, and nothing else."""
    before = redis.raw()
    redis.allow("-@all", "+get", "+mget", "+ping", "+client", "+select")
    yield
    stale |= {key for key, value in redis.raw().items() if before.get(key) == value}


@contextmanager
def restored(redis: Redis, stale: set) -> Iterator[None]:
    """An old snapshot comes back."""
    before, snapshot = redis.raw(), redis.dumped()
    yield
    redis.restore(snapshot)
    stale |= {key for key, value in redis.raw().items() if before.get(key) == value}


@contextmanager
def refilled(redis: Redis, stale: set) -> Iterator[None]:
    """Readers who had read the old rows keep them after the tombstones have gone; their copies are sealed and valid."""
    before = redis.raw()
    yield
    with redis.client.pipeline() as pipe:
        for key, value in before.items():
            pipe.delete(key)
            pipe.set(key, value, ex=600)
        pipe.execute()
    stale |= {key for key, value in redis.raw().items() if before.get(key) == value}


HARMS = {
    "killed": killed,
    "frozen": frozen,
    "flushed": flushed,
    "denied": denied,
    "restored": restored,
    "refilled": refilled,
}
LEAVE_STALE_COPIES = {"denied", "restored", "refilled"}


@pytest.fixture(scope="module")
def url(database_url):
    with separate_database(database_url, "unforgotten") as url:
        yield url


@pytest.fixture(scope="module")
def homes(url, settings) -> Homes:
    return Homes(Staff(application(settings, url)))


@pytest.fixture(scope="module")
def observed(homes, url, settings, tmp_path_factory) -> dict[str, Observed]:
    """Three services at the same time, each with two of the harms one after the other."""
    crowds = {harm: homes.victims(1) for harm in HARMS}
    folder, harms = tmp_path_factory.mktemp("unforgotten"), list(HARMS)
    with ThreadPoolExecutor(SERVICES) as pool:
        jobs = [
            pool.submit(suffer, {harm: crowds[harm] for harm in harms[n::SERVICES]}, settings, url, folder / str(n))
            for n in range(SERVICES)
        ]
        return {harm: seen for job in jobs for harm, seen in job.result().items()}


def suffer(crowds: dict[str, list[Victim]], settings, url, folder) -> dict[str, Observed]:
    """Let a service's victims lose what they have while its Redis is harmed."""
    redis, port, observed = Redis(folder), free_port(), {}
    environment = {"REDIS_URL": redis.url} | ENVIRONMENT
    with gunicorn(settings, url, port, folder / "gunicorn", **environment) as service:
        wait_until(lambda: len(service.children()) == 2)
        for harm, victims in crowds.items():
            with redis.running(), pairs(port, service, 2 * len(victims)) as lines:
                observed[harm] = revoked_during(harm, victims, redis, lines[::2], lines[1::2])
    return observed


def revoked_during(harm: str, victims: list[Victim], redis: Redis, reading: list, revoking: list) -> Observed:
    """Take everything away and watch until everybody is refused, or too long."""
    stale: set[bytes] = set()
    with watching(victims, reading, pause=PAUSE_SECONDS):
        wait_until(lambda: all(copied(victim, redis.raw()) for victim in victims))
        with HARMS[harm](redis, stale), ThreadPoolExecutor(len(victims)) as pool:
            list(pool.map(Victim.revoke, victims, revoking))
        harmed = time.monotonic()
        while time.monotonic() < harmed + BOUND_SECONDS + 2:
            time.sleep(0.2)
            has_been_long = time.monotonic() > harmed + ASK_SECONDS + CALM_SECONDS
            if has_been_long and all(victim.refused_for() > CALM_SECONDS for victim in victims):
                break
        for victim in victims:
            victim.calm = victim.refused_for()
    return Observed(victims, stale)


def copied(victim: Victim, keys: Iterable[bytes]) -> bool:
    """Whether there are copies of all three facts about somebody among the keys."""
    of_user = [key for key in keys if f"{{{victim.user_id}}}".encode() in key]
    return {key.split(b":")[1] for key in of_user} >= {b"session", b"user", b"businesses"}


@pytest.mark.parametrize("harm", HARMS)
def test_nobody_gets_in_for_long(observed, harm):
    latest = {victim.kind: round(victim.last_accepted, 2) for victim in observed[harm].victims}
    print(f"{harm}: {latest}")
    for victim in observed[harm].victims:
        assert victim.last_accepted <= BOUND_SECONDS, victim.kind
        assert victim.calm > CALM_SECONDS, victim.kind
        assert {sight.status for sight in victim.seen} <= {200} | REFUSED


@pytest.mark.parametrize("harm", HARMS)
def test_no_change_gets_in_at_all(observed, harm, homes):
    sent = [(victim.kind, status) for victim in observed[harm].victims for status in victim.first_writes]
    assert len(sent) == 26
    assert {status for _, status in sent} <= REFUSED, sent
    app = homes.staff.app
    assert rows(app, "SELECT id FROM collections") == []
    assert rows(app, "SELECT id FROM units WHERE NOT is_active") == []
    assert_adds_up(app)


@pytest.mark.parametrize("harm", LEAVE_STALE_COPIES)
def test_the_stale_copies_could_be_read_all_the_same(observed, harm):
    """Or the first test would show nothing."""
    assert all(copied(victim, observed[harm].stale) for victim in observed[harm].victims)
