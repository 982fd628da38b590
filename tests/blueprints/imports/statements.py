"""How many SQL statements each request costs, for `tests/blueprints/test_statements.py`: no more for 200 rows."""

from tests.sheets import row, send, sheet

PINNED = {
    "imports.add": 47,
    "imports.faults": 19,
    "imports.imports": 1,
    "imports.template": 0,
}


def call(cast) -> None:
    """Make each request once, with success."""
    file = sheet(row(cast.chidi, days_paid=1, opening_balance=1, held_in="bank"))
    assert [send(cast.ada, file, path).status for path in ("/imports/faults.csv", "/imports")] == [200, 201]
    assert [cast.ada.get(path).status for path in ("/imports/template.csv", "/imports")] == [200, 200]
