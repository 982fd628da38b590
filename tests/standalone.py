"""The settings of tests; and servers, thrown away afterwards, for those that are programs and run longer."""

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.postgres import embedded
from ofektom.config import Settings, load_settings
from tests.conf.processes import free_port, redis_server


@contextmanager
def throw_away_servers() -> Iterator[tuple[Settings, Path]]:
    """Settings for a PostgreSQL and a Redis of one's own, with cheap hashing, and a folder to write to."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL's account has to get to its data
        with embedded(folder / "data", fast=True) as url, redis_server(free_port(), folder) as redis_url:
            yield settings_for(url, redis_url, access_token_minutes=1440), folder


def settings_for(database_url: str, redis_url: str, **more) -> Settings:
    """Settings of tests: real ones but for `more` and the cheap hashing, so that a cast of ten signs in quickly."""
    return load_settings(
        {
            "environment": "test",
            "database_url": database_url,
            "redis_url": redis_url,
            "secret_key": secrets.token_hex(32),
            "pin_pepper": secrets.token_hex(32),
            "termii_secret_key": secrets.token_hex(16),
            "workers": 1,
            "argon2_memory_kib": 64,
            "argon2_passes": 1,
        }
        | more
    )
