"""The faults, a kind at a time: each is done to the site again and again while people act on it."""

import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from bench.faults.acts import Load
from bench.faults.checks import Findings, check_books, compare, replay, state
from bench.faults.site import BOOT_SECONDS, Site
from tests.conf.processes import wait_for
from tests.kernel.test_caching import poisons

BATCHES = 10  # after each of which everybody rests and the books are looked at
CUT_SHARE = 0.35
AFTER_A_REDIS_FAULT = 0.3  # seconds: long enough for some dozen requests to meet it


class Kind(NamedTuple):
    """What is done, how often for each N, and how."""

    what: str
    per_n: int
    harm: Callable[[Site, "Told", int], None]


@dataclass
class Told:
    """What came of the faults of a kind."""

    faults: Counter[str] = field(default_factory=Counter)
    recovered: list[float] = field(default_factory=list)  # seconds until the next act was acknowledged


def kill_workers(site: Site, told: Told, times: int) -> None:
    """Kill -9 of one of the two workers; the next one as soon as there are two again."""
    for _ in range(times):
        wait_for(lambda: len(site.server.children()) == 2, BOOT_SECONDS)
        site.random.choice(site.server.children()).kill()
        told.faults["worker kill -9"] += 1
        told.recovered.append(site.goes_on())


def kill_postgres(site: Site, told: Told, times: int) -> None:
    """Kill -9 of the whole cluster, at a moment drawn by lot, and its start on the same data."""
    for _ in range(times):
        time.sleep(site.random.uniform(0.1, 0.6))
        site.postgres.kill()
        site.postgres.start()
        told.faults["PostgreSQL kill -9"] += 1
        told.recovered.append(site.goes_on(10))


def cut_commits(site: Site, told: Told, times: int) -> None:
    """Connections lost at COMMIT: before it arrives, after it was carried out, with a FIN or an RST; or just late.

    Those that are late are no cuts.
    """
    before, site.proxy.share = Counter(site.proxy.done), CUT_SHARE

    def cuts() -> int:
        done = site.proxy.done - before
        return sum(number for harm, number in done.items() if harm != "late")

    try:
        deadline = time.monotonic() + BOOT_SECONDS + times
        wait_for(lambda: cuts() >= times or time.monotonic() > deadline, BOOT_SECONDS + times + 1)
    finally:
        site.proxy.share = 0.0
    for harm, number in (site.proxy.done - before).items():
        told.faults[f"COMMIT {harm}"] += number
    told.recovered.append(site.goes_on())


@contextmanager
def killed(site: Site) -> Iterator[None]:
    with site.redis.running():
        site.goes_on(2)
        site.redis.kill()
        yield


@contextmanager
def frozen(site: Site) -> Iterator[None]:
    with site.redis.running():
        site.goes_on(2)
        with site.redis.frozen():
            yield


@contextmanager
def flushed(site: Site) -> Iterator[None]:
    with site.redis.running(), site.redis.flushed(0.05):
        yield


@contextmanager
def poisoned(site: Site) -> Iterator[None]:
    """A value of somebody else's under each key."""
    with site.redis.running():
        site.goes_on(10)
        for key, value in zip(site.redis.raw(), itertools.cycle(poisons().values())):
            site.redis.client.set(key, value)
        yield


@contextmanager
def slow(site: Site) -> Iterator[None]:
    with site.redis.running(late=site.random.choice((0.03, 0.08))):
        yield


REDIS_HARMS = (killed, frozen, flushed, poisoned, slow)


def harm_redis(site: Site, told: Told, times: int) -> None:
    """One harm after the other, each on a Redis that has just come."""
    for _ in range(times):
        harm = REDIS_HARMS[told.faults.total() % len(REDIS_HARMS)]
        with harm(site):
            time.sleep(AFTER_A_REDIS_FAULT)
            told.recovered.append(site.goes_on())
        told.faults[f"Redis {harm.__name__}"] += 1


KINDS = {
    "workers": Kind("worker kill -9", 5, kill_workers),
    "postgres": Kind("PostgreSQL kill -9", 1, kill_postgres),
    "commits": Kind("connection cut at COMMIT", 50, cut_commits),
    "redis": Kind("Redis killed, frozen, flushed, poisoned, slow", 5, harm_redis),
}


def run(site: Site, name: str, times: int, minutes: float, say: Callable[[str], None]) -> dict:
    """Do a kind of fault so often, in batches, of which none begins after so many minutes; the figures."""
    kind, told, findings, began = KINDS[name], Told(), Findings(), time.monotonic()
    journal = site.journal
    journal.begin()
    before = state(site.cast, site.accounts)
    for batch in range(BATCHES):
        share = times * (batch + 1) // BATCHES - times * batch // BATCHES
        if not share or time.monotonic() > began + minutes * 60:
            continue
        with Load(site.people):
            site.goes_on(10)
            kind.harm(site, told, share)
        check_books(findings, site.cast, f"{name}, batch {batch + 1}")
        compare(findings, site.cast, journal, site.accounts, before)
        say(f"  {sum(told.faults.values())} faults, {journal.acknowledged} acts, {findings.total} findings")
    wait_for(site.is_up, BOOT_SECONDS)
    replay(findings, journal, site.port, site.random)
    compare(findings, site.cast, journal, site.accounts, before)
    return figures(kind, told, findings, journal) | {"seconds": round(time.monotonic() - began, 1)}


def figures(kind: Kind, told: Told, findings: Findings, journal) -> dict:
    """What is told of a kind."""
    return {
        "what": kind.what,
        "faults": dict(sorted(told.faults.items())),
        "acts acknowledged": journal.acknowledged,
        "acts by kind": dict(Counter(act.kind for act, body, _ in journal.known.values() if body is not None)),
        "tries that told nothing": dict(journal.apologies),
        "asked again": findings.replayed,
        "longest without an acknowledged act, s": round(max(told.recovered, default=0), 2),
        "flask verify runs": findings.verified,
        "lost": findings.lost[:20],
        "doubled": findings.doubled[:20],
        "wrong answers": findings.wrong[:20],
        "unbalanced": findings.unbalanced[:20],
    }
