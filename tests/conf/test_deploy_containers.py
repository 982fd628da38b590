"""In containers: the Compose file and the Dockerfile, as far as they can be judged without Docker."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from local import dockerfile
from ofektom.config import ConfigurationError, load_settings
from tests.conf.debian_postgres import debian_postgres
from tests.conf.deployment import DEPLOY, compose, variables
from tests.conf.processes import ROOT, SETTINGS
from tests.conf.test_postgres import query

TOOLS = Path(sys.executable).parent
NEEDED = re.compile(r"\$\{(\w+):\?")


def tool(name: str, *arguments: str, **options) -> subprocess.CompletedProcess:
    """Run a tool of the virtual environment."""
    return subprocess.run([TOOLS / name, *arguments], cwd=ROOT, capture_output=True, text=True, check=False, **options)


def schema_check(file: Path) -> subprocess.CompletedProcess:
    return tool("check-jsonschema", "--builtin-schema", "vendor.compose-spec", str(file))


def test_the_compose_file_is_one(tmp_path):
    judged = schema_check(DEPLOY / "compose.yaml")
    assert judged.returncode == 0, judged.stdout
    broken = tmp_path / "compose.yaml"
    broken.write_text((DEPLOY / "compose.yaml").read_text().replace("stop_grace_period", "stop_grace"))
    assert schema_check(broken).returncode == 1


def test_docker_reads_it_where_there_is_docker_and_starts_nothing_without_secrets(tmp_path):
    """Where there is no Compose plugin the test above is all that can be said."""
    docker = shutil.which("docker")
    if not docker or subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode:
        return
    filled = tmp_path / "env"
    filled.write_text("".join(f"{name}={value or 'f' * 32}\n" for name, value in variables(".env.example").items()))
    config = [docker, "compose", "-f", str(DEPLOY / "compose.yaml"), "config", "--quiet", "--env-file"]
    assert subprocess.run([*config, str(filled)], check=False).returncode == 0
    assert subprocess.run([*config, str(DEPLOY / ".env.example")], check=False).returncode != 0


def test_every_secret_is_asked_for_and_none_is_given():
    needed = set(NEEDED.findall((DEPLOY / "compose.yaml").read_text()))
    example = variables(".env.example")
    assert example == dict.fromkeys(needed, "") | {"HTTP_PORT": "80"}
    assert {"SECRET_KEY", "PIN_PEPPER", "OFEKTOM_DB_PASSWORD", "POSTGRES_PASSWORD", "REDIS_PASSWORD"} == needed


@pytest.mark.parametrize("file", [".env.example", "systemd/env.example"])
def test_the_service_refuses_to_start_on_an_example(file, monkeypatch):
    for name, value in (SETTINGS | variables(file)).items():
        monkeypatch.setenv(name, value)
    for name in ("SECRET_KEY", "PIN_PEPPER"):
        with pytest.raises(ConfigurationError, match=name):
            load_settings()
        monkeypatch.setenv(name, SETTINGS[name])
    load_settings()


def test_only_nginx_can_be_reached_and_the_databases_can_reach_nobody():
    services, networks = compose()["services"], compose()["networks"]
    assert {name for name, service in services.items() if "ports" in service} == {"nginx"}
    assert {name for name, service in services.items() if "front" in service["networks"]} == {"nginx"}
    assert networks["back"] == {"internal": True}


@pytest.mark.parametrize("name", compose()["services"])
def test_a_container_has_no_more_rights_than_it_needs(name):
    service = compose()["services"][name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert name == "nginx" or "cap_add" not in service
    if service.get("restart") == "no":
        return
    assert service["restart"] == "unless-stopped"
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}
    assert service["deploy"]["resources"]["limits"].keys() == {"memory", "pids"}


def test_nobody_starts_before_what_it_needs():
    services = compose()["services"]
    for number in (1, 2, 3):
        before = services[f"backend{number}"]["depends_on"]
        assert before["migrate"] == {"condition": "service_completed_successfully"}
        assert services["nginx"]["depends_on"][f"backend{number}"] == {"condition": "service_healthy"}
    assert services["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert all("healthcheck" in services[name] for name in ("nginx", "postgres", "redis"))


def test_nginx_is_told_where_the_instances_are():
    services = compose()["services"]
    template = (ROOT / "conf" / "nginx.conf.template").read_text()
    for number in (1, 2, 3):
        address = f"backend{number}:{services[f'backend{number}']['environment']['PORT']}"
        assert services["nginx"]["environment"][f"OFEKTOM_BACKEND_{number}"] == address
        assert f"${{OFEKTOM_BACKEND_{number}}}" in template


def test_the_first_start_makes_a_role_that_is_no_superuser():
    with debian_postgres() as url:
        host = url.partition("host=")[2]
        command = ["env", f"PGHOST={host}", "POSTGRES_USER=postgres", "sh", str(DEPLOY / "first-start.sh")]
        assert subprocess.run(command, check=False, capture_output=True).returncode != 0, "there is no password"
        subprocess.run(["env", "OFEKTOM_DB_PASSWORD=it's", *command[1:]], check=True)
        role = (
            "SELECT rolsuper, rolcreatedb, rolcreaterole, left(rolpassword, 5) FROM pg_authid WHERE rolname = 'ofektom'"
        )
        assert query(url, role) == [(False, False, False, "SCRAM")]
        query(f"postgresql://ofektom@/ofektom?host={host}", "CREATE TABLE mine () ; SELECT 1")


def lint(text: str) -> subprocess.CompletedProcess:
    return tool("hadolint", "--no-color", "--failure-threshold", "style", "-", input=text)


def test_the_dockerfile_is_clean(tmp_path):
    text = dockerfile.DOCKERFILE.read_text()
    assert lint(text).stdout == ""
    assert "DL3007" in lint(text.replace("python:3.13-slim-trixie", "python:latest")).stdout


def test_the_image_runs_as_nobody_and_holds_no_secret():
    steps = [step for stage in dockerfile.stages() for step in stage.steps]
    last = dict(dockerfile.stages()[-1].steps)
    names = [name for name, _ in dockerfile.stages()[-1].steps]
    assert int(last["USER"]) >= 1000
    assert names.index("USER") < names.index("CMD")
    assert not {"RUN", "COPY"} & set(names[names.index("USER") :]), "its own files must not be the service's to change"
    assert {"ARG", "ADD"}.isdisjoint(name for name, _ in steps)
    assert not re.search(r"SECRET|PEPPER|PASSWORD|_URL", " ".join(value for name, value in steps if name == "ENV"))
    assert last["STOPSIGNAL"] == "SIGTERM"


def test_a_build_sees_the_service_and_nothing_else():
    seen = set(dockerfile.context())
    assert {name.split("/")[0] for name in seen} == {
        "requirements.txt", "wsgi.py", "conf", "deploy", "migrations", "ofektom", "blueprints"
    }  # fmt: skip
    assert {name for name in seen if name.startswith(("conf/", "deploy/"))} == {
        "conf/gunicorn.py",
        "deploy/healthcheck.py",
    }
    assert not [name for name in seen if name.endswith(".pyc")]
    steps = [step for stage in dockerfile.stages() for step in stage.steps]
    copied = [value.split()[0] for name, value in steps if name == "COPY"]
    assert {name for name in copied if not name.startswith("--from")} == {
        rule[1:] for rule in dockerfile.IGNORED.read_text().splitlines() if rule.startswith("!")
    }
