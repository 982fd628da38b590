"""`make fuzz N=20000 SEED=7`: so many requests by everybody, made from the served document, and what came of them."""

import argparse
import random
import sys
import time

from tests.concurrency.race import verify
from tests.fuzz.engine import Tally, run_role
from tests.fuzz.service import CALLERS, callers, served
from tests.standalone import throw_away_servers


def main() -> int:
    """Run every caller in turn; 1 when anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=24_000)
    parser.add_argument("--seed", type=int, default=random.randrange(10**9))
    parser.add_argument("--callers", nargs="+", choices=CALLERS, default=CALLERS)
    chosen = parser.parse_args()
    print(f"seed {chosen.seed}", flush=True)
    each, wrong = -(-chosen.requests // len(chosen.callers)), 0
    with throw_away_servers() as (settings, folder), served(settings, settings.database_url, folder) as service:
        for part, caller in enumerate(callers(service, chosen.callers)):
            began = time.monotonic()
            tally = run_role(service.url, caller, seed=chosen.seed, requests=each, part=part)
            report(caller.persona.name, tally, time.monotonic() - began)
            wrong += len(tally.failures)
        said = verify(service.app)
        print(f"flask verify: {said.output.strip()}")
        errors = [line for line in service.log.read_text().splitlines() if '"ERROR"' in line or "Traceback" in line]
        print(f"errors in the log: {len(errors)}", *errors[:10], sep="\n")
    return int(bool(wrong or said.exit_code or errors))


def report(name: str, tally: Tally, seconds: float) -> None:
    """What one caller saw."""
    classes = ", ".join(f"{hundred // 100}xx {tally.share(hundred):.1%}" for hundred in (200, 300, 400, 500))
    print(f"{name}: {tally.requests} requests in {seconds:.0f} s; {classes}; without an answer {tally.statuses[0]}")
    print(f"  by status {dict(sorted(tally.statuses.items()))}")
    print(
        "  by phase", ", ".join(f"{phase} {sent}, {tally.accepted[phase]} 2xx" for phase, sent in tally.phases.items())
    )
    for (check, operation, message), (count, seen) in tally.failures.items():
        print(f"  FAILED {check}, {count} times: {operation}: {message}\n{seen}")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
