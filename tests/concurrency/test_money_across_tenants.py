"""Nobody of another business decides, pays, reverses or even sees a business's money; nor do customers act as staff."""

import pytest

REASON = {"reason": "not mine"}


@pytest.fixture(scope="module")
def money(cast) -> dict:
    """An account with a collection, a waiting request, an approved one, and a payment account."""
    account = cast.open_account(cast.funke)
    collection = cast.mark(account, days=5)
    bank = {"bank_code": "033", "account_number": "1723185117", "account_name": "Funke Bello"}
    payee = cast.funke.ok("POST", "/payment-accounts", bank)["id"]
    waiting, approved = (
        cast.funke.ok("POST", "/payments", {"account_id": account["id"], "amount": 1_000})["id"] for _ in range(2)
    )
    cast.ada.ok("POST", f"/payments/{approved}/approve")
    code = cast.funke.ok("POST", f"/payments/{approved}/code")["code"]
    return {
        "account": account["id"],
        "collection": collection["collection_id"],
        "payee": payee,
        "waiting": waiting,
        "approved": approved,
        "code": code,
        "member": cast.funke.id,
        "chidi": cast.chidi.id,
    }


READS = [
    "/savings/{account}",
    "/savings/{account}/card",
    "/savings/{account}/statement",
    "/collections/{collection}",
    "/payments/{waiting}",
    "/payment-accounts/{payee}",
    "/members/{member}",
    "/commissions/agents/{chidi}/statement",
]
ACTS = [
    ("/savings/{account}/markings", {"days": 1}),
    ("/savings/{account}/end", REASON),
    ("/savings/{account}/extend", {"cycles": 1}),
    ("/savings/{account}/terms", {"contribution": 1}),
    ("/savings/{account}/roll-over", {}),
    ("/collections/{collection}/reversal", REASON),
    ("/payments/{waiting}/approve", {}),
    ("/payments/{waiting}/reject", REASON),
    ("/payments/{waiting}/cancel", REASON),
    ("/payments/{approved}/pay-cash", {"code": "{code}"}),
    ("/payments/{approved}/pay-transfer", {"bank_reference": "FBN-9"}),
    ("/payments/{approved}/fail", REASON),
]
LISTS = ["/savings", "/collections", "/payments", "/payment-accounts", "/members", "/commissions", "/route"]


@pytest.mark.parametrize("path", READS)
def test_the_admin_of_another_business_finds_nothing(rivals, money, path):
    assert rivals.ada.get(path.format(**money)).code == "not_found"


@pytest.mark.parametrize(("path", "body"), ACTS)
def test_the_admin_of_another_business_can_do_nothing(rivals, money, path, body):
    said = {name: value.format(**money) if isinstance(value, str) else value for name, value in body.items()}
    assert rivals.ada.post(path.format(**money), said).code == "not_found"


@pytest.mark.parametrize("path", LISTS)
def test_lists_hold_ones_own_only(cast, rivals, money, path):
    own = {item["id"] for item in rivals.ada.get("/members", query_string={"limit": 100})["items"]}
    assert own.isdisjoint({cast.ada.id, cast.funke.id, cast.chidi.id})
    mine = rivals.open_account(rivals.funke)
    rivals.mark(mine, by=rivals.chidi)
    for item in rivals.ada.get(path, query_string={"limit": 100})["items"]:
        assert item.get("account_id") != money["account"]
        assert item.get("customer_id") != money["member"]


@pytest.mark.parametrize(("path", "body"), ACTS)
def test_a_customer_is_no_staff(cast, money, path, body):
    """Not even on their own account; only cancelling their own request is theirs."""
    if path.endswith("/cancel"):
        return
    said = {name: value.format(**money) if isinstance(value, str) else value for name, value in body.items()}
    assert cast.funke.post(path.format(**money), said).code == "auth.forbidden"


@pytest.mark.parametrize(("path", "body"), ACTS)
def test_another_agents_money_is_out_of_sight(cast, money, path, body):
    said = {name: value.format(**money) if isinstance(value, str) else value for name, value in body.items()}
    assert cast.emeka.post(path.format(**money), said).code in ("not_found", "auth.forbidden")


def test_a_code_is_for_nobody_but_the_customer(cast, money):
    """Whoever has it can say that the money arrived."""
    assert cast.gbenga.post(f"/payments/{money['approved']}/code").code == "not_found"
    assert cast.emeka.post(f"/payments/{money['approved']}/send-code").code == "not_found"
    assert cast.gbenga.get(f"/payments/{money['approved']}").code == "not_found"


def test_who_asks_does_not_approve(cast, money):
    """Neither as the same member nor after having become an admin."""
    by_ada = cast.ada.ok("POST", "/payments", {"account_id": money["account"], "amount": 1_000})["id"]
    assert cast.ada.post(f"/payments/{by_ada}/approve").code == "payments.own_request"
    kunle = cast.join("admin", "Kunle Bada")
    cast.bola.ok("POST", f"/members/{kunle.id}/role", {"role": "agent"})
    cast.bola.ok("POST", f"/members/{kunle.id}/role", {"role": "admin"})
    by_kunle = kunle.ok("POST", "/payments", {"account_id": money["account"], "amount": 1_000})["id"]
    assert kunle.post(f"/payments/{by_kunle}/approve").code == "payments.own_request"
    assert cast.ada.post(f"/payments/{by_kunle}/approve")["status"] == "approved"
