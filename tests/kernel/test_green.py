"""What gevent changes, in a process of its own because its patches cannot be undone."""

import subprocess
import sys

from ofektom import green

IN_A_GREEN_PROCESS = """
from gevent import monkey
monkey.patch_all()
import time
import gevent
from ofektom import green
from ofektom.errors import DeadlineExceeded

assert green.is_green()

try:
    with green.deadline(0.05):
        time.sleep(5)
except DeadlineExceeded:
    print("cut off")

try:
    with gevent.Timeout(0.05), green.deadline(5):
        time.sleep(5)
except gevent.Timeout:
    print("somebody else's timeout is left alone")

def burn(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass
    return "burnt"

beats = []
heart = gevent.spawn(lambda: [(beats.append(1), gevent.sleep(0.01)) for _ in range(10)])
print(green.off_the_hub(burn, 0.5), "meanwhile" if len(beats) > 2 else "alone")
heart.join()
"""


def test_in_a_green_process_deadlines_fire_and_heavy_work_stalls_nobody():
    done = subprocess.run([sys.executable, "-c", IN_A_GREEN_PROCESS], capture_output=True, text=True, check=False)
    expected = ["cut off", "somebody else's timeout is left alone", "burnt meanwhile"]
    assert done.stdout.splitlines() == expected, done.stderr


def test_on_plain_threads_there_is_no_deadline_and_work_is_done_in_place():
    assert not green.is_green()
    with green.deadline(0):
        assert green.off_the_hub(max, 1, 2) == 2
