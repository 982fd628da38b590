"""Whatever happens to Redis, the answers are the same, byte for byte, and hardly slower; what is written adds up."""

import itertools
import re
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from tests.cast import Cast, Staff
from tests.concurrency.race import assert_adds_up, separate_database
from tests.conf.processes import free_port
from tests.faults.damage import wait_until
from tests.faults.harming import Redis
from tests.faults.revoking import Line, pairs
from tests.faults.servers import application, gunicorn
from tests.isolation.matrix import cells, endpoint_of
from tests.isolation.people import personas
from tests.isolation.world import World
from tests.kernel.test_caching import poisons

# What they answer depends on the moment they are asked: a PDF says when it was made, and where to check it.
MOMENTARY = {"ops.health", "ops.numbers", "documents.receipt_pdf", "documents.statement_pdf"}
# Sums over all businesses, that of the writes below too.
MOMENTARY |= {"figures.platform"}
AT_ONCE = 6
TIMED, BURST = 100, 4
# Medians. A poison may be a megabyte long.
MOST_SLOWER_SECONDS = {"absent": 0.005, "killed": 0.005, "frozen": 0.010, "flushed": 0.010, "poisoned": 0.020}
LONGEST_SECONDS = 0.5
_spaces = itertools.count(1)


@dataclass(frozen=True)
class Get:
    """A GET of somebody."""

    who: str
    path: str
    token: str | None

    def send(self, line: Line, *, anew: bool) -> tuple[int, bytes]:
        """Ask; `anew` in a header that the worker has not seen before, so that it asks Redis who is calling."""
        spaces = " " * (1 + next(_spaces) % 500 if anew else 1)
        headers = {"X-Request-ID": "always-the-same"}
        if self.token:
            headers["Authorization"] = f"Bearer{spaces}{self.token}"
        return line.send("GET", self.path, headers)


class Service:
    """The service, what everybody may ask it, and somebody whose money moves while nobody else looks at it."""

    def __init__(self, world: World, walker: Cast, lines: list[tuple[Line, Line]], redis: Redis):
        self.walker, self.lines, self.redis = walker, lines, redis
        self.gets = everything_to_get(world)
        self.who_am_i = [get for get in self.gets if get.path == "/api/v1/auth/me"]
        self.account = walker.open_account(walker.funke, cycle_days=366)
        walker.mark(self.account, days=30)

    def answers(self, gets: list[Get] | None = None, *, anew: bool = True) -> dict[Get, tuple[int, bytes]]:
        """What every GET is answered, several at once and each by one of the workers."""
        gets = self.gets if gets is None else gets
        lanes = [line for pair in self.lines for line in pair]

        def drive(number: int) -> list:
            return [(get, get.send(lanes[number], anew=anew)) for get in gets[number :: len(lanes)]]

        with ThreadPoolExecutor(len(lanes)) as crowd:
            return dict(itertools.chain(*crowd.map(drive, range(len(lanes)))))

    def seconds(self) -> list[float]:
        """How long one caller waits each time, who is looked up each time."""
        get, taken = Get("chidi", "/api/v1/auth/me", self.walker.chidi.token), []
        for number in range(TIMED):
            began = time.perf_counter()
            assert get.send(self.lines[0][number % 2], anew=True)[0] == 200
            taken.append(time.perf_counter() - began)
        return taken

    def writes(self) -> list[int]:
        """Markings and a request for money: the statuses."""
        path, money = f"/api/v1/savings/{self.account['id']}/markings", {"account_id": self.account["id"]}
        chidi, funke = self.walker.chidi.token, self.walker.funke.token
        asked = [line.ask("POST", path, chidi, {"days": 1})[0] for pair in self.lines[:BURST] for line in pair]
        return [*asked, self.lines[0][0].ask("POST", "/api/v1/payments", funke, money | {"amount": 1_000})[0]]


def everything_to_get(world: World) -> list[Get]:
    """All that everybody may ask for, and what they are refused: every GET of the API."""
    people, gets = personas(world), {}
    for name, function in sorted(world.app.view_functions.items()):
        view = getattr(function, "view", None)
        if view is None or view.page or view.methods != ("GET",) or name in MOMENTARY:
            continue
        for cell in cells(world, people, endpoint_of(world.app, name)):
            foreign = cell.about.startswith("other tenant") and cell.persona.name in ("customer", "agent")
            if cell.about.startswith("own") or foreign:
                query = "&".join(f"{key}={value}" for key, value in cell.query.items())
                path = f"{cell.path}?{query}" if query else cell.path
                gets[cell.persona.name, path] = Get(cell.persona.name, path, cell.persona.client.token)
    return list(gets.values())


@contextmanager
def absent(service: Service) -> Iterator[None]:
    """Redis is not there any more, in between others."""
    yield


@contextmanager
def killed(service: Service) -> Iterator[None]:
    with service.redis.running():
        known_keys(service)
        service.redis.kill()
        yield


@contextmanager
def frozen(service: Service) -> Iterator[None]:
    with service.redis.running():
        known_keys(service)
        with service.redis.frozen():
            yield


@contextmanager
def flushed(service: Service) -> Iterator[None]:
    with service.redis.running(), service.redis.flushed(0.2):
        yield


@contextmanager
def poisoned(service: Service) -> Iterator[None]:
    """A different value of somebody else's under each key."""
    with service.redis.running():
        keys = known_keys(service)
        for key, value in zip(keys, itertools.cycle(poisons().values())):
            service.redis.client.set(key, value)
        yield


@contextmanager
def moved(service: Service) -> Iterator[None]:
    """Under each key the valid entry of another one of its kind."""
    with service.redis.running():
        known_keys(service)
        move_entries(service.redis)
        yield


@contextmanager
def slow(service: Service) -> Iterator[None]:
    """Within what a socket waits."""
    with service.redis.running(late=0.030):
        yield


@contextmanager
def too_slow(service: Service) -> Iterator[None]:
    with service.redis.running(late=0.080):
        yield


HARMS: dict[str, Callable] = {
    harm.__name__: harm for harm in (absent, killed, frozen, flushed, poisoned, moved, slow, too_slow)
}


def known_keys(service: Service) -> list[bytes]:
    """The keys of everybody's copies, which are all there."""
    wait_until(lambda: breaker_is_closed(service))
    service.answers(service.who_am_i)
    keys = sorted(service.redis.raw())
    assert {key.split(b":")[1] for key in keys} >= {b"session", b"user", b"businesses"}
    return keys


def breaker_is_closed(service: Service) -> bool:
    """Whether both workers use Redis again: what they look up leaves a copy."""
    for line in service.lines[0]:
        service.redis.client.flushall()
        Get("chidi", "/api/v1/auth/me", service.walker.chidi.token).send(line, anew=True)
        if not service.redis.raw():
            return False
    return True


def move_entries(redis: Redis) -> None:
    found = redis.raw()
    by_kind = itertools.groupby(sorted(found), key=lambda key: key.split(b":")[1])
    for _, keys in by_kind:
        keys = list(keys)
        for key, other in zip(keys, keys[1:] + keys[:1], strict=True):
            redis.client.set(key, found[other], ex=600)


@pytest.fixture(scope="module")
def url(database_url):
    with separate_database(database_url, "harmed") as url:
        yield url


@pytest.fixture(scope="module")
def service(url, settings, tmp_path_factory) -> Iterator[Service]:
    """The service, started without any Redis."""
    app = application(settings, url)
    staff, folder, port = Staff(app), tmp_path_factory.mktemp("harmed"), free_port()
    world, redis = World(staff), Redis(folder)
    with gunicorn(settings, url, port, folder / "gunicorn", REDIS_URL=redis.url) as server:
        wait_until(lambda: len(server.children()) == 2)
        with pairs(port, server, AT_ONCE) as lines:
            yield Service(world, Cast(staff, name="Third Thrift"), lines, redis)


@pytest.fixture(scope="module")
def healthy(service) -> dict[Get, tuple[int, bytes]]:
    """What everybody is answered while Redis is well, the second time, by what it keeps."""
    service.at_start = service.answers()
    with service.redis.running():
        wait_until(lambda: breaker_is_closed(service))
        service.answers()
        answers = service.answers()
        service.healthy_seconds = service.seconds()
        assert {key.split(b":")[1] for key in service.redis.raw()} >= {b"session", b"user", b"businesses"}
    return answers


def test_there_is_something_to_compare(healthy, service):
    paths = {re.sub(r"\d+", "N", get.path.partition("?")[0]) for get in healthy}
    statuses = {status for status, _ in healthy.values()}
    print(f"{len(healthy)} GETs of {len({get.who for get in healthy})} people, {len(paths)} paths, {statuses}")
    assert len(healthy) > 300
    assert statuses == {200, 401, 403, 404}


def test_before_there_has_ever_been_a_redis_the_answers_are_the_same(service, healthy):
    differing = {get: (healthy[get], answer) for get, answer in service.at_start.items() if answer != healthy[get]}
    assert differing == {}


@pytest.mark.parametrize("harm", HARMS)
def test_everybody_is_answered_the_same(service, healthy, harm):
    with HARMS[harm](service):
        answers = service.answers(anew=harm != "slow")
        if harm in MOST_SLOWER_SECONDS:
            taken, before = service.seconds(), statistics.median(service.healthy_seconds)
            again = service.seconds()  # others may share the machine
            slower = min(statistics.median(taken), statistics.median(again)) - before
            print(f"{harm}: median {before * 1000:.1f} + {slower * 1000:.1f} ms, at most {max(taken) * 1000:.0f} ms")
            assert slower < MOST_SLOWER_SECONDS[harm]
            assert max(taken) < LONGEST_SECONDS
        written = service.writes()
    differing = {get: (healthy[get], answer) for get, answer in answers.items() if answer != healthy[get]}
    assert differing == {}
    assert set(written) == {201}
    assert_adds_up(service.walker.app)


@pytest.mark.parametrize("name", poisons())
def test_no_poison_is_swallowed(service, healthy, name):
    """Under every key, for everybody who asks who they are."""
    gets = service.who_am_i
    with service.redis.running():
        for key in known_keys(service):
            service.redis.client.set(key, poisons()[name])
        answers = service.answers(gets)
    assert answers == {get: healthy[get] for get in gets}
