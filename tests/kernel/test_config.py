"""Unsafe settings are refused by name before anything starts."""

from random import Random

import pytest

from ofektom.config import ConfigurationError, load_settings

SECRET, PEPPER = (Random(seed).randbytes(16).hex() for seed in (1, 2))
GOOD = {
    "OFEKTOM_ENV": "production",
    "DATABASE_URL": "postgresql://ofektom@localhost/ofektom",
    "SECRET_KEY": SECRET,
    "PIN_PEPPER": PEPPER,
}


@pytest.fixture
def environment(monkeypatch):
    """Reads settings from an environment that holds only what is given beside GOOD; None takes a variable away."""

    def read(**changes):
        for name in ("WEB_CONCURRENCY", "CLOCK_OFFSET_SECONDS", "ARGON2_MEMORY_KIB", "ARGON2_PASSES"):
            monkeypatch.delenv(name, raising=False)
        for name, value in (GOOD | changes).items():
            monkeypatch.delenv(name, raising=False) if value is None else monkeypatch.setenv(name, value)
        return load_settings()

    return read


def test_a_safe_environment_is_read(environment):
    settings = environment(WEB_CONCURRENCY="4", DB_POOL_WAIT_SECONDS="3", LOG_LEVEL="DEBUG")
    assert (settings.workers, settings.pool_wait_seconds, settings.log_level) == (4, 3, "DEBUG")
    assert (settings.environment, settings.clock_offset_seconds) == ("production", 0)
    assert (settings.work_mem, settings.random_page_cost, settings.parallel_workers) == ("16MB", 1.1, 2)
    assert (settings.effective_cache_size, settings.pgbouncer, settings.instances) == ("4GB", False, 1)


def test_production_is_what_it_is_when_nobody_says(environment):
    assert environment(OFEKTOM_ENV=None).environment == "production"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", None),
        ("DATABASE_URL", ""),
        ("SECRET_KEY", None),
        ("SECRET_KEY", SECRET[:31]),
        ("SECRET_KEY", "k" * 32),
        ("SECRET_KEY", "0123456789abcdef" * 2),
        ("SECRET_KEY", "Change-me-0123456789abcdefghijklmnop"),
        ("PIN_PEPPER", None),
        ("PIN_PEPPER", PEPPER[:31]),
        ("PIN_PEPPER", SECRET),  # the same as SECRET_KEY
        ("FLASK_DEBUG", "1"),
        ("TERMII_URL", "http://carrier.example"),
        ("TERMII_URL", "carrier.example"),
        ("SMTP_URL", "mail.example:25"),
        ("DATABASE_URL", "postgresql://ofektom:postgres@db/ofektom"),
        ("DATABASE_URL", "postgresql://ofektom:%70assword@db/ofektom"),
        ("REDIS_URL", "redis://:changeme@cache:6379/0"),
        ("REDIS_PASSWORD", "redis"),
        ("PAYSTACK_SECRET_KEY", "sk_test_0a1b2c3d4e5f"),
        ("GATEWAY_KEY", "FLWSECK_TEST-0a1b2c3d4e5f-X"),
        ("CLOCK_OFFSET_SECONDS", "1"),
        ("CLOCK_OFFSET_SECONDS", "-86400"),
        ("ARGON2_MEMORY_KIB", "4096"),
        ("ARGON2_PASSES", "1"),
        ("OFEKTOM_ENV", "prodution"),
        ("DATABASE_URL", "mysql://ofektom@localhost/ofektom"),
        ("WEB_CONCURRENCY", "0"),
        ("WEB_CONCURRENCY", "two"),
        ("DB_STATEMENT_TIMEOUT_MS", "0"),
        ("DB_POOL_OVERFLOW", "-1"),
        ("INSTANCES", "0"),
        ("DB_WORK_MEM", "16 MB; DROP"),
        ("DB_WORK_MEM", "16MB -c fsync=off"),
        ("DB_WORK_MEM", "16"),
        ("DB_WORK_MEM", "16MB\n"),
        ("DB_EFFECTIVE_CACHE_SIZE", "much"),
        ("DB_EFFECTIVE_CACHE_SIZE", "0GB"),
        ("DB_RANDOM_PAGE_COST", "nan"),
        ("DB_RANDOM_PAGE_COST", "inf"),
        ("DB_RANDOM_PAGE_COST", "1.1; DROP"),
        ("DB_PARALLEL_WORKERS", "-1"),
        ("DB_PGBOUNCER", "perhaps"),
        ("PROXY_HOPS", "-1"),
        ("OPS_NETWORKS", "everybody"),
        ("OPS_NETWORKS", "10.0.0.1/8"),  # a host where a network belongs
        ("OPS_NETWORKS", "127.0.0.0/8;10.0.0.0/8"),
        ("LOGIN_RATE", "many"),
        ("LOGIN_RATE", "0/minute"),
        ("ACCESS_TOKEN_MINUTES", "0"),
        ("IDEMPOTENCY_DAYS", "0"),
        ("LOG_LEVEL", "LOUD"),
    ],
)
def test_what_is_unsafe_is_refused_by_name(environment, name, value):
    with pytest.raises(ConfigurationError, match=name):
        environment(**{name: value})


def test_the_refusal_does_not_print_the_secret(environment):
    with pytest.raises(ConfigurationError) as refused:
        environment(SECRET_KEY="short-but-secret")
    assert "short-but-secret" not in str(refused.value)


def test_a_rehearsal_elsewhere_may_do_what_production_may_not(environment):
    more = {"FLASK_DEBUG": "1", "DATABASE_URL": "postgresql://postgres:postgres@db/x", "GATEWAY_KEY": "sk_test_0a1b2c"}
    cheap = {"ARGON2_MEMORY_KIB": "64", "ARGON2_PASSES": "1"}
    settings = environment(OFEKTOM_ENV="test", CLOCK_OFFSET_SECONDS="3600", **cheap, **more)
    assert (settings.clock_offset.total_seconds(), settings.debug) == (3600, True)


def test_an_equally_strong_cost_may_be_spent_otherwise(environment):
    assert environment(ARGON2_MEMORY_KIB="7168", ARGON2_PASSES="5").argon2_passes == 5


def test_secrets_are_needed_in_a_rehearsal_too(environment):
    with pytest.raises(ConfigurationError, match="SECRET_KEY"):
        environment(OFEKTOM_ENV="development", SECRET_KEY="dev")


def test_overrides_come_before_the_environment(environment):
    environment()
    assert load_settings({"workers": 7}).workers == 7


def test_flask_knows_every_setting_by_its_upper_case_name(environment):
    settings = environment()
    assert settings.as_flask_config() == {name.upper(): value for name, value in vars(settings).items()}


def test_whoever_sends_says_who_they_are(environment):
    with pytest.raises(ConfigurationError, match="SMTP_URL"):
        environment(MAIL_FROM="news@ofektom.example")
    with pytest.raises(ConfigurationError, match="SMS_SENDER"):
        environment(TERMII_API_KEY="a key", SMS_SENDER="far too long a name", MAIL_FROM=None)
    settings = environment(TERMII_API_KEY="a key", SMS_SENDER="AdaThrift", TERMII_URL="http://127.0.0.1:1")
    assert settings.sms_sender == "AdaThrift"
