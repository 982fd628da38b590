"""What waits in one lane goes one after the other, however much it is."""

from datetime import UTC, datetime, timedelta

import pytest

from ofektom import deliveries
from ofektom.database import verb
from ofektom.deliveries import Later, Sent

MANY = 250


@pytest.fixture
def lane(house):
    """MANY deliveries of one lane, the last of them not to be sent before tomorrow; their ids."""
    about = {"business_id": house.cast.business_id, "event_id": 1, "topic": "x", "content": {}}
    tomorrow = datetime.now(UTC) + timedelta(days=1)

    @verb
    def add() -> list[int]:
        first = [deliveries.add("drum", "one lane", **about) for _ in range(MANY - 1)]
        return [*first, deliveries.add("drum", "one lane", not_before=tomorrow, **about)]

    with house.app.app_context():
        yield add()


def test_a_long_lane_is_looked_through_once_and_goes_on_at_once(house, lane):
    head = deliveries.claim("drum")
    assert head["id"] == lane[0]
    assert deliveries.claim("drum") is None
    due = "SELECT count(*) AS rows FROM deliveries WHERE channel = 'drum' AND due_at <= now() + interval '9 minutes'"
    assert house.rows(due) == [{"rows": 1}], "all but the head are put off, and nobody looks at them again so soon"
    deliveries.settle(head, Sent())
    second = deliveries.claim("drum")
    assert second["id"] == lane[1]
    deliveries.settle(second, Later("busy"))
    assert deliveries.claim("drum") is None
    house.app.config["CLOCK_OFFSET"] += timedelta(seconds=13)
    assert deliveries.claim("drum")["id"] == lane[1]


def test_whoever_comes_forward_still_waits_for_its_time(house, lane):
    for _ in range(MANY - 1):
        deliveries.settle(deliveries.claim("drum"), Sent())
    assert deliveries.claim("drum") is None
    house.app.config["CLOCK_OFFSET"] += timedelta(days=1)
    assert deliveries.claim("drum")["id"] == lane[-1]


def test_a_claim_that_is_over_settles_nothing(house, lane):
    late = deliveries.claim("drum")
    house.app.config["CLOCK_OFFSET"] += timedelta(seconds=deliveries.LEASE_SECONDS + 1)
    again = deliveries.claim("drum")
    assert (again["id"], again["attempts"]) == (late["id"], 2)
    assert deliveries.settle(late, Sent("late")) is None
    assert deliveries.settle(again, Sent("again")) == "sent"
    assert house.rows("SELECT reference FROM deliveries WHERE id = :id", id=late["id"]) == [{"reference": "again"}]


@pytest.mark.parametrize(
    ("attempts", "least", "most"), [(1, 7.5, 12.5), (2, 15, 25), (9, 1920, 3200), (14, 2700, 4500)]
)
def test_pauses_grow_and_are_never_all_the_same(attempts, least, most):
    pauses = [deliveries.pause_after(attempts) for _ in range(50)]
    assert least <= min(pauses) < max(pauses) <= most
    assert deliveries.pause_after(1, 300.0) >= 300
    assert deliveries.pause_after(1, 10.0**9) == deliveries.LONGEST_PAUSE_SECONDS
