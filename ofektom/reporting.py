"""What a command says: a few words for people, or with `--json` one object for programs; and how far it has come.

Exit codes are the same for every command: 0 it is done and all is well, 1 it was refused or has found something wrong,
2 it was called wrongly. The object goes to standard output by itself; the log and the progress go elsewhere.
"""

import contextlib
import functools
import sys
from collections.abc import Callable, Iterator

import click
import orjson

from ofektom import logs
from ofektom.errors import Problem

_AS_JSON = "ofektom.as_json"


def reports(say: Callable[[dict], str]) -> Callable:
    """Give a command, a function that returns what it has found out, the option `--json`; `say` puts it in words.

    What it returns has JSON's types, dates and times; with `ok` False something is wrong. None says nothing. A Problem
    is a refusal: its document with `--json`, else its title.
    """

    def decorate(command: Callable[..., dict | None]) -> Callable[..., None]:
        @click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for programs.")
        @functools.wraps(command)
        def run(*args, as_json: bool, **kwargs) -> None:
            context = click.get_current_context()
            context.meta[_AS_JSON] = as_json
            if as_json:
                logs.leave_standard_output()
            try:
                found = command(*args, **kwargs)
            except Problem as refusal:
                found = {"ok": False} | refusal.document()
                if not as_json:
                    raise click.ClickException(_in_words(refusal)) from None
            except click.UsageError:
                raise
            except click.ClickException as refusal:
                if not as_json:
                    raise
                found = {"ok": False, "title": refusal.format_message()}
            if found is None:
                return
            found = {"ok": True} | found
            click.echo(orjson.dumps(found).decode() if as_json else say(found))
            if not found["ok"]:
                context.exit(1)

        return run

    return decorate


def _in_words(refusal: Problem) -> str:
    about = (refusal.extra | {"errors": refusal.fields}) if refusal.fields else refusal.extra
    details = [refusal.detail or "", *(f"{name}: {value}" for name, value in about.items())]
    return "\n".join([refusal.title, *filter(None, details)])


@contextlib.contextmanager
def progress(length: int, label: str) -> Iterator[Callable[[int], None]]:
    """A function by which a command says that it has got some steps further, of `length` in all.

    People see a bar on standard error; nobody does who is no terminal, or who has asked for JSON.
    """
    if click.get_current_context().meta.get(_AS_JSON) or not sys.stderr.isatty():
        yield lambda steps=1: None
        return
    options = {"length": length, "label": label, "file": sys.stderr, "update_min_steps": max(1, length // 1000)}
    with click.progressbar(**options) as bar:
        yield lambda steps=1: bar.update(steps)
