"""A request that is given up while it waits for Redis takes its connection along: nobody reads another's answer."""

import json
import subprocess
import sys

from tests.conf.processes import ROOT

WANTED = 1000


def test_no_answer_reaches_somebody_else(redis_url):
    port = redis_url.rpartition(":")[2].partition("/")[0]
    command = [sys.executable, "-m", "gevent.monkey", "--module", "tests.faults.hasty", port, str(WANTED)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    came = json.loads(done.stdout)
    print(came)
    assert came["kills"] >= WANTED
    assert came["own"] >= WANTED
    assert (came["another's"], came["unsealed another's"], came["misses"]) == (0, 0, 0)
    assert came["lost later"] == came["connections missing"] == 0
