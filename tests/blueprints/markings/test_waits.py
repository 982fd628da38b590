"""How often a marking waits for the database server; see docs/decisions/0024-round-trips.md."""

from ofektom.driver import Cursor


def test_a_marking_waits_six_times(cast, monkeypatch):
    """For its caller, the key, the card, the balances, the collection; and for the rest with the commit."""
    account = cast.open_account(cast.funke)
    cast.mark(account)  # prepares its statements
    waits, execute = [], Cursor.execute

    def note(cursor, query, vars=None):
        waits.append(query)
        return execute(cursor, query, vars)

    monkeypatch.setattr(Cursor, "execute", note)
    cast.mark(account)
    assert len(waits) == 6, waits
    assert waits[-1] == "COMMIT"
