"""conf/nginx.conf is what its template and conf/nginx.env say, and nginx takes it as it is."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from local.nginx import CONF, command, defaults, render
from tests.conf.processes import ask, free_port, program, running


def test_the_committed_file_is_the_rendering():
    assert (CONF / "nginx.conf").read_text() == render(), "run `make conf`"


def test_envsubst_makes_the_same_of_it():
    """By the line that docs/operations.md gives."""
    [line] = re.findall(
        "^    (envsubst .*) > /etc/", (CONF.parent / "docs" / "operations.md").read_text(), re.MULTILINE
    )
    script = f"set -a; . conf/nginx.env; OFEKTOM_LISTEN=8080; set +a; {line}"
    made = subprocess.run(["bash", "-c", script], cwd=CONF.parent, capture_output=True, text=True, check=True).stdout
    assert made == render({"OFEKTOM_LISTEN": "8080"})


def test_every_value_is_used_and_none_is_missing():
    template = (CONF / "nginx.conf.template").read_text()
    assert not [name for name in defaults() if f"${{{name}}}" not in template]
    assert "OFEKTOM_" not in render()


def test_a_name_that_nothing_uses_is_refused():
    with pytest.raises(ValueError, match="OFEKTOM_BACKENDS"):
        render({"OFEKTOM_BACKENDS": "127.0.0.1:1"})


@pytest.fixture
def no_traces():
    """Removes what nginx makes outside of any test's place when it reads the file as it is."""
    made = [path for path in (Path("/var/cache/ofektom"), Path("/var/log/nginx/ofektom.log")) if not path.exists()]
    yield
    for path in made:
        path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)


def nginx_test(main: Path) -> tuple[int, str]:
    """Whether nginx refuses a main configuration, and what it says."""
    command = [program("nginx"), "-t", "-q", "-e", str(main.with_name("error.log")), "-c", str(main)]
    tested = subprocess.run(command, capture_output=True, text=True, check=False)
    return tested.returncode, tested.stderr


@pytest.mark.usefixtures("no_traces")
@pytest.mark.skipif(os.geteuid() != 0, reason="it listens on port 80")
def test_nginx_takes_it_as_it_is(tmp_path):
    main = tmp_path / "nginx.conf"
    main.write_text(f"pid {tmp_path}/pid; events {{}} http {{ include {CONF}/nginx.conf; }}")
    assert nginx_test(main) == (0, "")


def test_it_is_asked_even_where_another_site_is_the_default_one(tmp_path):
    """As Debian's welcome page is."""
    port = free_port()
    started = command(tmp_path, {"OFEKTOM_LISTEN": f"127.0.0.1:{port}"})
    other = f"server {{ listen 127.0.0.1:{port} default_server; server_name _; return 200 welcome; }}"
    main = tmp_path / "nginx.conf"
    main.write_text(main.read_text().replace("include", f"{other} include"))
    with running(started, port, tmp_path / "output"):
        assert ask(port, "/health", headers={"Host": "save.example"}).json["code"] == "not_found"
