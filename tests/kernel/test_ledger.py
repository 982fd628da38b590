"""The ledger under every rule it promises: balance, bounds, once only, never changed."""

import itertools
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from ofektom import ledger, proofs
from ofektom.database import verb
from ofektom.errors import Conflict, InvalidRequest
from ofektom.extensions import db
from ofektom.http import MAX_ID
from ofektom.ledger import Account, Act, AlreadyReversed, DuplicateReference, Entry, InsufficientFunds, Movement
from ofektom.money import MAX_AMOUNT, AmountTooLarge
from tests.kernel import tables

MINT, PURSE, TILL, SAFE = Account("mint"), Account("purse", 7), Account("till"), Account("safe")
_references = itertools.count(1)


def act(business_id: int) -> Act:
    return Act(business_id, date(2027, 1, 31), datetime(2027, 1, 31, 9, tzinfo=UTC))


def entry(*movements: tuple, reference: str | None = None) -> Entry:
    reference = reference or f"test:{next(_references)}"
    return Entry("test", reference, [Movement(*movement) for movement in movements])


@verb
def post(business_id: int, *entries: Entry) -> dict[str, int]:
    """Post them; their ids by reference."""
    ledger.post(act(business_id), *entries)
    return {one.reference: db.session.scalar(select(ledger.id_of(business_id, one.reference))) for one in entries}


def move(business_id: int, *movements: tuple, reference: str | None = None) -> int:
    """Post one entry; its id."""
    [entry_id] = post(business_id, entry(*movements, reference=reference)).values()
    return entry_id


@verb
def undo(business_id: int, entry_id: int) -> int:
    """Post the reversal of an entry; its id."""
    opposite = ledger.reversal(business_id, entry_id, "test", f"test:{next(_references)}")
    ledger.post(act(business_id), opposite)
    return db.session.scalar(select(ledger.id_of(business_id, opposite.reference)))


@verb
def open_books(business_id: int) -> None:
    """A mint that may owe without end, a purse and a safe that may not, a till that holds and so is never above 0."""
    ledger.open_accounts(business_id, [MINT])
    ledger.open_accounts(business_id, [PURSE, SAFE], floor=0)
    ledger.open_accounts(business_id, [TILL], ceiling=0)


@pytest.fixture
def books(business) -> int:
    """A business with accounts."""
    open_books(business)
    return business


def balances(business_id: int) -> dict[str, int]:
    db.session.rollback()
    return proofs.totals_by_kind(business_id)


def entries(business_id: int) -> int:
    return tables.run("SELECT count(*) FROM ledger_entries WHERE business_id = :b", b=business_id).scalar()


def assert_sound(business_id: int) -> None:
    assert sum(balances(business_id).values()) == 0
    assert proofs.drifted_accounts(business_id) == []
    assert proofs.unfaithful_reversals(business_id) == []


def test_a_movement_takes_from_one_and_gives_to_the_other(books):
    move(books, (TILL, PURSE, 700), (PURSE, SAFE, 200))
    assert balances(books) == {"mint": 0, "purse": 500, "safe": 200, "till": -700}
    assert ledger.balance_of(books, PURSE) == 500
    assert_sound(books)


def test_an_entry_may_pass_through_an_account_that_is_empty(books):
    """Bounds are those of the whole entry, not of each of its movements."""
    move(books, (PURSE, SAFE, 300), (TILL, PURSE, 300))
    assert balances(books) == {"mint": 0, "purse": 0, "safe": 300, "till": -300}


def test_several_entries_are_written_at_once_and_in_their_order(books):
    ids = post(
        books,
        entry((MINT, PURSE, 100), reference="first"),
        entry((PURSE, SAFE, 30), (PURSE, MINT, 20), reference="second"),
        entry((SAFE, PURSE, 5), reference="third"),
    )
    assert list(ids.values()) == sorted(ids[name] for name in ("first", "second", "third"))
    lines = ledger.statement(books, PURSE, limit=10, cursor=None)["items"]
    assert [(line["reference"], line["amount"], line["balance"]) for line in lines] == [
        ("third", 5, 55),
        ("second", -20, 50),
        ("second", -30, 70),
        ("first", 100, 100),
    ]
    assert [line["entry_id"] for line in lines] == [ids[line["reference"]] for line in lines]
    assert_sound(books)


def test_of_several_entries_all_are_written_or_none(books):
    with pytest.raises(InsufficientFunds):
        post(books, entry((MINT, PURSE, 100)), entry((PURSE, SAFE, 101)))
    with pytest.raises(DuplicateReference):
        post(books, entry((MINT, PURSE, 1), reference="same"), entry((MINT, PURSE, 2), reference="same"))
    assert entries(books) == 0


def test_a_verb_posts_once(books):
    """Locks taken bit by bit are taken in no order, and two verbs could wait for each other."""

    @verb
    def twice():
        ledger.post(act(books), entry((MINT, PURSE, 1)))
        ledger.post(act(books), entry((MINT, SAFE, 1)))

    with pytest.raises(RuntimeError, match="posts once"):
        twice()
    assert entries(books) == 0
    move(books, (MINT, PURSE, 1))
    move(books, (MINT, PURSE, 1))


def test_nothing_to_move_is_nothing_written(books):
    assert post(books) == {}
    assert entries(books) == 0


@pytest.mark.parametrize(
    ("movement", "short"), [((PURSE, SAFE, 501), "purse"), ((SAFE, TILL, 1), "safe"), ((MINT, TILL, 501), "till")]
)
def test_no_balance_leaves_its_bounds(books, movement, short):
    """A floor stops giving away too much; a ceiling of 0 stops handing in more cash than is held."""
    move(books, (TILL, PURSE, 500))
    before = balances(books)
    with pytest.raises(InsufficientFunds) as refused:
        move(books, movement)
    assert refused.value.extra["account"] == short
    assert refused.value.extra["available"] == abs(before[short])
    assert balances(books) == before


def test_the_database_itself_keeps_the_bounds(books):
    with pytest.raises(IntegrityError, match="ck_ledger_accounts_bounds"):
        tables.run("UPDATE ledger_accounts SET balance = -1 WHERE business_id = :b AND kind = 'purse'", b=books)
    db.session.rollback()


def test_the_last_unit_may_be_taken(books):
    move(books, (TILL, PURSE, 500))
    move(books, (PURSE, TILL, 500))
    assert not any(balances(books).values())


@pytest.mark.parametrize("movement", [(MINT, PURSE, 0), (PURSE, MINT, -5), (MINT, PURSE, MAX_AMOUNT + 1)])
def test_amounts_are_positive_and_within_reason(books, movement):
    with pytest.raises(AmountTooLarge):
        move(books, movement)
    assert entries(books) == 0


def test_an_account_cannot_pay_itself(books):
    with pytest.raises(Conflict):
        move(books, (MINT, MINT, 5))


def test_a_balance_beyond_its_column_is_refused(books):
    @verb
    def overflow():
        tables.run(
            "UPDATE ledger_accounts SET balance = :n WHERE business_id = :b AND kind = 'mint'", b=books, n=MAX_ID
        )
        ledger.post(act(books), entry((TILL, MINT, 1)))

    with pytest.raises(InvalidRequest):
        overflow()
    assert balances(books)["mint"] == 0


def test_a_reference_is_used_once_in_a_business(books):
    move(books, (MINT, PURSE, 5), reference="bank:77")
    with pytest.raises(DuplicateReference):
        move(books, (MINT, SAFE, 9), reference="bank:77")
    assert balances(books)["mint"] == -5
    other = tables.new_business()
    open_books(other)
    assert move(other, (MINT, PURSE, 5), reference="bank:77")


def test_an_account_that_was_never_opened_takes_no_money(books):
    with pytest.raises(LookupError, match="nowhere"):
        move(books, (MINT, Account("nowhere", 3), 5))
    assert entries(books) == 0


def test_the_accounts_of_another_business_do_not_exist_here(books):
    stranger = tables.new_business()
    with pytest.raises(LookupError):
        move(stranger, (MINT, PURSE, 5))


def test_opening_again_changes_nothing(books):
    move(books, (MINT, PURSE, 5))
    verb(ledger.open_accounts)(books, [PURSE], floor=-100)
    with pytest.raises(InsufficientFunds):
        move(books, (PURSE, SAFE, 6))


def test_a_reversal_is_the_exact_opposite_and_happens_once(books):
    move(books, (MINT, PURSE, 1_000), (MINT, SAFE, 1_000))
    before = balances(books)
    moved = move(books, (MINT, PURSE, 700), (PURSE, SAFE, 200))
    undo(books, moved)
    assert balances(books) == before
    with pytest.raises(AlreadyReversed):
        undo(books, moved)
    assert entries(books) == 3
    assert_sound(books)


def test_what_has_been_spent_cannot_be_reversed(books):
    moved = move(books, (TILL, PURSE, 700))
    move(books, (PURSE, SAFE, 1))
    with pytest.raises(InsufficientFunds):
        undo(books, moved)
    assert balances(books)["purse"] == 699


def test_a_reversal_can_be_reversed(books):
    undo(books, undo(books, move(books, (TILL, PURSE, 700))))
    assert balances(books) == {"mint": 0, "purse": 700, "safe": 0, "till": -700}
    assert_sound(books)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE ledger_entries SET kind = 'x' WHERE business_id = :b",
        "DELETE FROM ledger_entries WHERE business_id = :b",
        "UPDATE ledger_postings SET amount = 1 WHERE business_id = :b",
        "DELETE FROM ledger_postings WHERE business_id = :b",
        "TRUNCATE ledger_postings",
        "TRUNCATE ledger_entries CASCADE",
    ],
)
def test_history_is_only_added_to(books, change):
    move(books, (MINT, PURSE, 5))
    values = {"b": books} if ":b" in change else {}
    with pytest.raises(IntegrityError, match="append-only"):
        tables.run(change, **values)
    db.session.rollback()


def test_a_statement_is_read_in_pages_newest_first(books):
    move(books, (MINT, PURSE, 100))
    ten, _, _ = [move(books, (PURSE, SAFE, amount)) for amount in (10, 20, 30)]
    undo(books, ten)
    page = ledger.statement(books, PURSE, limit=2, cursor=None)
    assert [(line["amount"], line["balance"], line["counterpart"]) for line in page["items"]] == [
        (10, 50, "safe"),
        (-30, 40, "safe"),
    ]
    assert page["items"][0]["reverses_id"] == ten
    move(books, (MINT, PURSE, 1))
    rest = ledger.statement(books, PURSE, limit=10, cursor=page["next"])
    assert [line["amount"] for line in rest["items"]] == [-20, -10, 100]
    assert rest["next"] is None


def test_a_statement_shows_both_sides_of_a_detour(books):
    move(books, (TILL, PURSE, 700), (PURSE, SAFE, 200))
    lines = ledger.statement(books, PURSE, limit=10, cursor=None)["items"]
    assert [(line["amount"], line["balance"]) for line in lines] == [(-200, 500), (700, 700)]


def test_tampering_is_found(books):
    moved = move(books, (MINT, PURSE, 5))
    undo(books, moved)
    with tables.tampering():
        tables.run("UPDATE ledger_accounts SET balance = 9 WHERE business_id = :b AND kind = 'purse'", b=books)
        [drifted] = proofs.drifted_accounts(books)
        assert (drifted["kind"], drifted["balance"], drifted["posted"]) == ("purse", 9, 0)
        tables.run("UPDATE ledger_postings SET amount = 4 WHERE business_id = :b AND entry_id = :e", b=books, e=moved)
        assert len(proofs.unfaithful_reversals(books)) == 1


KINDS = st.sampled_from([MINT, PURSE, TILL, SAFE])
MOVEMENTS = st.tuples(KINDS, KINDS, st.integers(1, 1_000)).filter(lambda movement: movement[0] != movement[1])
STEPS = st.one_of(st.lists(MOVEMENTS, min_size=1, max_size=3), st.integers(0, 5))


@given(st.lists(STEPS, min_size=3, max_size=8))
@settings(max_examples=25, derandomize=True, deadline=None, database=None)
def test_whatever_happens_the_balances_add_up_to_zero(app, steps):
    """Random entries and, as numbers, reversals of the latest ones; those that are refused leave no trace."""
    with app.app_context():
        books = tables.new_business()
        open_books(books)
        made = []
        for step in steps:
            before = balances(books)
            try:
                made.append(move(books, *step) if isinstance(step, list) else undo(books, made[-1 - step]))
            except (InsufficientFunds, AlreadyReversed, IndexError):
                assert balances(books) == before
            now = balances(books)
            assert now["purse"] >= 0 <= now["safe"]
            assert now["till"] <= 0
        assert_sound(books)
        assert entries(books) == len(made)
