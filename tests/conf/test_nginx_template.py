"""conf/nginx.conf is what its template and conf/nginx.env say, and nginx takes it as it is."""

import os
import subprocess

import pytest

from local.nginx import CONF, defaults, render
from tests.conf.processes import program


def test_the_committed_file_is_the_rendering():
    assert (CONF / "nginx.conf").read_text() == render(), "run `make conf`"


def test_envsubst_makes_the_same_of_it():
    """With the commands of docs/operations.md."""
    script = """
        set -a; . ./nginx.env; OFEKTOM_LISTEN=8080; set +a
        envsubst "$(sed -n 's/^\\(OFEKTOM_[A-Z_0-9]*\\)=.*/${\\1}/p' nginx.env)" < nginx.conf.template
    """
    made = subprocess.run(["bash", "-c", script], cwd=CONF, capture_output=True, text=True, check=True).stdout
    assert made == render({"OFEKTOM_LISTEN": "8080"})


def test_every_value_is_used_and_none_is_missing():
    template = (CONF / "nginx.conf.template").read_text()
    assert not [name for name in defaults() if f"${{{name}}}" not in template]
    assert "OFEKTOM_" not in render()


def test_a_name_that_nothing_uses_is_refused():
    with pytest.raises(ValueError, match="OFEKTOM_BACKENDS"):
        render({"OFEKTOM_BACKENDS": "127.0.0.1:1"})


@pytest.mark.skipif(os.geteuid() != 0, reason="it listens on port 80")
def test_nginx_takes_it_as_it_is(tmp_path):
    main = tmp_path / "nginx.conf"
    main.write_text(f"pid {tmp_path}/pid; events {{}} http {{ include {CONF}/nginx.conf; }}")
    command = [program("nginx"), "-t", "-q", "-e", str(tmp_path / "error.log"), "-c", str(main)]
    tested = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (tested.returncode, tested.stderr) == (0, "")
