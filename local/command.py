"""`make flask ARGS="..."`: a command of the application, with the database and the secrets of this checkout."""

import subprocess
import sys

from local.checkout import environment
from local.postgres import PostgresError
from local.programs import ROOT, CannotRun


def main() -> int:
    """Run it, beside a service that is running or alone; returns what it returns."""
    try:
        with environment() as variables:
            command = [sys.executable, "-m", "flask", "--app", "wsgi", *sys.argv[1:]]
            return subprocess.run(command, cwd=ROOT, env=variables, check=False).returncode
    except (CannotRun, PostgresError, OSError) as problem:
        print(f"Ofektom cannot run: {problem}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
