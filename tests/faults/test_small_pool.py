"""As many payments in cash as there are connections: none may need a second one."""

from dataclasses import replace

from ofektom.app import create_app
from tests.cast import Client
from tests.concurrency.race import together


def test_parallel_cash_payments_do_not_starve_each_other(cast, settings):
    app = create_app(replace(settings, pool_size=4, pool_overflow=0), testing=True)
    account = cast.open_account(cast.funke)
    cast.mark(account, days=10)
    jobs = []
    for _ in range(4):
        request = cast.funke.ok("POST", "/payments", {"account_id": account["id"], "amount": 1_000})["id"]
        cast.ada.ok("POST", f"/payments/{request}/approve")
        jobs.append((request, cast.funke.ok("POST", f"/payments/{request}/code")["code"]))
    chidi = Client(app, cast.chidi.token)
    answers = together(
        *[lambda r=request, c=code: chidi.post(f"/payments/{r}/pay-cash", {"code": c}) for request, code in jobs]
    )
    assert {answer.status for answer in answers} == {200}
