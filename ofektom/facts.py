"""Copies of facts in the cache, believed only as long as `freshness` spares them.

A copy says which facts it is made of and how fresh it was. What changes a fact calls `forget` in its transaction: after
the commit a tombstone replaces the copies, which a slower reader's refill does not overwrite. Should the tombstone be
lost with Redis, `freshness` finds the copy stale on its own, within seconds.
"""

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from flask import current_app

from ofektom import database
from ofektom.caching import get_cache
from ofektom.flights import Flights
from ofektom.freshness import LONGEST_LIFE_SECONDS, changes

GONE = "gone"
# Added to the longest request: a refill that began before the tombstone has ended before it is lifted.
TOMBSTONE_MARGIN_SECONDS = 2

_flights = Flights()


class Generation:
    """Counts what this process has forgotten: what is derived from facts is void when the count has moved."""

    count = 0


class Fact(NamedTuple):
    """A fact as it was read: JSON-able data (None: there is no such row) and the other facts it is made of."""

    data: dict | list | None
    also_of: tuple[str, ...] = ()


class Reading(NamedTuple):
    """Facts by name, read by one statement, with its `freshness.HORIZON`."""

    horizon: int
    facts: dict[str, Fact]


def look_up(lives: Mapping[str, float], read: Callable[[], Reading]) -> dict:
    """The data of the facts named in `lives` (name -> seconds a copy may live), from one cache command or from `read`.

    `read` reads all of them with one statement; it runs once for all who miss at the same time.
    """
    copies = get_cache().get_many(*lives)
    known = {name: _believed(name, life, copy) for (name, life), copy in zip(lives.items(), copies, strict=True)}
    if all(known.values()):
        return {name: fact.data for name, fact in known.items()}
    found = zip(lives, copies, strict=True)
    stale = {name: copy for name, copy in found if copy not in (None, GONE) and not known[name]}
    # Whoever asks after a change here does not join a flight that has left before it.
    flight = " ".join([str(Generation.count), *lives])
    reading = _flights.share(flight, lambda: _read_and_keep(lives, stale, read))
    return {name: reading.facts[name].data for name in lives}


def _believed(name: str, life: float, copy) -> Fact | None:
    """The fact that a copy carries, None unless it may be believed."""
    try:
        horizon, read_at, data, also_of = copy
        age = time.time() - read_at
        if -1 < age < min(life, LONGEST_LIFE_SECONDS) and changes().spare(horizon, (name, *also_of)):
            return Fact(data, tuple(also_of))
    except (TypeError, ValueError):
        pass
    return None


def _read_and_keep(lives: Mapping[str, float], stale: dict, read: Callable[[], Reading]) -> Reading:
    read_at = time.time()
    reading = read()
    cache = get_cache()
    if stale:  # but not the tombstone that may have taken the place of one since
        cache.delete_unchanged(stale)
    by_life: dict[int, dict] = {}
    for name, fact in reading.facts.items():
        life = int(min(lives[name], LONGEST_LIFE_SECONDS))
        if life > 0:
            by_life.setdefault(life, {})[name] = [reading.horizon, read_at, fact.data, fact.also_of]
    for life, copies in by_life.items():
        cache.set_many(copies, life, new_only=True)
    return reading


def forget(*names: str) -> None:
    """Let no copy of these facts be found any more, once the present transaction has committed."""
    database.after_commit(lambda: _bury(names))


def _bury(names: tuple[str, ...]) -> None:
    Generation.count += 1
    life = int(current_app.config["REQUEST_DEADLINE_SECONDS"]) + TOMBSTONE_MARGIN_SECONDS
    get_cache().set_many(dict.fromkeys(names, GONE), life)
