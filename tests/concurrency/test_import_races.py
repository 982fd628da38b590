"""Imports beside each other and beside collectors: each happens once, and the money adds up."""

from tests.cast import new_phone
from tests.concurrency.race import assert_adds_up, balance, race, scalar, together
from tests.sheets import account_of, bring, row, send, sheet


def test_the_same_file_sent_at_once_is_imported_once(cast):
    cards = [row(cast.chidi, opening_balance=5, held_in="bank") for _ in range(20)]
    file = sheet(*cards)
    answers = together(*[lambda person=person: send(person, file) for person in (cast.ada, cast.bola, cast.ada)])
    assert sorted(answer.status for answer in answers) == [201, 409, 409]
    assert {answer.code for answer in answers} - {None} <= {"imports.running", "imports.already_imported"}
    references = "SELECT count(*) FROM savings_accounts WHERE business_id = :b AND reference = ANY(:r)"
    names = [card["reference"] for card in cards]
    assert scalar(cast.app, references, b=cast.business_id, r=names) == len(cards)
    assert_adds_up(cast.app)


def test_businesses_that_import_the_same_people_at_once_share_their_logins(cast, fresh_cast):
    """Both make users of the same phones, in the one order that no two can wait for in a circle."""
    phones = [new_phone() for _ in range(30)]
    files = [
        sheet(*(row(house.chidi, phone=phone) for phone in order))
        for house, order in ((cast, phones), (fresh_cast, phones[::-1]))
    ]
    answers = together(lambda: send(cast.ada, files[0]), lambda: send(fresh_cast.ada, files[1]))
    assert [answer.status for answer in answers] == [201, 201]
    users = "SELECT count(*) FROM users WHERE phone = ANY(:p)"
    members = "SELECT count(*) FROM memberships m JOIN users u ON u.id = m.user_id WHERE u.phone = ANY(:p)"
    assert scalar(cast.app, users, p=phones) == 30
    assert scalar(cast.app, members, p=phones) == 60


def test_collectors_go_on_while_their_bags_are_filled_by_imports(fresh_cast):
    cast, rounds = fresh_cast, 4
    marked = row(cast.chidi, cycles=5, days_paid=1, opening_balance=1, held_in="agent_cash")
    bring(cast, marked)
    account = account_of(cast, marked)

    def bring_some(_):
        return send(cast.ada, sheet(*(row(cast.chidi, opening_balance=3, held_in="agent_cash") for _ in range(30))))

    def mark(_):
        return cast.chidi.post(f"/savings/{account['id']}/markings", {"days": 1})

    def ask(_):
        return cast.ada.post("/payments", {"account_id": account["id"], "amount": 1})

    answers = race([bring_some, mark, mark, ask], rounds)
    assert {answer.status for together in answers for answer in together} == {201}
    held = 1 + rounds * (30 * 3 + 2 * 50_000)
    assert balance(cast.app, cast.business_id, "agent_cash", cast.chidi.id) == -held
    assert_adds_up(cast.app)
