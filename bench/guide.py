"""What the performance guide promised, measured as it measures: the first login, and `ab` on the login."""

import json
import re
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

from bench.costs import service
from bench.world import World
from tests.cast import Person
from tests.conf.processes import ask, program

STARTS = 3
REQUESTS, CONNECTIONS = 1000, 10
LOGIN = "/api/v1/auth/login"


def first_logins(url: str, redis_url: str, world: World, folder: Path, **settings: str) -> list[float]:
    """How long the first login takes of instances that have just been started, in ms."""
    body, seconds = _body(world.people[0]), []
    for _ in range(STARTS):
        with service(url, redis_url, folder, **settings) as (port, _process):
            began = time.perf_counter()
            answer = ask(port, LOGIN, "POST", body, {"Content-Type": "application/json"})
            seconds.append((time.perf_counter() - began) * 1000)
            assert answer.status == 200, answer
    return seconds


def ab_one_person(port: int, world: World, folder: Path) -> dict:
    """The guide's own command: one person signs in a thousand times, ten times at once."""
    return _ab([world.people[0]], port, folder, REQUESTS, CONNECTIONS)


def ab_ten_people(port: int, world: World, folder: Path) -> dict:
    """Ten people, each a hundred times and once at a time: as many at once, by ten `ab` side by side."""
    return _ab(world.people[:CONNECTIONS], port, folder, REQUESTS // CONNECTIONS, 1)


def _ab(people: list[Person], port: int, folder: Path, requests: int, connections: int) -> dict:
    """`per_second` of all together, the slowest `p50` and `p99` in ms, and how many were `refused`."""
    began, url = time.perf_counter(), f"http://127.0.0.1:{port}{LOGIN}"
    with ExitStack() as stack:
        runs = []
        for number, person in enumerate(people):
            body = folder / f"login-{number}.json"
            body.write_bytes(_body(person))
            # -l: the tokens in the answers are not always equally long.
            command = [program("ab"), "-l", "-q", "-n", str(requests), "-c", str(connections), "-p", str(body)]
            command += ["-T", "application/json", url]
            runs.append(stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True)))
        told = [run.communicate()[0] for run in runs]
    seconds = time.perf_counter() - began
    figures = {name: max(_number(rf"\n +{name}% +(\d+)", each) for each in told) for name in ("50", "99")}
    refused = sum(_number(r"Non-2xx responses: +(\d+)", each) for each in told)
    done = sum(_number(r"Complete requests: +(\d+)", each) for each in told)
    return {"requests": done, "refused": refused, "per_second": done / seconds} | {
        f"p{n}": v for n, v in figures.items()
    }


def _number(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    return float(found[1]) if found else 0


def _body(person: Person) -> bytes:
    return json.dumps({"login": person.phone, "secret": person.secret}).encode()
