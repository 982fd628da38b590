"""`make run`: the service, its PostgreSQL and people to log in as, on this machine, until Ctrl-C."""

import os
import sys

from local.checkout import STATE, environment, people
from local.guide import guide
from local.postgres import PostgresError
from local.programs import (
    SERVICE,
    WORKER,
    CannotRun,
    logged,
    port_for,
    stop_on_signal,
    wait_for_the_end,
    wait_until_ready,
)


def main() -> int:
    """Start everything, explain it, and stop it again when told to."""
    stopping = stop_on_signal()
    log = STATE / "service.log"
    try:
        port = port_for(os.environ.get("PORT", "8000"), "make run")
        with environment(PORT=str(port)) as variables:
            known = people(variables)
            with (
                logged("the worker", WORKER, STATE / "worker.log", variables) as worker,
                logged("gunicorn", SERVICE, log, variables) as service,
            ):
                if wait_until_ready([service, worker], port, stopping):
                    print(guide(known, f"http://127.0.0.1:{port}", Log=log, Data=STATE), flush=True)
                wait_for_the_end([service, worker], stopping)
    except (CannotRun, PostgresError, OSError) as problem:
        print(f"Ofektom cannot run: {problem}", file=sys.stderr)
        return 1
    print("Stopped.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
