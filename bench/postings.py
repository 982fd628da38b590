"""One posting after the other through our ledger, in turns: `python -m bench.postings ACCOUNT_ID MEMBER_ID`."""

import itertools
import sys
from datetime import UTC, date, datetime

from bench.turns import serve
from ofektom import ledger
from ofektom.app import create_app
from ofektom.config import load_settings
from ofektom.database import verb
from ofektom.ledger import Account, Act, Entry, Movement

numbers = itertools.count()
account_id, member_id = map(int, sys.argv[1:])


@verb
def post() -> None:
    """A kobo from an agent's cash to a savings account, in a transaction of its own."""
    movement = Movement(Account("agent_cash", member_id), Account("savings", account_id), 1)
    act = Act(1, date(2026, 1, 1), datetime.now(UTC), member_id)
    ledger.post(act, Entry("marking.cash", f"posting:{account_id}:{next(numbers)}", [movement]))


if __name__ == "__main__":
    with create_app(load_settings()).app_context():
        serve(post)
