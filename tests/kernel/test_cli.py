"""The commands of the kernel, and the one that makes the first super admin."""

import json
import re
import uuid

import pytest

from ofektom import audit
from ofektom.auth import read_access_token
from ofektom.caching import get_cache
from ofektom.extensions import db
from tests.architecture.reading import ROOT
from tests.cast import Client
from tests.kernel import tables

COMMANDS = (ROOT / "docs" / "operations.md").read_text().partition("## Commands")[2].partition("\n## ")[0]


@pytest.fixture
def flask(app):
    """Runs a command: its exit code and what it prints."""

    def run(*arguments: str):
        return app.test_cli_runner().invoke(args=list(arguments))

    return run


@pytest.fixture
def username() -> str:
    return f"root-{uuid.uuid4().hex[:10]}"


def create(flask, username: str):
    return flask("create-super-admin", "--username", username, "--name", "Ngozi Platform")


def test_a_super_admin_gets_a_password_that_works_and_is_nowhere_else(app, flask, username):
    said = create(flask, username)
    assert said.exit_code == 0
    password = re.search(r"\(shown only now\): (\S+)$", said.output.strip())[1]
    assert len(password) >= 24
    client = Client(app)
    tokens = client.sign_in(username, password)
    assert client.ok("GET", "/auth/me")["is_super_admin"]
    with app.app_context():
        user_id = read_access_token(tokens["access_token"]).user_id
        stored = tables.run("SELECT * FROM users WHERE id = :id", id=user_id).mappings().one()
        noted = tables.run("SELECT * FROM audit_events WHERE object_type = 'user' AND object_id = :id", id=user_id)
        assert stored["secret_hash"].startswith("$argon2id$")
        assert password not in str(dict(stored)) + str(noted.mappings().all())


def test_two_super_admins_have_different_passwords(flask, username):
    first, second = (create(flask, f"{username}{n}").output.rpartition(" ")[2] for n in (1, 2))
    assert first != second


def test_a_username_is_taken_once_in_whatever_case(app, flask, username):
    create(flask, username)
    said = create(flask, username.upper())
    assert said.exit_code == 1
    assert "password" not in said.output
    with app.app_context():
        assert tables.run("SELECT count(*) FROM users WHERE username = :name", name=username).scalar() == 1


def test_seal_audit_covers_every_business_and_the_platform(cast, app, flask):
    cast.ada.ok("POST", "/units", {"name": "Balogun"})
    sealed = int(re.fullmatch(r"sealed (\d+) audit rows\n", flask("seal-audit").output)[1])
    assert sealed > 0
    assert flask("seal-audit").output == "sealed 0 audit rows\n"
    with app.app_context():
        assert tables.run("SELECT count(*) FROM audit_events WHERE seal_id IS NULL").scalar() == 0
        for business_id in (audit.PLATFORM, cast.business_id):
            assert audit.broken_seals(business_id) == []


def test_tidy_says_what_it_has_deleted_and_keeps_locks(app, flask):
    flask("tidy")
    budget = (
        "INSERT INTO guess_budgets (subject, run, recent, locked_until) VALUES"
        " ('tidy:old', 1, ARRAY[now() - interval '26 hours'], NULL),"
        " ('tidy:young', 1, ARRAY[now() - interval '23 hours'], NULL),"
        " ('tidy:locked', 19, ARRAY[now() - interval '26 hours'], now() + interval '1 hour')"
    )
    reports = (
        "INSERT INTO sms_reports (reference, status, at) VALUES ('old', 'delivered', now() - interval '91 days'),"
        " ('young', 'delivered', now() - interval '89 days')"
    )
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(db.text(budget))
        connection.execute(db.text(reports))
    said = "deleted 0 idempotency keys, 1 guess budgets, 0 notes of changed facts"
    assert flask("tidy").output == f"{said} and 1 deliveries and reports of them\n"
    with app.app_context(), db.engine.begin() as connection:
        left = connection.execute(db.text("DELETE FROM guess_budgets WHERE subject LIKE 'tidy:%' RETURNING subject"))
        assert sorted(left.scalars()) == ["tidy:locked", "tidy:young"]
        left = connection.execute(db.text("DELETE FROM sms_reports WHERE reference <> 'x' RETURNING reference"))
        assert "old" not in left.scalars()


def test_the_commands_are_listed_with_what_they_do(flask):
    listed = flask("--help").output
    for command in ("create-super-admin", "seal-audit", "tidy"):
        assert re.search(rf"^  {command} +\S+", listed, re.MULTILINE), command


def test_the_cache_can_be_flushed(app, flask):
    flask("flush-cache")
    with app.app_context():
        get_cache().set("settings:1", 1)
    assert flask("flush-cache").output == "forgot 1 keys\n"
    with app.app_context():
        assert get_cache().get("settings:1") is None


KEYS = {
    "verify": {"businesses", "broken", "broken_seals"},
    "seal-audit": {"sealed"},
    "deliveries": {"waiting", "given_up"},
    "deliveries --again nobody": {"tried_again"},
    "tidy": {"idempotency_keys", "guess_budgets", "changed_facts", "deliveries"},
    "role-parameters": {"statements"},
    "flush-cache": {"forgotten"},
    "sample-data": {"business", "people"},
}


@pytest.mark.parametrize("command", KEYS)
def test_what_programs_are_told(cast, flask, settings, monkeypatch, command):
    """The same keys whether there was anything to do or not; docs/operations.md promises them."""
    for name, value in (("DATABASE_URL", settings.database_url), ("SECRET_KEY", settings.secret_key)):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PIN_PEPPER", settings.pin_pepper)
    said = flask(*command.split(), "--json")
    found = json.loads(said.stdout)
    assert (said.exit_code, found.pop("ok")) == (0, True)
    assert found.keys() == KEYS[command]
    [row] = re.findall(rf"^\| `{command.split()[0]}`.*\|([^|]*)\|$", COMMANDS, re.MULTILINE)
    assert all(f"`{key}`" in row for key in KEYS[command])
