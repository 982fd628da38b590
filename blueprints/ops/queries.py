"""The state of what the service stands on."""

from datetime import date

from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import select, text
from sqlalchemy.exc import SQLAlchemyError

from ofektom import clock, green
from ofektom.errors import DeadlineExceeded
from ofektom.extensions import db
from ofektom.identity import Business
from ofektom.metrics import hit_rate

# Balancers and monitors do not wait for as long as a request may take.
DATABASE_SECONDS = 2
REDIS_SECONDS = 0.05


def database_answers() -> bool:
    """Whether PostgreSQL answers a statement, and soon."""
    try:
        with green.deadline(DATABASE_SECONDS):
            return db.session.scalar(text("SELECT 1")) == 1
    except (SQLAlchemyError, DeadlineExceeded):
        return False


def redis_state(url: str) -> str:
    """Whether the Redis at `url` answers: "connected", "unreachable" or "not configured"."""
    return redis_info(url)["state"]


def redis_info(url: str) -> dict:
    """The state of the Redis at `url` and what it counts; None for each number that cannot be had."""
    numbers = ("connected_clients", "used_memory_human", "keyspace_hits", "keyspace_misses")
    nothing = dict.fromkeys((*numbers, "hit_rate"))
    if not url:
        return {"state": "not configured"} | nothing
    try:
        info = _ask_redis(url)
    except (RedisError, OSError):
        return {"state": "unreachable"} | nothing
    known = {name: info.get(name) for name in numbers}
    rate = hit_rate(info.get("keyspace_hits", 0), info.get("keyspace_misses", 0))
    return {"state": "connected"} | known | {"hit_rate": rate}


def _ask_redis(url: str) -> dict:
    waits = {"socket_connect_timeout": REDIS_SECONDS, "socket_timeout": REDIS_SECONDS}
    with Redis.from_url(url, retry=Retry(NoBackoff(), 0), **waits) as redis:
        return redis.info()


def has_businesses() -> bool:
    """Whether any business has been opened."""
    return db.session.scalar(select(Business.id).limit(1)) is not None


def database_today() -> date:
    """The calendar date in Lagos, where the sample business lives."""
    return db.session.scalar(select(clock.today("Africa/Lagos")))
