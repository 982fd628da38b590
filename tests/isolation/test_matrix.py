"""Every endpoint, asked by everybody, about their own, their neighbours', another business's, and what is not."""

import pytest

from tests.isolation.expectations import EXPECTED, OPERATOR, PUBLIC, SIGNED_IN
from tests.isolation.matrix import cells, check, endpoint_of, note_differences, roles_declared
from tests.isolation.withheld import row_counts


@pytest.fixture(scope="module")
def rows_before(app, world):
    """How many rows the world has before anybody asks."""
    return row_counts(app)


@pytest.mark.usefixtures("rows_before")
@pytest.mark.parametrize("name", EXPECTED)
def test_everybody_gets_what_is_theirs_and_nothing_else(app, world, people, kept, findings, name):
    endpoint = endpoint_of(app, name)
    for cell in cells(world, people, endpoint):
        check(world, endpoint, cell, kept, findings)
    note_differences(findings)
    found = findings.wrong + findings.leaks
    assert not found, "\n".join([f"{name}: {len(found)} of {findings.cells} cells", *found])


def test_every_view_has_an_expectation_and_every_expectation_a_view(app):
    assert set(app.view_functions) == set(EXPECTED)


def test_the_roles_declared_are_the_roles_expected(app):
    wrong = []
    for name in EXPECTED:
        declared, expected = roles_declared(app, app.view_functions[name].view), EXPECTED[name].roles
        if declared != (expected if expected in (PUBLIC, SIGNED_IN, OPERATOR) else set(expected.split())):
            wrong.append(f"{name}: {declared}, expected {expected}")
    assert not wrong, "\n".join(wrong)


def test_the_matrix_has_left_the_world_as_it_was(app, rows_before):
    assert row_counts(app) == rows_before
