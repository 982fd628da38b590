"""Slices that are new: `flask new-blueprint` and docs/extending.md, followed in a copy of the tree.

What is written or dropped in passes every test there is and is served; a name that will not do is refused.
"""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.reading import ROOT
from tests.trees import FLASK, Tree, copied, people_of

PAGE = (ROOT / "docs" / "extending.md").read_text()
NEW = "field_notes"
# What looks at slices. The rest would find in the copy what it finds here, like the plans of other slices' queries.
LOOKING = [
    "tests/architecture",
    "--ignore=tests/architecture/test_concurrent_migration.py",
    "--ignore=tests/architecture/test_security.py",
    "--ignore=tests/architecture/test_sabotages.py",
    "--deselect=tests/architecture/test_indexes.py::test_the_population_adds_up_and_keeps_every_constraint",
    f"-k not (uses_the_index or large_table) or {NEW}",
]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "no name"),
        ("FieldNotes", "snake_case"),
        ("field-notes", "snake_case"),
        ("../notes", "snake_case"),
        ("_notes", "snake_case"),
        ("n" * 25 + "s", "3 to 24"),
        ("imports", "Python's own"),
        ("lists", "Python's own"),
        ("sheep", "--one"),
        ("savings", "mistaken for the slice 'savings'"),
        ("user", "--one"),
        ("routes", "mistaken for the path 'route'"),
        ("banks", "mistaken for the path 'banks'"),
        ("payment_accounts", "'payment_accounts'"),
        ("ledger_entries", "mistaken for the table 'ledger_entries'"),
        ("actors", "clashes with 'Actor'"),
        ("queries", "clashes with 'queries'"),
    ],
)
def test_a_bad_name_is_refused(app, name, why):
    said = app.test_cli_runner().invoke(args=["new-blueprint", name, "--dry-run"])
    assert said.exit_code == 1
    assert why in said.output


def test_what_one_is_called_is_no_other_name_either(app):
    said = app.test_cli_runner().invoke(args=["new-blueprint", "people", "--one", "user", "--dry-run"])
    assert "'user' would be mistaken for the slice 'users'" in said.output


def test_a_dry_run_lists_what_would_be_written_and_writes_nothing(app):
    said = app.test_cli_runner().invoke(args=["new-blueprint", NEW, "--dry-run"]).output.splitlines()
    assert {"write blueprints/field_notes/routes.py", "change docs/errors.md"} <= set(said)
    assert len(said) == 15
    assert not (ROOT / "blueprints" / NEW).exists()
    assert "field_notes" not in (ROOT / "docs" / "errors.md").read_text()


def blocks(language: str) -> list[str]:
    """The code of that language on the page, in its order."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_a_slice_that_is_written_and_one_that_is_dropped_in(tmp_path, database_url):
    folder = tmp_path / "copy"
    with copied(folder, database_url, "new_slices") as copy:
        a_full_disk_leaves_nothing_half(copy)
        what_is_written_passes_every_test_about_slices(copy)
        people = the_slice_of_the_page_is_dropped_in_and_both_are_tested(copy)
        both_are_served(copy, people, tmp_path / "log")


def a_full_disk_leaves_nothing_half(copy: Tree):
    """No file may be longer than the new ones are, and the README is."""
    command = f"ulimit -f 10; {shlex.join([sys.executable, *FLASK, 'new-blueprint', NEW])}"
    limited = ["bash", "-c", command]
    # Nor the compiled ones, which Python would leave broken.
    environment = copy.environment | {"PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(limited, cwd=copy.folder, env=environment, capture_output=True, check=False)
    assert b"File too large" in done.stderr
    assert copy.changed() == []


def what_is_written_passes_every_test_about_slices(copy: Tree):
    said = copy.flask("db upgrade", f"new-blueprint {NEW}")
    [migration] = re.findall(r"flask --app wsgi (db migrate .+)", said)
    copy.flask(migration, "db upgrade")
    tidy(copy)
    copy.add()
    needs = copy.folder / "tests" / "architecture" / "needs.py"
    needs.write_text(needs.read_text().replace("days=14", "days=2"))
    copy.run("-m", "pytest", "-x", "-p", "no:cacheprovider", *LOOKING)


def tidy(copy: Tree):
    """As the command says of a migration; everything else is in order as it is."""
    for step in ("format migrations", "check --fix migrations", "check .", "format --check ."):
        copy.run("-m", "ruff", "--quiet", *step.split(), "--no-cache")


def the_slice_of_the_page_is_dropped_in_and_both_are_tested(copy: Tree) -> dict:
    for text in blocks("python"):
        path = copy.folder / text.split("\n", 1)[0].removeprefix("# ")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text.split("\n", 1)[1])
    assert all(
        name.startswith(("blueprints/loyalty/", "tests/blueprints/loyalty/", "tests/arch")) for name in copy.changed()
    )
    dry_run, migration, tests, _ = blocks("sh")
    assert f"new-blueprint {NEW} --dry-run" in dry_run
    people = people_of(copy.flask(*re.findall("make flask ARGS='(.*)'", migration), "sample-data --json"))
    tidy(copy)
    command = shlex.split(tests.replace("\\\n", "").replace("loyalty or", f"loyalty or {NEW} or"))[1:]
    said = copy.run(*command, "-p", "no:cacheprovider", f"tests/blueprints/{NEW}")
    assert "isolation: leaks 0" in said
    return people


def both_are_served(copy: Tree, people: dict, log: Path):
    with copy.served(log) as anybody:
        assert anybody.send("GET", "/field-notes").status == anybody.send("GET", "/loyalty/1").status == 401
        chidi, dupe, funke = (anybody.sign_in(people[login]) for login in ("chidi", "dupe", "funke"))
        member_id = funke.send("GET", "/auth/me").json["active"]["membership_id"]
        added = chidi.send("POST", "/field-notes", {"member_id": member_id, "name": "Stall 12"})
        assert (added.status, added.json["name"]) == (201, "Stall 12")
        assert funke.send("GET", "/field-notes").json["items"] == [added.json]
        deliver = shlex.join([sys.executable, *FLASK, "deliver", "--once"])
        script = blocks("sh")[-1].replace("sleep 2", deliver)
        asked = {"URL": f"http://127.0.0.1:{anybody.port}", "TOKEN": chidi.token, "MEMBER": str(member_id)}
        command, variables = ["bash", "-ec", script], copy.environment | asked
        done = subprocess.run(command, cwd=copy.folder, env=variables, capture_output=True, text=True, check=True)
        answer = {"member_id": member_id, "points": 11, "collections": 2}
        assert json.loads(done.stdout[done.stdout.rindex("{") :]) == answer
        assert funke.send("GET", f"/loyalty/{member_id}").json == answer
        assert dupe.send("GET", f"/loyalty/{member_id}").status == 404
