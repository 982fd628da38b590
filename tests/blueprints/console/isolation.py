"""What everybody must get of the console in the matrix of `tests/isolation/`."""

from blueprints.console.routes import ASSETS
from tests.isolation.expecting import (
    ADMIN,
    PLATFORM,
    PUBLIC,
    SIGNED_IN,
    STAFF,
    Asked,
    Expected,
    filtered_by,
    path,
)

REASON = {"reason": "Asked for by the customer"}
EXPENSE, PAYOUT = path("expense_id", "spend_requested"), path("request_id", "request")


def login(asked: Asked) -> dict:
    """Somebody whose session nobody else uses."""
    passerby = asked.world.home.cast.passerby
    return {"login": passerby.phone, "secret": passerby.secret}


EXPECTED = {
    "console.approvals": Expected(ADMIN),
    "console.approve_expense": Expected(ADMIN, (EXPENSE,)),
    "console.approve_payout": Expected(ADMIN, (PAYOUT,)),
    "console.asset": Expected(PUBLIC, path={"version": ASSETS.version, "name": "console.css"}),
    "console.cash": Expected(STAFF),
    "console.decline_expense": Expected(ADMIN, (EXPENSE,), body=REASON),
    "console.decline_payout": Expected(ADMIN, (PAYOUT,), body=REASON),
    "console.health": Expected(SIGNED_IN),  # whoever is an operator besides, and here everybody is
    "console.home": Expected(SIGNED_IN),
    "console.open_session": Expected(PUBLIC, body=login),
    "console.platform": Expected(PLATFORM),
    "console.route": Expected(STAFF),
    "console.sign_in": Expected(PUBLIC),
    "console.sign_out": Expected(SIGNED_IN),
    "console.stops": Expected(STAFF, (filtered_by("collector_id", "collector"),)),
}


def furnish(home) -> None:
    """It shows what others have."""
