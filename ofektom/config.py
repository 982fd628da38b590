"""Settings, read once from the environment when the application is made."""

from dataclasses import asdict, dataclass
from datetime import timedelta

from environs import Env

MINIMUM_SECRET_CHARACTERS = 32
# OWASP's password storage cheat sheet counts m=7168 KiB, t=5 as strong as m=19456 KiB, t=2.
WEAKEST_ARGON2 = 7168 * 5


class ConfigurationError(RuntimeError):
    """The environment does not describe a service that may start."""


@dataclass(frozen=True)
class Settings:
    """Everything the environment decides. Times are in the unit their name ends with."""

    environment: str
    database_url: str
    secret_key: str
    pin_pepper: str
    workers: int
    pool_size: int
    pool_overflow: int
    pool_wait_seconds: float
    statement_timeout_ms: int
    lock_timeout_ms: int
    idle_in_transaction_timeout_ms: int
    request_deadline_seconds: float
    proxy_hops: int
    max_body_bytes: int
    argon2_memory_kib: int
    argon2_passes: int
    access_token_minutes: int
    refresh_token_days: int
    invitation_days: int
    idempotency_days: int
    clock_offset_seconds: int
    log_level: str

    @property
    def clock_offset(self) -> timedelta:
        return timedelta(seconds=self.clock_offset_seconds)

    def as_flask_config(self) -> dict:
        """The same settings under the upper-case names Flask uses."""
        return {name.upper(): value for name, value in asdict(self).items()}


def load_settings(overrides: dict | None = None) -> Settings:
    """Read the environment (with `overrides` on top, as text) and refuse what is unsafe.

    Raises ConfigurationError naming the variable at fault.
    """
    env = Env(prefix="")
    values = _read(env) | (overrides or {})
    settings = Settings(**values)
    _refuse_unsafe(settings)
    return settings


def _read(env: Env) -> dict:
    return {
        "environment": env.str("OFEKTOM_ENV", "production"),
        "database_url": env.str("DATABASE_URL", ""),
        "secret_key": env.str("SECRET_KEY", ""),
        "pin_pepper": env.str("PIN_PEPPER", ""),
        "workers": env.int("WEB_CONCURRENCY", 2),
        "pool_size": env.int("DB_POOL_SIZE", 20),
        "pool_overflow": env.int("DB_POOL_OVERFLOW", 30),
        "pool_wait_seconds": env.float("DB_POOL_WAIT_SECONDS", 2.0),
        "statement_timeout_ms": env.int("DB_STATEMENT_TIMEOUT_MS", 5000),
        "lock_timeout_ms": env.int("DB_LOCK_TIMEOUT_MS", 2000),
        "idle_in_transaction_timeout_ms": env.int("DB_IDLE_IN_TRANSACTION_TIMEOUT_MS", 10000),
        "request_deadline_seconds": env.float("REQUEST_DEADLINE_SECONDS", 8.0),
        "proxy_hops": env.int("PROXY_HOPS", 0),
        "max_body_bytes": env.int("MAX_BODY_BYTES", 1_000_000),
        "argon2_memory_kib": env.int("ARGON2_MEMORY_KIB", 19_456),
        "argon2_passes": env.int("ARGON2_PASSES", 2),
        "access_token_minutes": env.int("ACCESS_TOKEN_MINUTES", 15),
        "refresh_token_days": env.int("REFRESH_TOKEN_DAYS", 30),
        "invitation_days": env.int("INVITATION_DAYS", 14),
        "idempotency_days": env.int("IDEMPOTENCY_DAYS", 30),
        "clock_offset_seconds": env.int("CLOCK_OFFSET_SECONDS", 0),
        "log_level": env.str("LOG_LEVEL", "INFO"),
    }


def _refuse_unsafe(settings: Settings) -> None:
    if not settings.database_url:
        raise ConfigurationError("DATABASE_URL is not set: the service needs a PostgreSQL database")
    for name in ("secret_key", "pin_pepper"):
        if len(getattr(settings, name)) < MINIMUM_SECRET_CHARACTERS:
            raise ConfigurationError(f"{name.upper()} must have at least {MINIMUM_SECRET_CHARACTERS} characters")
    if settings.secret_key == settings.pin_pepper:
        raise ConfigurationError("SECRET_KEY and PIN_PEPPER must differ")
    if settings.environment == "production":
        _refuse_rehearsal(settings)


def _refuse_rehearsal(settings: Settings) -> None:
    if settings.clock_offset_seconds:
        raise ConfigurationError("CLOCK_OFFSET_SECONDS is for rehearsals: not in production")
    if settings.argon2_memory_kib * settings.argon2_passes < WEAKEST_ARGON2:
        raise ConfigurationError("ARGON2_MEMORY_KIB times ARGON2_PASSES is weaker than OWASP's least")
