"""What the tables of people refuse, whatever the code above them does."""

import pytest
from sqlalchemy.exc import IntegrityError

from ofektom.errors import Problem
from ofektom.extensions import db
from ofektom.identity import Actor
from tests.kernel import tables


def test_roles_are_the_one_held_here_and_the_platforms():
    assert Actor(1, 1, False).roles == set()
    assert Actor(1, 1, True).roles == {"super_admin"}
    assert Actor(1, 1, False, 5, 6, "agent").roles == {"agent"}
    assert Actor(1, 1, True, 5, 6, "admin").roles == {"admin", "super_admin"}


@pytest.mark.parametrize(
    ("facts", "constraint"),
    [
        ({"username": "Ada"}, "lower_case"),
        ({"email": "Ada@x.ng"}, "lower_case"),
        ({"phone": "08031234567"}, "phone_e164"),
        ({"secret_hash": "x"}, "secret"),
        ({"secret_hash": "x", "secret_kind": "word"}, "secret_kind"),
        ({"is_super_admin": True, "secret_hash": "x", "secret_kind": "pin"}, "super_admin_password"),
    ],
)
def test_a_user_is_well_formed(context, facts, constraint):
    user = tables.new_user()
    changes = ", ".join(f"{name} = :{name}" for name in facts)
    with pytest.raises(IntegrityError, match=f"ck_users_{constraint}"):
        tables.run(f"UPDATE users SET {changes} WHERE id = :id", id=user, **facts)
    db.session.rollback()


@pytest.mark.parametrize(
    "facts",
    [{"role": "super_admin"}, {"role": "customer"}, {"role": "sub_agent"}, {"status": "gone"}, {"parent_id": 10**12}],
)
def test_a_membership_is_well_formed(business, facts):
    """Customers and sub-agents stand under somebody, the others under nobody."""
    with pytest.raises(Problem):
        tables.new_member(business, tables.new_user(), **facts)


def test_one_person_is_a_member_of_a_business_once(business):
    user = tables.new_user()
    tables.new_member(business, user)
    with pytest.raises(Problem):
        tables.new_member(business, user)
    assert tables.new_member(tables.new_business(), user)


def test_nobody_stands_under_a_member_of_another_business(business):
    boss = tables.new_member(tables.new_business(), tables.new_user())
    with pytest.raises(Problem):
        tables.new_member(business, tables.new_user(), role="customer", parent_id=boss)


def test_nobody_stands_under_themselves(business):
    boss = tables.new_member(business, tables.new_user())
    below = tables.new_member(business, tables.new_user(), role="customer", parent_id=boss)
    with pytest.raises(IntegrityError, match="not_own_parent"):
        tables.run("UPDATE memberships SET parent_id = id WHERE id = :id", id=below)
    db.session.rollback()
