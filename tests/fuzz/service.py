"""The service on a real socket, and two furnished businesses behind it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from flask import Flask

from ofektom.config import Settings
from ofektom.extensions import db
from ofektom.identity import Actor
from tests.cast import Staff
from tests.conf.processes import free_port
from tests.faults.servers import application, gunicorn
from tests.fuzz.callers import Caller
from tests.isolation.people import Persona, personas
from tests.isolation.world import World

VARIABLES = {
    "WEB_CONCURRENCY": "1",
    "LOG_LEVEL": "WARNING",
    # A run is longer than a token lives, and signs in more often than one address may.
    "ACCESS_TOKEN_MINUTES": "1440",
    "LOGIN_RATE": "",
    "ARGON2_MEMORY_KIB": "64",
    "ARGON2_PASSES": "1",
    # A carrier to write to, whom nobody delivers to: the worker is not running.
    "TERMII_API_KEY": "a-key-of-nobody",
    "TERMII_URL": "http://127.0.0.1:1",
    "SMS_SENDER": "AdaThrift",
}
# Those with the least say first, for who comes later may shut them out.
CALLERS = ["anonymous", "customer", "sub_agent", "agent", "admin", "super_admin"]


@dataclass(frozen=True)
class Service:
    """Where it is served, an application on the same database, its people, and what it logged."""

    url: str
    app: Flask
    world: World
    people: dict[str, Persona]
    log: Path


@contextmanager
def served(settings: Settings, database_url: str, folder: Path) -> Iterator[Service]:
    """Serve a furnished world on one worker until the block ends."""
    settings = replace(settings, access_token_minutes=1440)
    app, port, log = application(settings, database_url), free_port(), folder / "service.log"
    world = World(Staff(app))
    more = VARIABLES | {"REDIS_URL": settings.redis_url, "TERMII_SECRET_KEY": settings.termii_secret_key}
    with gunicorn(settings, database_url, port, log, **more):
        everybody = {persona.name: persona for persona in personas(world)}
        yield Service(f"http://127.0.0.1:{port}", app, world, everybody, log)
    with app.app_context():
        db.engine.dispose()


def callers(service: Service, names: Sequence[str] = CALLERS) -> list[Caller]:
    """Those who call."""
    home = service.world.home.cast.business_id
    mender = Actor(Staff(service.app).user_id, 0, True, home)
    world, people = service.world, service.people
    return [Caller(service.app, people[name], home, mender, world.canaries) for name in names]
