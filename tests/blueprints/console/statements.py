"""How many SQL statements each page and form costs, for `tests/blueprints/test_statements.py`."""

from blueprints.console.routes import ASSETS
from tests.cast import PASSWORD, Client

PINNED = {
    "console.approvals": 3,
    "console.approve_expense": 10,
    "console.approve_payout": 11,
    "console.asset": 0,
    "console.cash": 1,
    "console.decline_expense": 8,
    "console.decline_payout": 13,
    "console.health": 1,
    "console.home": 2,
    "console.open_session": 3,
    "console.platform": 1,
    "console.route": 1,
    "console.sign_in": 0,
    "console.sign_out": 3,
    "console.stops": 1,
}
PAGES = f"/approvals /cash /health /route /route/stops /sign-in /assets/{ASSETS.version}/console.css"


def call(cast) -> None:
    """Make each request at least once, with success; of several the last one counts."""
    account = cast.open_account(cast.funke)
    for days in (3, 1):
        cast.mark(account, days=days)
    spends = [{"amount": amount, "category": "fuel", "note": "x"} for amount in (1_001, 1_001, 1_000)]
    expenses = [cast.chidi.ok("POST", "/expenses", body)["id"] for body in spends]
    for number, (decision, body) in enumerate((("approve", {}), ("decline", {"reason": "x"}))):
        payout = cast.funke.ok("POST", "/payments", {"account_id": account["id"], "amount": 500})["id"]
        for path in (f"/payouts/{payout}", f"/expenses/{expenses[number]}"):
            assert cast.bola.post(f"/console{path}/{decision}", body).status == 303
    for path in ["", *PAGES.split()]:
        assert cast.ada.get(f"/console{path}").status == 200, path
    assert cast.staff.get("/console/businesses").status == 200
    visitor = Client(cast.app)
    assert visitor.post("/console/session", {"login": cast.bola.phone, "secret": PASSWORD}).status == 303
    visitor.sign_in(cast.bola.phone, PASSWORD)
    assert visitor.post("/console/sign-out", {}).status == 303
