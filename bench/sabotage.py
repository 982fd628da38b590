"""Try every sabotage on a copy of the tree: its test must be red there, and green on a copy as it is.

    make sabotage [ARGS="--only 'rate limit' --lanes 1"]

Exits with 1 unless all are found out.
"""

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue

from bench.sabotages import SABOTAGES, Sabotage
from tests.conf.processes import ROOT

# For one test with the servers it starts, on a machine that may be busy; for all of them, as they are.
RED_SECONDS, GREEN_SECONDS = 240, 1200
FAILED = re.compile(r"^FAILED (\S+)", re.MULTILINE)
NOT_GREEN = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)


def copy_tree(folder: Path) -> Path:
    """What git knows, and what is new and it would take, in `folder`."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    for name in listed:
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


@contextmanager
def sabotaged(folder: Path, sabotage: Sabotage) -> Iterator[None]:
    """The copy has the sabotage in the block."""
    path = folder / sabotage.file
    before = path.read_text()
    if before.count(sabotage.text) != 1:
        raise LookupError(f"{sabotage.what}: the text does not occur once in {sabotage.file}")
    path.write_text(before.replace(sabotage.text, sabotage.replacement))
    try:
        yield
    finally:
        path.write_text(before)


def run_tests(folder: Path, tests: list[str], seconds: int, *options: str) -> tuple[int, str]:
    """The exit status of pytest in `folder` and what it said; 124 when it took too long."""
    command = [sys.executable, "-m", "pytest", "-q", "-rfE", "-p", "no:cacheprovider", *options, *tests]
    # Python would take compiled files of the same second and size for those of the changed source; and pytest shuts its
    # temporary folder, as it begins, to the servers of another run in there.
    own = folder.with_name(f"{folder.name}-temporary")
    own.mkdir(exist_ok=True)
    env = os.environ | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1", "PYTEST_DEBUG_TEMPROOT": str(own)}
    with subprocess.Popen(
        command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            said, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)  # at which pytest stops its servers
            said, _ = process.communicate()
            return 124, said
    return process.returncode, said


def is_found(folder: Path, sabotage: Sabotage) -> tuple[bool, str]:
    """Whether the named test itself fails, and not what it stands on; and what pytest said."""
    with sabotaged(folder, sabotage):
        status, said = run_tests(folder, [sabotage.test], RED_SECONDS, "-x")
    red = [name for name in FAILED.findall(said) if name.split("[")[0] == sabotage.test]
    return status == 1 and bool(red), said


def try_all(folders: list[Path], sabotages: list[Sabotage]) -> list[Sabotage]:
    """Try them side by side, as many as there are copies; those that were not found out."""
    free: SimpleQueue[Path] = SimpleQueue()
    for folder in folders:
        free.put(folder)

    def attempt(sabotage: Sabotage) -> bool:
        folder, began = free.get(), time.monotonic()
        try:
            found, said = is_found(folder, sabotage)
        finally:
            free.put(folder)
        print(f"{'red ' if found else 'MISSED'} {time.monotonic() - began:5.1f} s  {sabotage.what}", flush=True)
        if not found:
            print(said[-3000:], flush=True)
        return found

    with ThreadPoolExecutor(len(folders)) as lanes:
        outcomes = list(lanes.map(attempt, sabotages))
    return [sabotage for sabotage, found in zip(sabotages, outcomes, strict=True) if not found]


def red_as_it_is(folder: Path, tests: list[str]) -> set[str]:
    """Those of the tests that fail without any sabotage."""
    status, said = run_tests(folder, tests, GREEN_SECONDS)
    red = {name.split("[")[0] for name in NOT_GREEN.findall(said)}
    print(f"as it is: {len(tests) - len(red)} of {len(tests)} tests are green", flush=True)
    if status and (status != 1 or not red):
        sys.exit(said[-3000:])
    return red


def main() -> None:
    """Sabotage, and print how many were found out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="those whose description has this in it")
    parser.add_argument("--lanes", type=int, default=2, help="how many at once")
    parser.add_argument("--trust-green", action="store_true", help="do not run the tests on the tree as it is first")
    given = parser.parse_args()
    sabotages = [sabotage for sabotage in SABOTAGES if given.only in sabotage.what]
    with tempfile.TemporaryDirectory(prefix="ofektom-sabotage-") as place:
        Path(place).chmod(0o755)
        folders = [copy_tree(Path(place) / str(number)) for number in range(given.lanes)]
        red = set() if given.trust_green else red_as_it_is(folders[0], sorted({one.test for one in sabotages}))
        # Of a test that is red anyway nobody knows what it notices.
        missed = [sabotage for sabotage in sabotages if sabotage.test in red]
        for sabotage in missed:
            print(f"UNKNOWN  {sabotage.what}: {sabotage.test} is red as it is", flush=True)
        missed += try_all(folders, [sabotage for sabotage in sabotages if sabotage.test not in red])
    print(f"{len(sabotages) - len(missed)} of {len(sabotages)} sabotages are found out")
    if missed:
        sys.exit(1)


if __name__ == "__main__":
    main()
