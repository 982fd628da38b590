"""Making the application opens no connection and refuses settings that cannot work."""

from dataclasses import replace

import pytest

from ofektom.app import create_app
from ofektom.config import ConfigurationError


def test_it_starts_without_its_database(settings):
    """A restart of PostgreSQL must not keep new workers from starting."""
    app = create_app(replace(settings, database_url="postgresql://nobody@127.0.0.1:1/none"), testing=True)
    assert app.test_client().get("/livez").json == {"status": "alive"}
    health = app.test_client().get("/health")
    assert (health.status_code, health.json["status"], health.json["database"]) == (503, "unhealthy", "unreachable")


def test_it_does_not_start_on_unsafe_settings(monkeypatch):
    monkeypatch.delenv("SECRET_KEY", raising=False)
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(ConfigurationError, match="SECRET_KEY"):
        create_app()


def test_with_its_database_it_works(anonymous):
    answer = anonymous.get("/health")
    assert (answer.status, answer["status"], answer["database"]) == (200, "healthy", "healthy")
