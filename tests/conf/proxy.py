"""nginx with conf/nginx.conf, on a free port and before any instances."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from local.nginx import command
from tests.conf.processes import running


@contextmanager
def nginx(
    place: Path, port: int, instances: list[int], changes: Mapping[str, str] = {}, **values: str
) -> Iterator[list[str]]:
    """Run conf/nginx.conf on `port` before instances at three ports, with other `values` than conf/nginx.env has.

    `changes` are to lines that the file has once. Yields the command, for `-s reload`.
    """
    given = {f"OFEKTOM_BACKEND_{number}": f"127.0.0.1:{instance}" for number, instance in enumerate(instances, 1)}
    given |= {"OFEKTOM_LISTEN": f"127.0.0.1:{port}"} | values
    started = command(place, given)
    conf = place / "ofektom.conf"
    for old, new in changes.items():
        text = conf.read_text()
        assert text.count(old) == 1, old
        conf.write_text(text.replace(old, new))
    with running(started, port, place / "output"):
        yield started
