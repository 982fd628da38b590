"""nginx with conf/nginx.conf, on a free port and before any instances."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.nginx import command
from tests.conf.processes import running


@contextmanager
def nginx(place: Path, port: int, instances: list[int], **values: str) -> Iterator[None]:
    """Run conf/nginx.conf on `port` before instances at three ports, with other `values` than conf/nginx.env has."""
    given = {f"OFEKTOM_BACKEND_{number}": f"127.0.0.1:{instance}" for number, instance in enumerate(instances, 1)}
    given |= {"OFEKTOM_LISTEN": f"127.0.0.1:{port}"} | values
    with running(command(place, given), port, place / "output"):
        yield
