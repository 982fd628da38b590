"""Harm the service again and again while people act on it, and compare what they were told with what there is.

    make faults N=20 [ARGS="--seed 7 --kinds workers,commits --json FILE"]

N scales everything: 5 N kills of a worker, N of PostgreSQL, 50 N connections cut at COMMIT, 5 N faults of Redis, and
5 000 N attempts at payments that race. Exits with 1 if anything was lost, doubled, answered wrongly or overdrawn. The
log of what was acknowledged stays where it says if there is a finding.
"""

import argparse
import json
import secrets
import shutil
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from bench.faults import payments
from bench.faults.kinds import KINDS, run
from bench.faults.site import Site

ATTEMPTS_PER_N = 5_000
FINDINGS = ("lost", "doubled", "wrong answers", "unbalanced", "overdrawn")


def arguments() -> argparse.Namespace:
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=1, help="how often; 20 takes about a quarter of an hour")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="of all that is drawn by lot")
    parser.add_argument("--kinds", default=",".join([*KINDS, "payments"]), help="which, in this order")
    parser.add_argument("--json", type=Path, help="where the summary goes, besides what is printed")
    given = parser.parse_args()
    given.kinds = given.kinds.split(",")
    if unknown := set(given.kinds) - {*KINDS, "payments"}:
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    return given


def harm(folder: Path, kinds: list[str], n: int, seed: int) -> dict[str, dict]:
    """Do the kinds one after the other; their figures."""
    found: dict[str, dict] = {}
    with ExitStack() as stack:
        site = stack.enter_context(Site(folder, seed).running())
        for name in kinds:
            say(f"{name}:")
            if name == "payments":
                found[name] = payments.run(site, ATTEMPTS_PER_N * n, say)
                continue
            with ExitStack() as meanwhile:
                if name != "redis":  # which brings its own
                    meanwhile.enter_context(site.redis.running())
                found[name] = run(site, name, KINDS[name].per_n * n, say)
    return found


def say(line: str) -> None:
    """Print at once, with the time, for whoever waits."""
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


def main() -> None:
    """Harm, print the summary, and say whether it is a good one."""
    given = arguments()
    say(f"seed {given.seed}")
    folder = Path(tempfile.mkdtemp(prefix="ofektom-faults-"))
    folder.chmod(0o755)
    summary = {"n": given.n, "seed": given.seed, "kinds": harm(folder, given.kinds, given.n, given.seed)}
    summary |= {name: sum(len(kind.get(name, ())) for kind in summary["kinds"].values()) for name in FINDINGS}
    text = json.dumps(summary, indent=1)
    print(text)
    if given.json:
        given.json.write_text(text + "\n")
    if any(summary[name] for name in FINDINGS):
        sys.exit(f"there are findings: see {folder}")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
