"""conf/nginx.conf: how it is made of its template, and how it is run by anybody, anywhere."""

import os
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path
from string import Template

CONF = Path(__file__).resolve().parent.parent / "conf"
# Debian keeps nginx where the PATH of an ordinary user does not lead.
SEARCH_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
SURROUNDINGS = """
daemon off;
pid {place}/nginx.pid;
{user}
worker_processes {workers};
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {place}/body;
    proxy_temp_path {place}/proxy;
    fastcgi_temp_path {place}/fastcgi;
    uwsgi_temp_path {place}/uwsgi;
    scgi_temp_path {place}/scgi;
    {inside}
}}
"""


def defaults() -> dict[str, str]:
    """What conf/nginx.env says, by name."""
    words = shlex.split((CONF / "nginx.env").read_text(), comments=True)
    return dict(word.split("=", 1) for word in words)


def render(values: Mapping[str, str] = {}) -> str:
    """conf/nginx.conf with `values` in place of the defaults. Raises ValueError for a name not in conf/nginx.env."""
    known = defaults()
    if unknown := values.keys() - known.keys():
        raise ValueError(f"conf/nginx.env has no {', '.join(sorted(unknown))}")
    return Template((CONF / "nginx.conf.template").read_text()).safe_substitute(known | dict(values))


def command(place: Path, values: Mapping[str, str]) -> list[str]:
    """Write `place`/nginx.conf and what it includes; returns what runs it in the foreground.

    All that nginx writes is below `place`, an absolute path; cache and log unless `values` says otherwise.
    Raises OSError where there is no nginx, ValueError as `render` does.
    """
    below = {"OFEKTOM_CACHE_DIR": f"{place}/cache", "OFEKTOM_ACCESS_LOG": f"{place}/access.log"}
    (place / "ofektom.conf").write_text(render(below | dict(values)))
    return surrounded(place, f"include {place}/ofektom.conf;")


def surrounded(place: Path, inside: str, *, workers: int = 1) -> list[str]:
    """Write `place`/nginx.conf, of what is `inside` its http block; returns what runs it in the foreground.

    Raises OSError where there is no nginx.
    """
    program = shutil.which("nginx", path=SEARCH_PATH)
    if program is None:
        raise OSError("nginx is not installed")
    # Workers, too, have to reach the files of whoever starts nginx.
    user = "user root;" if os.geteuid() == 0 else ""
    configuration = SURROUNDINGS.format(place=place, user=user, inside=inside, workers=workers)
    (place / "nginx.conf").write_text(configuration)
    return [program, "-p", str(place), "-e", str(place / "error.log"), "-c", str(place / "nginx.conf")]


if __name__ == "__main__":
    (CONF / "nginx.conf").write_text(render())
