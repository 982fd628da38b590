"""`flask import`: the same as over HTTP, for a file of any length."""

import json

import pytest

from blueprints.imports.rules import MOST_ROWS
from tests.concurrency.race import assert_adds_up, rows
from tests.isolation.withheld import row_counts
from tests.sheets import account_of, row, sheet


@pytest.fixture
def run(cast, tmp_path):
    """Runs the command on a file of these bytes; returns (exit code, what it says as JSON)."""

    def run(file: bytes, *options: str, business_id: int = cast.business_id) -> tuple[int, dict]:
        path = tmp_path / "cards.csv"
        path.write_bytes(file)
        arguments = ["import", str(path), "--business", str(business_id), "--json", *options]
        done = cast.app.test_cli_runner().invoke(args=arguments)
        return done.exit_code, json.loads(done.stdout)

    return run


def test_a_long_file_is_imported_once(cast, run):
    cards = [row(cast.chidi, days_paid=1, opening_balance=7, held_in="bank") for _ in range(MOST_ROWS + 1)]
    code, report = run(sheet(*cards))
    assert (code, report["ok"], report["accounts"]) == (0, True, MOST_ROWS + 1)
    again = run(sheet(*cards))
    assert again == (0, {"ok": True, "import_id": report["import_id"]})
    last = rows(cast.app, "SELECT id FROM savings_accounts WHERE reference = :r", r=cards[-1]["reference"])
    assert len(last) == 1
    newest = cast.ada.ok("GET", "/imports")["items"][0]
    assert (newest["id"], newest["membership_id"]) == (report["import_id"], None)
    [event] = cast.ada.ok("GET", "/audit?action=imports.made&limit=1")["items"]
    assert (event["object_id"], event["user_id"], event["after"]["accounts"]) == (newest["id"], None, MOST_ROWS + 1)
    assert_adds_up(cast.app)


def test_a_dry_run_and_a_bad_file_keep_nothing(cast, run, tmp_path):
    good, bad = sheet(row(cast.chidi)), sheet(row("nobody"), row(cast.chidi))
    before, listed = row_counts(cast.app), tmp_path / "faults.csv"
    assert run(good, "--dry-run") == (0, run(good, "--dry-run")[1])
    for options in (["--dry-run"], []):
        code, report = run(bad, *options, "--faults", str(listed))
        assert (code, report["ok"], report["import_id"], report["faults_total"]) == (1, False, None, 1)
        assert listed.read_text().splitlines()[1].startswith("2,agent,imports.unknown_agent,")
    assert row_counts(cast.app) == before


def test_what_is_no_file_of_cards_is_refused_as_a_problem(cast, run):
    assert run(b"\xff")[1]["code"] == "csv.unreadable"
    assert run(b"a,b")[1]["code"] == "csv.wrong_columns"
    code, refused = run(sheet(row(cast.chidi)), business_id=10**9)
    assert (code, refused["code"]) == (1, "not_found")


def test_people_read_what_was_done_and_what_is_wrong(cast, tmp_path):
    path, one = tmp_path / "cards.csv", row(cast.chidi, opening_balance=123_450, held_in="bank")
    runner, arguments = cast.app.test_cli_runner(), ["import", str(path), "--business", str(cast.business_id)]
    path.write_bytes(sheet(*(row("nobody") for _ in range(101))))
    said = runner.invoke(args=arguments)
    assert (said.exit_code, "line 2, agent: No active agent" in said.output) == (1, True)
    assert said.output.endswith("101 mistakes in all, --faults FILE has them\nnothing was imported\n")
    path.write_bytes(sheet(one))
    said = runner.invoke(args=arguments)
    assert said.output.startswith(
        "1 rows: 1 customers, 1 accounts, 0 days paid before, opening balances of NGN 1,234.50"
    )
    assert account_of(cast, one)["balance"] == 123_450
    assert "already" in runner.invoke(args=arguments).output
