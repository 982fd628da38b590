"""A business on a database of its own, so that nobody else's news is sent, and the outside world it talks to."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask

from ofektom import delivering
from ofektom.app import create_app
from ofektom.config import Settings
from ofektom.extensions import db
from tests.cast import Cast, Client, Person, Staff
from tests.concurrency.race import rows, separate_database
from tests.faults.servers import application
from tests.outside.stand_ins import StandIn, accepted, stand_in, status

API_KEY = "TLk2mXyZ8Qw4RtV6bN1c"


class House:
    """The business's people, who act through an application without providers, and the worker's application."""

    def __init__(self, quiet: Flask, cast: Cast, settings: Settings):
        self.quiet, self.cast, self.settings = quiet, cast, settings
        self.app = quiet

    @contextmanager
    def connected(self, **settings) -> Iterator[None]:
        """With providers, from nothing due on."""
        self.deliver()
        with self.quiet.app_context(), db.engine.begin() as connection:
            connection.execute(db.text("DELETE FROM deliveries"))
        self.app = create_app(replace(self.settings, **settings), testing=True)
        yield
        with self.app.app_context():
            db.engine.dispose()
        self.app = self.quiet

    def through(self, person: Person) -> Client:
        """The same person, calling the application that has providers."""
        return Client(self.app, person.token)

    def deliver(self, after: timedelta | None = None) -> None:
        """Deliver all that is due, `after` some time has gone by for the worker."""
        if after:
            self.app.config["CLOCK_OFFSET"] += after
        with self.app.app_context():
            delivering.deliver_all()

    def rows(self, query: str, **values) -> list[dict]:
        """What is in the database."""
        return rows(self.quiet, query, b=self.cast.business_id, **values)

    def states(self) -> list[tuple]:
        """(topic, state, attempts, error) of every delivery, oldest first."""
        found = self.rows("SELECT topic, state, attempts, error FROM deliveries ORDER BY id")
        return [tuple(row.values()) for row in found]


@pytest.fixture(scope="package")
def quiet(database_url, settings) -> Iterator[tuple[Flask, Settings]]:
    """An application without providers, on a database of its own."""
    with separate_database(database_url, "outside") as url:
        app = application(settings, url)
        yield app, replace(settings, database_url=url, redis_url="")
        with app.app_context():
            db.session.remove()
            db.engine.dispose()


@pytest.fixture(scope="module")
def furnished(quiet) -> tuple:
    """A business of this module's own."""
    app, settings = quiet
    return app, Cast(Staff(app)), settings


@pytest.fixture
def termii() -> Iterator[StandIn]:
    """The SMS carrier."""
    with stand_in(accepted) as server:
        yield server


@pytest.fixture
def receiver() -> Iterator[StandIn]:
    """Somebody's program that listens to webhooks."""
    with stand_in(status(204)) as server:
        yield server


@pytest.fixture
def house(furnished, termii) -> Iterator[House]:
    """The business, its worker connected to the carrier."""
    house = House(*furnished)
    with house.connected(termii_api_key=API_KEY, termii_url=termii.url, sms_sender="AdaThrift"):
        yield house


@pytest.fixture
def account(house) -> dict:
    """A savings account of funke's, of 500 naira a day."""
    return house.cast.open_account(house.cast.funke)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory) -> tuple[Path, Path]:
    """(certificate, key) of receiver.example and localhost, trusted by whoever is told to trust it."""
    folder = tmp_path_factory.mktemp("tls")
    files = folder / "certificate.pem", folder / "key.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=receiver.example"
    command += f" -addext subjectAltName=DNS:receiver.example,DNS:localhost -out {files[0]} -keyout {files[1]}"
    subprocess.run(command.split(), check=True, capture_output=True)
    return files
