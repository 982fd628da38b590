"""Every command says what it is for, what its options do, and reports to programs; docs/operations.md lists what."""

import re

import click
import pytest

from tests.architecture.reading import ROOT

WIDTH = 80
FOREIGN = {"db"}  # Flask-Migrate's
TABLE = (ROOT / "docs" / "operations.md").read_text()
TABLE = TABLE[TABLE.index("## Commands") : TABLE.index("## Health")]


@pytest.fixture
def commands(app) -> dict[str, click.Command]:
    """Our own, by name."""
    return {name: command for name, command in app.cli.commands.items() if name not in FOREIGN}


def test_each_has_a_line_in_the_list_that_fits_and_help_of_its_own(app, commands):
    listed = app.test_cli_runner().invoke(args=["--help"], terminal_width=WIDTH).output
    for name, command in commands.items():
        assert re.search(rf"^  {name} +[A-Z][^\n]*[a-z0-9]\.$", listed, re.MULTILINE), name
        assert "..." not in command.get_short_help_str(WIDTH - 6 - max(map(len, commands))), name
        assert command.help, name


def test_each_option_says_what_it_does(commands):
    for name, command in commands.items():
        for option in command.params:
            if isinstance(option, click.Option):
                assert re.fullmatch(r"[A-Z].*\.", option.help or "", re.DOTALL), f"{name} {option.name}"
                if option.default not in (None, False, ()) and not option.required and not callable(option.default):
                    assert option.show_default or str(option.default).startswith("Sentinel"), f"{name} {option.name}"


def test_each_reports_to_programs_and_the_document_says_what(commands):
    for name, command in commands.items():
        assert "as_json" in {option.name for option in command.params}, name
        assert re.search(rf"^\| `{name}\b[^|]*\|[^|]*\|[^|]*\| `\w+`[^|]*\|$", TABLE, re.MULTILINE), name
