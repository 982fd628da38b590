"""What runs the service says the same everywhere: the commands, the Python, settings that exist, pools that fit."""

import re
import runpy

import pytest

from local import dockerfile, replay_machine
from ofektom import pool
from ofektom.config import ConfigurationError, load_settings
from tests.conf.debian_postgres import debian_postgres
from tests.conf.deployment import SYSTEMD, app_json, compose, procfile, settings_documented, unit, variables
from tests.conf.processes import ROOT, SETTINGS

SERVE = "gunicorn -c conf/gunicorn.py wsgi:app"
MIGRATE = "flask --app wsgi db upgrade"
# Of the images that others made, and of systemd.
OF_OTHERS = {"NGINX_ENVSUBST_FILTER", "REDISCLI_AUTH", "POSTGRES_USER", "POSTGRES_PASSWORD", "POSTGRES_INITDB_ARGS"}


def environments() -> dict[str, dict[str, str]]:
    """What each way of running the service sets in an instance's environment."""
    services = {
        name: {key: re.sub(r"\$\{\w+:-(.*)\}", r"\1", value) for key, value in service["environment"].items()}
        for name, service in compose()["services"].items()
        if "environment" in service
    }
    unit_sets = dict(pair.split("=", 1) for pair in " ".join(unit("ofektom@.service")["Environment"]).split())
    return {
        "app.json": {name: item.get("value", "") for name, item in app_json()["env"].items()},
        "backend1": services["backend1"],
        "worker": services["worker"],
        "migrate": services["migrate"],
        "command": services["command"],
        "systemd": unit_sets | variables("systemd/env.example"),
    }


def test_everywhere_the_same_command_serves_and_the_same_migrates():
    image = dict(dockerfile.stages()[-1].steps)
    services = compose()["services"]
    assert " ".join(procfile()["web"]) == " ".join(dockerfile.words(image["CMD"])) == SERVE
    assert unit("ofektom@.service")["ExecStart"] == [f"/opt/ofektom/.venv/bin/{SERVE}"]
    assert not any({"command", "entrypoint"} & services[f"backend{number}"].keys() for number in (1, 2, 3))
    assert " ".join(procfile()["release"]) == " ".join(services["migrate"]["command"]) == MIGRATE
    assert unit("ofektom-migrate.service")["ExecStart"] == [f"/opt/ofektom/.venv/bin/{MIGRATE}"]


def test_heroku_and_the_image_have_the_same_python():
    wanted = (ROOT / ".python-version").read_text()
    assert re.fullmatch(r"3\.\d+\n", wanted), "Heroku wants the minor version, to follow its security releases"
    assert {stage.base for stage in dockerfile.stages()} == {f"python:{wanted.strip()}-slim-trixie"}


def test_everywhere_the_same_command_delivers():
    [by_systemd] = unit("ofektom-worker.service")["ExecStart"]
    assert by_systemd.removeprefix("/opt/ofektom/.venv/bin/") == " ".join(procfile()["worker"])
    assert compose()["services"]["worker"]["command"] == procfile()["worker"]
    assert "ofektom-worker.service" in " ".join(unit("ofektom.target")["Wants"])


@pytest.mark.parametrize("way", environments())
def test_what_it_sets_are_settings_that_are_explained(way):
    assert environments()[way].keys() - OF_OTHERS <= settings_documented()


@pytest.mark.parametrize("way", ["backend1", "systemd"])
def test_three_instances_have_connections_that_a_server_of_default_size_has(way, monkeypatch):
    for name, value in (environments()[way] | SETTINGS).items():
        monkeypatch.setenv(name, value)
    server = compose()["services"]["postgres"]["command"]
    assert "max_connections=100" in server
    with debian_postgres(max_connections="100") as url:
        settings = load_settings({"database_url": url})
        assert settings.instances == 3
        pool.check_capacity(settings)
        with pytest.raises(ConfigurationError, match="may open 112 connections, but PostgreSQL allows 97"):
            pool.check_capacity(load_settings({"database_url": url, "instances": 4}))


def test_who_stops_an_instance_waits_for_as_long_as_it_takes_to_finish():
    gunicorn = runpy.run_path(str(ROOT / "conf" / "gunicorn.py"))
    graceful = gunicorn["graceful_timeout"]
    deadline = load_settings(SETTINGS_BY_FIELD).request_deadline_seconds
    heroku = {
        "kills after": 30,
        "keeps idle connections for": 90,
    }  # devcenter.heroku.com, dyno shutdown and HTTP routing
    assert deadline < graceful < heroku["kills after"]
    assert graceful < int(unit("ofektom@.service")["TimeoutStopSec"][0])
    assert graceful < int(compose()["services"]["backend1"]["stop_grace_period"].removesuffix("s"))
    assert gunicorn["keepalive"] > heroku["keeps idle connections for"]


SETTINGS_BY_FIELD = {name.lower(): value for name, value in SETTINGS.items()}


def test_the_document_has_the_commands_that_the_replay_runs():
    install, start = replay_machine.commands()
    assert "deploy/systemd/ofektom* /etc/systemd/system/" in install
    assert "systemctl enable --now ofektom.target" in start


def test_the_regular_work_is_what_the_table_of_commands_says():
    text = (ROOT / "docs" / "operations.md").read_text()
    rows = re.findall(r"^\| `([a-z-]+)` \|.*\| (nightly|daily|every few minutes)", text, re.MULTILINE)
    timers = {path.stem.removeprefix("ofektom-"): unit(path.name) for path in SYSTEMD.glob("*.timer")}
    assert timers.keys() == {name for name, _ in rows} == {"verify", "seal-audit", "tidy"}
    for name, timer in timers.items():
        assert timer["Unit"] == [f"ofektom-command@{name}.service"]
        assert f"ofektom-{name}.timer" in " ".join(unit("ofektom.target")["Wants"])
