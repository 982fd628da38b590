"""Members, invitations and portfolios over HTTP."""

import pytest

from tests.cast import PASSWORD, PIN, Client, new_phone


def invite(cast, role="customer", **more):
    parent = {"customer": cast.chidi.id, "sub_agent": cast.chidi.id}.get(role)
    body = {"role": role, "full_name": "Somebody New", "phone": new_phone(), "parent_id": parent} | more
    return cast.ada.ok("POST", "/members", body)


def test_a_customer_is_added_with_a_collector_and_a_sub_agent_with_an_agent(cast):
    unit = cast.ada.ok("POST", "/units", {"name": "Balogun"})
    member = invite(cast, unit_id=unit["id"])
    assert (member["parent_id"], member["unit_id"], member["status"]) == (cast.chidi.id, unit["id"], "invited")


@pytest.mark.parametrize(
    ("role", "parent"),
    [("customer", None), ("customer", "ada"), ("sub_agent", None), ("sub_agent", "dupe"), ("agent", "chidi")],
)
def test_the_wrong_parent_is_refused(cast, role, parent):
    body = {"role": role, "full_name": "X", "phone": new_phone(), "parent_id": parent and getattr(cast, parent).id}
    assert cast.ada.post("/members", body).code == "members.wrong_parent"


def test_a_parent_or_unit_of_another_business_is_unknown(cast, rivals):
    unit = rivals.ada.ok("POST", "/units", {"name": "Theirs"})
    foreign_parent = {"role": "customer", "full_name": "X", "parent_id": rivals.chidi.id}
    foreign_unit = {"role": "customer", "full_name": "X", "parent_id": cast.chidi.id, "unit_id": unit["id"]}
    assert cast.ada.post("/members", foreign_parent).code == "members.wrong_parent"
    assert cast.ada.post("/members", foreign_unit).code == "members.unknown_unit"


def test_staff_need_a_login_and_customers_do_not(cast):
    assert cast.ada.post("/members", {"role": "agent", "full_name": "X"}).code == "members.login_needed"
    assert cast.add("customer", "Mama Sade", parent=cast.chidi)["phone"] is None


def test_nobody_is_a_member_twice(cast):
    body = {"role": "customer", "full_name": "X", "phone": cast.funke.phone, "parent_id": cast.chidi.id}
    assert cast.ada.post("/members", body).code == "members.already_member"


def test_collectors_add_customers_to_their_own_portfolio_only(cast):
    mine = cast.chidi.ok("POST", "/members", {"role": "customer", "full_name": "Mine"})
    assert mine["parent_id"] == cast.chidi.id
    for_dupe = {"role": "customer", "full_name": "Hers", "parent_id": cast.dupe.id}
    assert cast.chidi.ok("POST", "/members", for_dupe)["parent_id"] == cast.dupe.id
    assert cast.emeka.post("/members", for_dupe).code == "members.not_yours"
    assert cast.chidi.post("/members", {"role": "agent", "full_name": "X", "phone": new_phone()}).status == 403
    assert cast.funke.post("/members", {"role": "customer", "full_name": "X"}).status == 403


def test_an_invitation_is_answered_once(cast, anonymous):
    token = invite(cast)["invitation_token"]
    accept = {"token": token, "secret": PIN}
    assert anonymous.ok("POST", "/invitations/accept", accept)["status"] == "active"
    assert anonymous.post("/invitations/accept", accept).code == "invitations.invalid"
    assert anonymous.post("/invitations/reject", {"token": token}).code == "invitations.invalid"


def test_an_invitation_can_be_rejected_and_renewed(cast, anonymous):
    member = invite(cast)
    anonymous.ok("POST", "/invitations/reject", {"token": member["invitation_token"]})
    assert cast.ada.ok("GET", f"/members/{member['id']}")["status"] == "rejected"
    again = cast.ada.ok("POST", f"/members/{member['id']}/invitation")
    anonymous.ok("POST", "/invitations/accept", {"token": again["invitation_token"], "secret": PIN})
    assert cast.ada.post(f"/members/{member['id']}/invitation").code == "members.wrong_state"


def test_an_invitation_expires(fresh_cast, anonymous, calendar):
    token = invite(fresh_cast)["invitation_token"]
    calendar.forward(days=15)
    assert anonymous.post("/invitations/accept", {"token": token, "secret": PIN}).code == "invitations.invalid"


def test_an_admin_accepts_with_a_password_only(cast, anonymous):
    token = invite(cast, "admin", parent_id=None)["invitation_token"]
    assert anonymous.post("/invitations/accept", {"token": token, "secret": PIN}).code == "auth.weak_password"
    anonymous.ok("POST", "/invitations/accept", {"token": token, "secret": PASSWORD})


def test_somebody_with_a_pin_cannot_become_an_admin(cast, rivals, anonymous):
    invited = rivals.ada.ok("POST", "/members", {"role": "admin", "full_name": "E. Udo", "phone": cast.emeka.phone})
    accept = {"token": invited["invitation_token"], "secret": PIN}
    assert anonymous.post("/invitations/accept", accept).code == "auth.password_required"
    refused = cast.ada.post(f"/members/{cast.emeka.id}/role", {"role": "admin"})
    assert refused.code == "members.has_portfolio"
    loner = cast.join("agent", "Tola Loner")
    assert cast.ada.post(f"/members/{loner.id}/role", {"role": "admin"}).code == "auth.password_required"


def test_deactivation_is_immediate_and_can_be_undone(cast):
    agent = cast.join("agent", "Uche Ene")
    assert agent.get("/route").status == 200
    cast.ada.ok("POST", f"/members/{agent.id}/deactivate", {"reason": "on leave"})
    assert agent.get("/route").status == 403
    assert cast.ada.post(f"/members/{agent.id}/deactivate", {"reason": "again"}).code == "members.wrong_state"
    cast.ada.ok("POST", f"/members/{agent.id}/reactivate", {"reason": "back"})
    assert agent.get("/route").status == 200


def test_nobody_deactivates_or_promotes_themselves(cast, staff):
    assert cast.ada.post(f"/members/{cast.ada.id}/deactivate", {"reason": "x"}).code == "members.not_yourself"
    assert cast.ada.post(f"/members/{cast.ada.id}/role", {"role": "agent"}).code == "members.not_yourself"
    assert staff.post(f"/users/{staff.user_id}/deactivate", {"reason": "x"}).code == "members.not_yourself"


def test_a_deactivated_person_is_shut_out_of_every_business(cast, staff):
    person = cast.join("agent", "Vera Obi")
    staff.ok("POST", f"/users/{person.user_id}/deactivate", {"reason": "fraud"})
    assert person.get("/auth/me").status == 401
    staff.ok("POST", f"/users/{person.user_id}/reactivate", {"reason": "cleared"})
    assert person.get("/auth/me").status == 401, "the old session stays ended"
    person.sign_in(person.phone, PIN)
    assert person.get("/route").status == 200


def test_a_role_changes_between_staff_roles(cast):
    person = cast.join("agent", "Wale Ige")
    changed = cast.ada.ok("POST", f"/members/{person.id}/role", {"role": "sub_agent", "parent_id": cast.chidi.id})
    assert (changed["role"], changed["parent_id"]) == ("sub_agent", cast.chidi.id)
    assert person.ok("GET", "/auth/me")["active"]["role"] == "sub_agent"
    assert cast.ada.post(f"/members/{cast.funke.id}/role", {"role": "agent"}).code == "members.wrong_state"


def test_a_portfolio_is_handed_over_whole(fresh_cast):
    cast = fresh_cast
    account = cast.open_account(cast.funke, by=cast.chidi)
    assert cast.emeka.get(f"/savings/{account['id']}").status == 404
    assert cast.ada.post(f"/members/{cast.chidi.id}/hand-over", {"to_member_id": cast.dupe.id}).status == 422
    moved = cast.ada.ok("POST", f"/members/{cast.chidi.id}/hand-over", {"to_member_id": cast.emeka.id})
    assert moved == {"moved": 3}, "Funke, Gbenga and Dupe"
    assert cast.emeka.get(f"/savings/{account['id']}").status == 200
    assert cast.chidi.get(f"/savings/{account['id']}").status == 404
    assert cast.chidi.post(f"/savings/{account['id']}/markings", {}).status == 404
    cast.mark(account, by=cast.emeka)


def test_lists_show_what_one_may_see(cast):
    def names(person, query=""):
        return {member["id"] for member in person.ok("GET", f"/members?limit=100{query}")["items"]}

    assert {cast.chidi.id, cast.dupe.id, cast.funke.id, cast.hauwa.id} <= names(cast.chidi)
    assert not {cast.emeka.id, cast.ike.id, cast.ada.id} & names(cast.chidi)
    assert {cast.dupe.id, cast.hauwa.id} <= names(cast.dupe)
    assert cast.funke.id not in names(cast.dupe)
    assert names(cast.ike) == {cast.ike.id}
    assert names(cast.ada, "&search=hauwa") == {cast.hauwa.id}
    assert names(cast.ada, "&search=%25") == set(), "a wildcard is just a character"
    assert names(cast.ada, f"&parent_id={cast.emeka.id}") == {cast.ike.id}


def test_the_businesss_note_of_a_member_can_be_changed(cast):
    member = invite(cast)
    changed = cast.ada.ok("PATCH", f"/members/{member['id']}", {"full_name": "New Name", "phone": None})
    assert (changed["full_name"], changed["phone"]) == ("New Name", None)


def test_one_business_learns_nothing_of_what_another_knows(cast, rivals):
    """Inviting a phone that somebody has elsewhere answers as if nobody had it."""
    known = rivals.ada.ok(
        "POST",
        "/members",
        {"role": "customer", "full_name": "Typed Here", "phone": cast.ike.phone, "parent_id": rivals.chidi.id},
    )
    unknown = invite(rivals)
    assert known.keys() == unknown.keys()
    assert known["full_name"] == "Typed Here"


def test_an_expired_login_attempt_does_not_lock_others_out(cast):
    """Guesses are counted by person: locking one leaves the rest."""
    victim = cast.join("customer", "Yemi Alo", parent=cast.chidi)
    guesser = Client(cast.app)
    for _ in range(5):
        assert guesser.post("/auth/login", {"login": victim.phone, "secret": "000000"}).status == 401
    locked = guesser.post("/auth/login", {"login": victim.phone, "secret": PIN})
    assert (locked.status, locked.code) == (429, "auth.too_many_attempts")
    assert int(locked.headers["Retry-After"]) > 0
    guesser.ok("POST", "/auth/login", {"login": cast.gbenga.phone, "secret": PIN})
