"""Settings, read once from the environment when the application is made."""

import ipaddress
import logging
import math
import os
import re
from dataclasses import asdict, dataclass, fields
from datetime import timedelta
from urllib.parse import quote, unquote, urlsplit

from environs import Env, EnvError

ENVIRONMENTS = ("production", "development", "test")
MAY_BE_ZERO = {"pool_overflow", "parallel_workers", "proxy_hops"}
MAY_BE_NEGATIVE = {"clock_offset_seconds"}
VARIABLES = {
    "workers": "WEB_CONCURRENCY",
    "pool_size": "DB_POOL_SIZE",
    "pool_overflow": "DB_POOL_OVERFLOW",
    "pool_wait_seconds": "DB_POOL_WAIT_SECONDS",
    "statement_timeout_ms": "DB_STATEMENT_TIMEOUT_MS",
    "lock_timeout_ms": "DB_LOCK_TIMEOUT_MS",
    "idle_in_transaction_timeout_ms": "DB_IDLE_IN_TRANSACTION_TIMEOUT_MS",
    "work_mem": "DB_WORK_MEM",
    "random_page_cost": "DB_RANDOM_PAGE_COST",
    "effective_cache_size": "DB_EFFECTIVE_CACHE_SIZE",
    "parallel_workers": "DB_PARALLEL_WORKERS",
    "pgbouncer": "DB_PGBOUNCER",
}
RATE = re.compile(r"[1-9][0-9]{0,5}/(second|minute|hour|day)")
MEMORY = re.compile(r"[1-9][0-9]{0,8}(kB|MB|GB)")
SENDER = re.compile(r"[A-Za-z0-9 ]{3,11}")
THIS_MACHINE = ("localhost", "127.0.0.1", "::1")
MINIMUM_SECRET_CHARACTERS = 32
MINIMUM_DIFFERENT_CHARACTERS = 8
# What examples say where a secret belongs.
PLACEHOLDERS = ("change", "example", "secret", "password", "replace", "placeholder", "ofektom")
DEFAULT_PASSWORDS = {"postgres", "password", "secret", "admin", "root", "redis", "ofektom", "123456", "changeme"}
# How the keys of Paystack, Flutterwave and Monnify begin that move no money, as their documentation shows them.
TEST_KEYS = ("sk_test_", "pk_test_", "FLWSECK_TEST", "FLWPUBK_TEST", "MK_TEST_")
# OWASP's password storage cheat sheet counts m=7168 KiB, t=5 as strong as m=19456 KiB, t=2.
WEAKEST_ARGON2 = 7168 * 5


Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class ConfigurationError(RuntimeError):
    """The environment does not describe a service that may start."""


@dataclass(frozen=True)
class Settings:
    """Everything the environment decides. Times are in the unit their name ends with."""

    environment: str
    debug: bool
    database_url: str
    secret_key: str
    pin_pepper: str
    instances: int
    workers: int
    pool_size: int
    pool_overflow: int
    pool_wait_seconds: int
    statement_timeout_ms: int
    lock_timeout_ms: int
    idle_in_transaction_timeout_ms: int
    work_mem: str
    random_page_cost: float
    effective_cache_size: str
    parallel_workers: int
    pgbouncer: bool
    request_deadline_seconds: float
    proxy_hops: int
    ops_networks: tuple[Network, ...]
    max_body_bytes: int
    argon2_memory_kib: int
    argon2_passes: int
    login_rate: str
    access_token_minutes: int
    refresh_token_days: int
    session_days: int
    redis_url: str
    redis_password: str
    redis_tls_verify: bool
    redis_sentinels: tuple[tuple[str, int], ...]
    redis_sentinel_master: str
    redis_cluster: tuple[tuple[str, int], ...]
    cache_prefix: str
    response_cache_seconds: int
    response_cache_exclude: tuple[str, ...]
    invitation_days: int
    termii_api_key: str
    termii_secret_key: str
    termii_url: str
    sms_sender: str
    smtp_url: str
    mail_from: str
    idempotency_days: int
    reckon_live_rows: int
    reckon_minutes: int
    clock_offset_seconds: int
    log_level: str

    @property
    def clock_offset(self) -> timedelta:
        return timedelta(seconds=self.clock_offset_seconds)

    @property
    def has_redis(self) -> bool:
        return bool(self.redis_url or self.redis_sentinels or self.redis_cluster)

    def as_flask_config(self) -> dict:
        """The same settings under the upper-case names Flask uses."""
        return {name.upper(): value for name, value in asdict(self).items()}


def load_settings(overrides: dict | None = None) -> Settings:
    """Read the environment, with `overrides` by field name on top, and refuse what is unsafe or makes no sense.

    Raises ConfigurationError naming the variable at fault.
    """
    try:
        settings = Settings(**(_read(Env()) | (overrides or {})))
    except EnvError as error:
        raise ConfigurationError(str(error)) from None
    _refuse_nonsense(settings)
    _refuse_mute(settings)
    _refuse_unsafe(settings)
    return settings


def _read(env: Env) -> dict:
    return {
        "environment": env.str("OFEKTOM_ENV", "production"),
        "debug": env.bool("FLASK_DEBUG", False),
        "database_url": env.str("DATABASE_URL", ""),
        "secret_key": env.str("SECRET_KEY", ""),
        "pin_pepper": env.str("PIN_PEPPER", ""),
        "instances": env.int("INSTANCES", 1),
        "workers": env.int("WEB_CONCURRENCY", 2),
        "pool_size": env.int("DB_POOL_SIZE", 20),
        "pool_overflow": env.int("DB_POOL_OVERFLOW", 30),
        "pool_wait_seconds": env.int("DB_POOL_WAIT_SECONDS", 2),
        "statement_timeout_ms": env.int("DB_STATEMENT_TIMEOUT_MS", 5000),
        "lock_timeout_ms": env.int("DB_LOCK_TIMEOUT_MS", 2000),
        "idle_in_transaction_timeout_ms": env.int("DB_IDLE_IN_TRANSACTION_TIMEOUT_MS", 10000),
        "work_mem": env.str("DB_WORK_MEM", "16MB"),
        "random_page_cost": env.float("DB_RANDOM_PAGE_COST", 1.1),
        "effective_cache_size": env.str("DB_EFFECTIVE_CACHE_SIZE", "4GB"),
        "parallel_workers": env.int("DB_PARALLEL_WORKERS", 2),
        "pgbouncer": env.bool("DB_PGBOUNCER", False),
        "request_deadline_seconds": env.float("REQUEST_DEADLINE_SECONDS", 8.0),
        "proxy_hops": env.int("PROXY_HOPS", 0),
        "ops_networks": _networks(env.str("OPS_NETWORKS", "127.0.0.0/8,::1/128")),
        "max_body_bytes": env.int("MAX_BODY_BYTES", 1_000_000),
        "argon2_memory_kib": env.int("ARGON2_MEMORY_KIB", 19_456),
        "argon2_passes": env.int("ARGON2_PASSES", 2),
        "login_rate": env.str("LOGIN_RATE", "5/minute"),
        "access_token_minutes": env.int("ACCESS_TOKEN_MINUTES", 15),
        "refresh_token_days": env.int("REFRESH_TOKEN_DAYS", 30),
        "session_days": env.int("SESSION_DAYS", 90),
        "redis_url": _redis_url(env),
        "redis_password": env.str("REDIS_PASSWORD", ""),
        "redis_tls_verify": env.bool("REDIS_TLS_VERIFY", True),
        "redis_sentinels": _addresses(env.list("REDIS_SENTINELS", [])),
        "redis_sentinel_master": env.str("REDIS_SENTINEL_MASTER", "mymaster"),
        "redis_cluster": _addresses(env.list("REDIS_CLUSTER", [])),
        "cache_prefix": env.str("CACHE_PREFIX", "ofektom:"),
        "response_cache_seconds": env.int("RESPONSE_CACHE_SECONDS", 60),
        "response_cache_exclude": tuple(path.strip() for path in env.list("RESPONSE_CACHE_EXCLUDE", [])),
        "invitation_days": env.int("INVITATION_DAYS", 14),
        "termii_api_key": env.str("TERMII_API_KEY", ""),
        "termii_secret_key": env.str("TERMII_SECRET_KEY", ""),
        "termii_url": env.str("TERMII_URL", "https://api.ng.termii.com"),
        "sms_sender": env.str("SMS_SENDER", ""),
        "smtp_url": env.str("SMTP_URL", ""),
        "mail_from": env.str("MAIL_FROM", ""),
        "idempotency_days": env.int("IDEMPOTENCY_DAYS", 30),
        "reckon_live_rows": env.int("RECKON_LIVE_ROWS", 5000),
        "reckon_minutes": env.int("RECKON_MINUTES", 60),
        "clock_offset_seconds": env.int("CLOCK_OFFSET_SECONDS", 0),
        "log_level": env.str("LOG_LEVEL", "INFO"),
    }


def _redis_url(env: Env) -> str:
    """REDIS_URL, or the address that REDIS_HOST, REDIS_PORT and REDIS_PASSWORD make; empty for no Redis."""
    host, port, password = env.str("REDIS_HOST", ""), env.int("REDIS_PORT", 6379), env.str("REDIS_PASSWORD", "")
    made = f"redis://:{quote(password, safe='')}@{host}:{port}/0" if password else f"redis://{host}:{port}/0"
    return env.str("REDIS_URL", made if host else "")


def _addresses(items: list[str]) -> tuple[tuple[str, int], ...]:
    """("host", port) of each "host:port"."""
    pairs = [item.strip().rpartition(":") for item in items]
    if not all(host and port.isdecimal() for host, _, port in pairs):
        raise ConfigurationError("REDIS_SENTINELS and REDIS_CLUSTER are lists of host:port, separated by commas")
    return tuple((host, int(port)) for host, _, port in pairs)


def _networks(text: str) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise ConfigurationError(
            f"OPS_NETWORKS must be networks such as 10.0.0.0/8, parted by commas: {error}"
        ) from None


def _refuse_nonsense(settings: Settings) -> None:
    if settings.environment not in ENVIRONMENTS:
        raise ConfigurationError(f"OFEKTOM_ENV must be one of {', '.join(ENVIRONMENTS)}")
    if settings.redis_url and not settings.redis_url.startswith(("redis://", "rediss://", "unix://")):
        raise ConfigurationError("REDIS_URL must be the redis:// address of a Redis server")
    if not settings.cache_prefix:
        raise ConfigurationError("CACHE_PREFIX must say something: flushing the cache takes every key that begins so")
    if settings.log_level not in logging.getLevelNamesMapping():
        raise ConfigurationError("LOG_LEVEL must be a level of Python's logging, such as INFO")
    if settings.login_rate and not RATE.fullmatch(settings.login_rate):
        raise ConfigurationError("LOGIN_RATE must be a rate such as 5/minute, or empty for none")
    for name in ("work_mem", "effective_cache_size"):
        if not MEMORY.fullmatch(getattr(settings, name)):
            raise ConfigurationError(f"{VARIABLES[name]} must be an amount of memory, such as 16MB")
    for field in fields(settings):
        least = 0 if field.name in MAY_BE_ZERO else 1
        value = getattr(settings, field.name)
        if type(value) in (int, float) and field.name not in MAY_BE_NEGATIVE and not least <= value < math.inf:
            raise ConfigurationError(f"{VARIABLES.get(field.name, field.name.upper())} must be at least {least}")


def _refuse_mute(settings: Settings) -> None:
    """What messages are sent with: whole, and with nothing secret in clear on the way to another machine."""
    if settings.termii_api_key and not SENDER.fullmatch(settings.sms_sender):
        raise ConfigurationError("SMS_SENDER must be 3 to 11 letters, digits and spaces: the sender ID of every SMS")
    if not _is_private(settings.termii_url):
        raise ConfigurationError("TERMII_URL must be an https:// address, or an http:// one on this machine")
    if settings.smtp_url and not urlsplit(settings.smtp_url).scheme.startswith("smtp"):
        raise ConfigurationError("SMTP_URL must be smtp://user:password@host:587 or smtps://user:password@host:465")
    if bool(settings.smtp_url) != bool(settings.mail_from):
        raise ConfigurationError("SMTP_URL and MAIL_FROM belong together")


def _is_private(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in THIS_MACHINE)


def _refuse_unsafe(settings: Settings) -> None:
    if not settings.database_url.startswith(("postgresql://", "postgres://", "postgresql+psycopg2://")):
        raise ConfigurationError("DATABASE_URL must be the postgresql:// address of a PostgreSQL database")
    for name in ("secret_key", "pin_pepper"):
        if not _is_random(getattr(settings, name)):
            raise ConfigurationError(
                f"{name.upper()} must be random, with at least {MINIMUM_SECRET_CHARACTERS} characters"
            )
    if settings.secret_key == settings.pin_pepper:
        raise ConfigurationError("SECRET_KEY and PIN_PEPPER must differ")
    if settings.environment == "production":
        _refuse_rehearsal(settings)


def _is_random(secret: str) -> bool:
    """Whether a secret may have been made by chance: neither short nor a pattern nor an example's words."""
    is_pattern = len(set(secret)) < MINIMUM_DIFFERENT_CHARACTERS or secret in (secret + secret)[1:-1]
    is_example = any(word in secret.lower() for word in PLACEHOLDERS)
    return len(secret) >= MINIMUM_SECRET_CHARACTERS and not is_pattern and not is_example


def _refuse_rehearsal(settings: Settings) -> None:
    if settings.debug:
        raise ConfigurationError("FLASK_DEBUG lets whoever causes an error run code here: not in production")
    for name, url in (("DATABASE_URL", settings.database_url), ("REDIS_URL", settings.redis_url)):
        if unquote(urlsplit(url).password or "") in DEFAULT_PASSWORDS:
            raise ConfigurationError(f"{name} has a password that everybody tries first: not in production")
    if settings.redis_password in DEFAULT_PASSWORDS:
        raise ConfigurationError("REDIS_PASSWORD is one that everybody tries first: not in production")
    test_keys = [name for name, value in os.environ.items() if value.startswith(TEST_KEYS)]
    if test_keys:
        raise ConfigurationError(f"{test_keys[0]} is a gateway's test key, which moves no money: not in production")
    if settings.clock_offset_seconds:
        raise ConfigurationError("CLOCK_OFFSET_SECONDS is for rehearsals: not in production")
    if settings.argon2_memory_kib * settings.argon2_passes < WEAKEST_ARGON2:
        raise ConfigurationError("ARGON2_MEMORY_KIB times ARGON2_PASSES is weaker than OWASP's least")
