"""What a command says: words, or one object and nothing else; progress for people at a terminal only."""

import json
import os
import pty
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from ofektom.errors import NotFound
from ofektom.reporting import progress, reports

# A program of ours in a process of its own, for the streams of one are what this is about.
PROGRAM = """
import logging, click
from ofektom import logs, reporting
logs.configure("INFO")

@click.command()
@reporting.reports("{count} done".format_map)
def work():
    with reporting.progress(3, "working") as advance:
        for _ in range(3):
            logging.getLogger("a").info("a line of the log")
            advance()
    return {"count": 3}

work()
"""


@click.command()
@click.option("--end", type=click.Choice(["well", "badly", "refused", "silently"]), default="well")
@reports(lambda found: f"found {found['count']}")
def look(end: str):
    """Look."""
    with progress(1, "looking") as advance:
        advance()
    if end == "refused":
        raise NotFound("no such shelf", shelf=7)
    return None if end == "silently" else {"count": 2, "ok": end == "well"}


@pytest.mark.parametrize(
    ("end", "code", "words", "found"),
    [
        ("well", 0, "found 2\n", {"ok": True, "count": 2}),
        ("badly", 1, "found 2\n", {"ok": False, "count": 2}),
        ("silently", 0, "", None),
        (
            "refused",
            1,
            "Error: There is no such thing here\nno such shelf\nshelf: 7\n",
            {"code": "not_found", "shelf": 7},
        ),
    ],
)
def test_words_or_one_object_and_an_exit_code(end, code, words, found):
    runner = CliRunner()
    said = runner.invoke(look, ["--end", end])
    assert (said.exit_code, said.output) == (code, words)
    said = runner.invoke(look, ["--end", end, "--json"])
    assert said.exit_code == code
    if found is None:
        assert said.stdout == ""
    else:
        assert json.loads(said.stdout).items() >= found.items()


def run(*options: str, terminal: bool) -> tuple[str, str]:
    """(standard output, standard error) of PROGRAM, the latter a terminal or not."""
    reading, writing = pty.openpty() if terminal else os.pipe()
    command = [sys.executable, "-c", PROGRAM, *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=writing) as process:
        os.close(writing)
        output = process.stdout.read().decode()
        errors = b""
        try:
            while piece := os.read(reading, 10_000):
                errors += piece
        except OSError:  # how a terminal says that nobody holds its other end
            pass
        os.close(reading)
    assert process.returncode == 0
    return output, errors.decode()


@pytest.mark.parametrize("terminal", [False, True])
def test_a_program_reads_the_object_and_nothing_else(terminal):
    output, errors = run("--json", terminal=terminal)
    assert json.loads(output) == {"ok": True, "count": 3}
    assert errors.count("a line of the log") == 3
    assert "working" not in errors


@pytest.mark.parametrize("terminal", [False, True])
def test_progress_is_for_people_at_a_terminal(terminal):
    output, errors = run(terminal=terminal)
    assert output.splitlines()[-1] == "3 done"
    assert ("100%" in errors) == ("working" in errors) == terminal
