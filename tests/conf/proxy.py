"""nginx with conf/nginx.conf, on a free port and before any instances."""

import os
from contextlib import contextmanager
from pathlib import Path

from tests.conf.processes import ROOT, program, running

SURROUNDINGS = """
daemon off;
pid {place}/nginx.pid;
error_log {place}/error.log;
{user}
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {place}/body;
    proxy_temp_path {place}/proxy;
    fastcgi_temp_path {place}/fastcgi;
    uwsgi_temp_path {place}/uwsgi;
    scgi_temp_path {place}/scgi;
    include {place}/ofektom.conf;
}}
"""


@contextmanager
def nginx(place: Path, port: int, instances: list[int]):
    """Run conf/nginx.conf on `port`, with the ports of its three instances exchanged for `instances`."""
    conf = (ROOT / "conf" / "nginx.conf").read_text()
    changes = {"listen 80;": f"listen 127.0.0.1:{port};"}
    changes |= {f"127.0.0.1:{old}": f"127.0.0.1:{new}" for old, new in zip((8001, 8002, 8003), instances, strict=True)}
    for old, new in changes.items():
        assert conf.count(old) == 1
        conf = conf.replace(old, new)
    (place / "ofektom.conf").write_text(conf)
    user = "user root;" if os.geteuid() == 0 else ""
    (place / "nginx.conf").write_text(SURROUNDINGS.format(place=place, user=user))
    command = [
        program("nginx"),
        "-p",
        str(place),
        "-e",
        str(place / "error.log"),
        "-c",
        str(place / "nginx.conf"),
    ]
    with running(command, port, place / "output"):
        yield
