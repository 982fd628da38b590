"""Every act takes its locks on ledger accounts in one sorted sweep, so that nobody waits in a circle."""

import contextlib
import threading

import pytest

from ofektom import ledger
from ofektom.database import verb
from tests.concurrency.race import scalar, together

DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"


def test_a_marking_and_a_reversal_of_one_collector_do_not_wait_in_a_circle(fresh_cast, monkeypatch):
    """Each stops after its entries until the other has asked for its own: with two sweeps in an act, a circle."""
    cast = fresh_cast
    one, two = cast.open_account(cast.funke, cycle_days=9), cast.open_account(cast.gbenga, cycle_days=9)
    first = cast.mark(one)
    meeting, original = threading.Barrier(2), ledger.post

    def post(*args):
        ids = original(*args)
        if not meeting.broken:
            with contextlib.suppress(threading.BrokenBarrierError):
                meeting.wait(0.5)  # in vain when the other waits for our locks, as it should
        return ids

    monkeypatch.setattr(ledger, "post", post)
    before = scalar(cast.app, DEADLOCKS)
    answers = together(
        lambda: cast.chidi.post(f"/savings/{two['id']}/markings", {}),
        lambda: cast.chidi.post(f"/collections/{first['collection_id']}/reversal", {"reason": "wrong card"}),
    )
    assert [answer.status for answer in answers] == [201, 200]
    assert scalar(cast.app, DEADLOCKS) == before


def test_a_verb_that_posts_twice_is_stopped(cast):
    """Not by a reviewer, by the ledger."""
    act = ledger.Act(cast.business_id, None, None)

    @verb
    def careless():
        ledger.post(act)
        ledger.post(act, ledger.Entry("kind", "reference", []))

    with cast.app.app_context(), pytest.raises(RuntimeError, match="posts once"):
        careless()
