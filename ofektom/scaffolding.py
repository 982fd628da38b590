"""`flask new-blueprint NAME`: writes a complete small slice, with its tests and its rows in the documents.

The templates are in `ofektom/scaffold/`. The slice keeps named things of members of a business, because that needs one
of everything: a table, a view of each sort, sight, an error, an index.
"""

import ast
import builtins
import keyword
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from string import Template

import click
from flask import Flask, current_app
from flask.cli import with_appcontext

from ofektom import discovery
from ofektom.errors import Problem
from ofektom.extensions import db
from ofektom.reporting import reports

TEMPLATES = Path(__file__).parent / "scaffold"
ROOT = Path(__file__).parents[1]
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
SHORTEST, LONGEST = 3, 24


class Refused(click.ClickException):
    """The slice cannot be made; nothing has been written."""


def _say(found: dict) -> str:
    lines = [f"{what} {path}" for what, names in (("write", "written"), ("change", "changed")) for path in found[names]]
    return "\n".join([*lines, *([found["next"]] if found["next"] else [])])


@click.command("new-blueprint", short_help="Write a small slice to begin with.")
@click.argument("name")
@click.option("--one", help="What one of them is called; by default NAME without its plural ending.")
@click.option("--dry-run", is_flag=True, help="List what would be written, and write nothing.")
@reports(_say)
@with_appcontext
def new_blueprint(name: str, one: str | None, dry_run: bool) -> dict:
    """Write a small slice called NAME, a plural in snake_case, with its tests and its rows in the documents."""
    words = _words(name, one or singular(name))
    _check(current_app._get_current_object(), words)
    files, edits = _files(words), _edits(words)
    if not dry_run:
        _write(files | edits, new=set(files))
    written, changed = ([str(path.relative_to(ROOT)) for path in paths] for paths in (files, edits))
    return {"written": written, "changed": changed, "next": None if dry_run else _next_steps(words)}


def singular(name: str) -> str:
    """What one of `name` is called, as far as English keeps its rules."""
    for ending, of_one in (("ies", "y"), ("sses", "ss"), ("xes", "x"), ("ches", "ch"), ("shes", "sh"), ("s", "")):
        if name.endswith(ending) and not (ending == "s" and name.endswith("ss")):
            return name.removesuffix(ending) + of_one
    return name


def _words(things: str, thing: str) -> dict[str, str]:
    """What the placeholders of the templates stand for."""
    camel = {"Things": things, "Thing": thing}
    return {
        "things": things,
        "thing": thing,
        "words": things.replace("_", " "),
        "Words": things.replace("_", " ").capitalize(),
        "path": things.replace("_", "-"),
    } | {key: name.title().replace("_", "") for key, name in camel.items()}


def _check(app: Flask, words: dict[str, str]) -> None:
    """Raise Refused for a name that is none, is taken or would be mistaken for another."""
    name, one = words["things"], words["thing"]
    if not (ROOT / "tests" / "blueprints").is_dir():
        raise Refused("there are no tests here: this is no checkout of the source")
    for word in (name, one):
        if not _NAME.fullmatch(word) or not SHORTEST <= len(word) <= LONGEST:
            raise Refused(f"{word!r} is no name: {SHORTEST} to {LONGEST} of a-z, 0-9 and _, in snake_case")
        if keyword.iskeyword(word) or keyword.issoftkeyword(word) or hasattr(builtins, word):
            raise Refused(f"{word!r} is a word of Python's own")
    if name == one:
        raise Refused(f"{name!r} is no plural; say what one of them is called with --one")
    for kind, taken in _taken(app):
        for word in (name, one):
            if word in (taken, singular(taken)):
                raise Refused(f"{word!r} would be mistaken for the {kind} {taken!r}")
    for text in _files(words).values():
        twice = [found for found, times in Counter(_bound(text)).items() if times > 1]
        if twice:
            raise Refused(f"{name!r} clashes with {twice[0]!r}, which a slice needs itself")


def _taken(app: Flask) -> Iterator[tuple[str, str]]:
    """(kind, name) of everything that a slice is known by: its folder, paths, tables, permissions and errors."""
    yield from (("slice", name) for name in discovery.find_slices())
    for home in (ROOT / "blueprints", ROOT / "tests" / "blueprints"):
        yield from (("folder", path.name) for path in home.iterdir())
    for rule in app.url_map.iter_rules():
        first = rule.rule.removeprefix("/api/v1").split("/")[1]
        yield "path", first.partition(".")[0].replace("-", "_")
    yield from (("table", name) for name in db.metadata.tables)
    yield from (("permission", name.split(".")[0]) for name in app.extensions["grants"].roles_by_permission)
    yield from (("error", code.split(".")[0]) for code in Problem.by_code)


def _bound(text: str) -> Iterator[str]:
    """The names that a module binds at its top, once for each time."""
    for node in ast.parse(text).body:
        if isinstance(node, ast.ImportFrom | ast.Import):
            yield from (alias.asname or alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name


def _files(words: dict[str, str]) -> dict[Path, str]:
    """The text of each new file by its path."""
    homes = {"slice": ROOT / "blueprints", "tests": ROOT / "tests" / "blueprints"}
    return {
        homes[template.parent.name] / words["things"] / _file_name(template, words): Template(
            template.read_text()
        ).substitute(words)
        for template in sorted(TEMPLATES.glob("*/*.txt"))
    }


def _file_name(template: Path, words: dict[str, str]) -> str:
    return template.name.removesuffix(".txt").replace("NAME", words["things"])


def _edits(words: dict[str, str]) -> dict[Path, str]:
    """The new text of each document that lists what there is."""
    editors: dict[str, Callable[[str, dict[str, str]], str]] = {
        "README.md": _edit_map,
        "docs/errors.md": _edit_errors,
        "docs/indexes.md": _edit_indexes,
        "docs/coverage.md": _edit_coverage,
    }
    return {ROOT / name: edit((ROOT / name).read_text(), words) for name, edit in editors.items()}


def _edit_map(text: str, words: dict[str, str]) -> str:
    return re.sub(r"(?m)^(\| `blueprints/` \| .*`) \|$", rf"\1 `{words['things']}` |", text)


def _edit_errors(text: str, words: dict[str, str]) -> str:
    row = Template("| `${things}.name_taken` | 409 | That member has one of that name already |").substitute(words)
    return _insert(text, r"\| `[a-z_.]+` \| \d+ \|", row, lambda line: line.split("`")[1])


def _edit_indexes(text: str, words: dict[str, str]) -> str:
    """One row for the index that a query needs and two for what constraints need; the sums count them."""
    needed, kept = r"\| `\w+` \| .* \| `", r"\| `\w+` \| .* \| (?:primary key|unique) \|"
    rows = [
        (
            needed,
            "`ix_${things}_business_id_member_id_id` | `${things} (business_id, member_id, id)` |"
            " `${things}.queries.${things}(member_id=)`",
        ),
        (kept, "`pk_${things}` | `${things} (business_id, id)` | primary key"),
        (kept, "`uq_${things}_name` | `${things} (business_id, member_id, name)` | unique"),
    ]
    for pattern, row in rows:
        text = _insert(text, pattern, f"| {Template(row).substitute(words)} |", _table_and_index)
    sums = {r"\*\*(\d+) indexes": 3, r"(\d+) primary keys": 1, r"(\d+) unique": 1, r"(\d+) without": 1}
    for pattern, more in sums.items():
        text = re.sub(pattern, lambda found, more=more: _counted_up(found, more), text, count=1)
    return text


def _table_and_index(row: str) -> tuple[str, str]:
    """By what the rows are in order."""
    _, index, _, on, *_ = row.split("`")
    return on.split(" ")[0], index


def _counted_up(found: re.Match, more: int) -> str:
    return found[0].replace(found[1], str(int(found[1]) + more))


def _edit_coverage(text: str, words: dict[str, str]) -> str:
    calls = "`GET /${path}`, `POST /${path}`, `GET /${path}/{${thing}_id}`, `DELETE /${path}/{${thing}_id}`"
    return f"{text.rstrip()}\n| {words['words']} | {Template(calls).substitute(words)} |\n"


def _insert(text: str, pattern: str, row: str, key: Callable[[str], object]) -> str:
    """`text` with one row more among those that begin like `pattern`, where the order of `key` wants it."""
    lines = text.split("\n")
    places = [number for number, line in enumerate(lines) if re.match(pattern, line)]
    later = [number for number in places if key(lines[number]) > key(row)]
    lines.insert(later[0] if later else places[-1] + 1, row)
    return "\n".join(lines)


def _write(texts: dict[Path, str], new: set[Path]) -> None:
    """Write everything beside the tree, so that a full disk leaves nothing half, and then move it where it belongs."""
    with tempfile.TemporaryDirectory(prefix=".new-blueprint-", dir=ROOT) as stage:
        staged = {path: Path(stage, path.relative_to(ROOT)) for path in texts}
        for path, text in texts.items():
            staged[path].parent.mkdir(parents=True, exist_ok=True)
            staged[path].write_text(text)
        _tidy(stage)
        for folder in {path.parent for path in new}:
            Path(stage, folder.relative_to(ROOT)).rename(folder)
        for path in texts.keys() - new:
            staged[path].replace(path)


def _tidy(stage: str) -> None:
    """Put imports in order and lines in shape, which depend on the name; a deployment has no ruff and needs none."""
    ours = 'lint.isort.known-first-party = ["blueprints", "ofektom", "tests"]'  # beside the tree they are not found
    if find_spec("ruff"):
        for command in (["check", "--select", "I", "--fix", "--config", ours], ["format"]):
            run = [sys.executable, "-m", "ruff", *command, "--quiet", "--no-cache", stage]
            subprocess.run(run, cwd=ROOT, check=True)  # noqa: S603 - ruff itself, on what we wrote


def _next_steps(words: dict[str, str]) -> str:
    numbers = [int(path.name[:4]) for path in (ROOT / "migrations" / "versions").glob("[0-9][0-9][0-9][0-9]_*.py")]
    return Template(
        """
Next:
  flask --app wsgi db migrate --rev-id ${number} -m "${words}"
  ruff format migrations && ruff check --fix migrations
  pytest tests/architecture tests/blueprints tests/isolation
Read the migration before you keep it. `make flask ARGS="..."` has a database and secrets for the first of them."""
    ).substitute(words, number=f"{max(numbers) + 1:04}")
