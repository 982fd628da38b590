"""`make model N=2000 SEED=7`: so many sequences of the machine on servers of their own."""

import argparse
import random
import time
from collections import Counter

from tests.cast import Cast, Staff
from tests.concurrency.race import assert_adds_up
from tests.conftest import Calendar
from tests.faults.servers import application
from tests.model.both import Town
from tests.model.running import run_machine
from tests.standalone import throw_away_servers


def main() -> None:
    """Run, and say how many and with which seed; a disagreement ends it with the shortest way there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sequences", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=random.randrange(10**9))
    chosen = parser.parse_args()
    print(f"seed {chosen.seed}", flush=True)
    with throw_away_servers() as (settings, _):
        app = application(settings, settings.database_url)
        town, began = Town(app, Cast(Staff(app)), Calendar(app), Counter()), time.monotonic()
        acts = run_machine(town, sequences=chosen.sequences, seed=chosen.seed)
        assert_adds_up(app)
    seconds = time.monotonic() - began
    done = sum(count for (_, said), count in acts.items() if said == "done")
    print(f"{acts.total()} acts in {seconds:.0f} s, {done} of them done, the others refused as the books refuse them")
    for (path, said), count in sorted(acts.items()):
        print(f"  {count:6} {path} {said}")


if __name__ == "__main__":
    main()
