"""`make cluster`: PostgreSQL, Redis, three instances, and Nginx with production's conf/, until Ctrl-C."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from local import nginx
from local.checkout import STATE, environment, people
from local.guide import guide
from local.postgres import PostgresError
from local.programs import (
    SERVICE,
    WORKER,
    CannotRun,
    Program,
    labelled,
    port_for,
    stop_on_signal,
    wait_for_the_end,
    wait_until_ready,
)

COMMAND = "make cluster"
FIRST_PORT = "8001"
INSTANCES = 3
# What they log while they run; each is there only if this checkout started the server.
SERVER_LOGS = {"postgres": "postgres.log", "redis": "redis.log"}


def main() -> int:
    """Start everything, explain it, and stop it again when told to."""
    stopping = stop_on_signal()
    try:
        port = port_for(os.environ.get("PORT", "8000"), COMMAND)
        first = int(os.environ.get("FIRST_PORT", FIRST_PORT))
        ports = [port_for(str(first + number), COMMAND) for number in range(INSTANCES)]
        # Nginx is the one proxy in front, and all instances share the connections that PostgreSQL has.
        with environment(INSTANCES=str(INSTANCES), PROXY_HOPS="1") as variables:
            known = people(variables)
            with _programs(port, ports, variables) as programs:
                if all(wait_until_ready(programs, each, stopping) for each in [*ports, port]):
                    behind = ", ".join(f"127.0.0.1:{each}" for each in ports)
                    print(guide(known, f"http://127.0.0.1:{port}", Instances=behind, Data=STATE), flush=True)
                wait_for_the_end(programs, stopping)
    except (CannotRun, PostgresError, OSError) as problem:
        print(f"Ofektom cannot run: {problem}", file=sys.stderr)
        return 1
    print("Stopped.")
    return 0


@contextmanager
def _programs(port: int, ports: list[int], variables: Mapping[str, str]) -> Iterator[list[Program]]:
    """Everything that is not running yet. Nginx stops first, so that nobody is refused by an instance that stops."""
    with ExitStack() as running:

        def start(name: str, command: list[str], **more: str) -> Program:
            return running.enter_context(labelled(name, command, {**variables, **more}))

        followed = [
            start(name, ["tail", "-n", "0", "-F", str(STATE / file)])
            for name, file in SERVER_LOGS.items()
            if (STATE / file).exists()
        ]
        instances = [start(f"web {each}", SERVICE, PORT=str(each)) for each in ports]
        worker = start("worker", WORKER)
        front = start("nginx", _nginx(port, ports))
        yield [*followed, *instances, worker, front]


def _nginx(port: int, ports: list[int]) -> list[str]:
    place = STATE / "nginx"
    place.mkdir(exist_ok=True)
    backends = {f"OFEKTOM_BACKEND_{number}": f"127.0.0.1:{each}" for number, each in enumerate(ports, 1)}
    own = {"OFEKTOM_LISTEN": f"127.0.0.1:{port}", "OFEKTOM_ACCESS_LOG": "/dev/stdout"}
    return nginx.command(place, own | backends)


if __name__ == "__main__":
    sys.exit(main())
