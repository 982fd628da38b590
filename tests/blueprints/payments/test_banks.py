"""The banks to choose from, over HTTP."""

import pytest


def test_anybody_reads_the_banks_and_caches_keep_them(anonymous):
    answer = anonymous.get("/banks")
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "public, max-age=3600"
    assert {"code": "044", "name": "Access Bank", "nuban": True} in answer["items"]
    assert {"code": "999992", "name": "OPay", "nuban": False} in answer["items"]
    names = [bank["name"] for bank in answer["items"]]
    assert names == sorted(names)
    same = anonymous.get("/banks", headers={"If-None-Match": answer.headers["ETag"]})
    assert (same.status, same.body, same.headers["Cache-Control"]) == (304, None, "public, max-age=3600")


def test_somebody_signed_in_reads_the_same_for_themselves(anonymous, cast):
    answer = cast.funke.get("/banks")
    assert (answer.body, answer.headers["Cache-Control"]) == (anonymous.ok("GET", "/banks"), "private, no-cache")


def test_it_takes_no_parameters(anonymous):
    refused = anonymous.get("/banks?country=NG")
    assert (refused.code, refused.headers["Cache-Control"]) == ("request.invalid", "no-store")


def test_every_bank_of_the_list_can_be_chosen(cast):
    """A payment account of each: with the one check digit that fits where one is asked for."""
    for bank in cast.funke.ok("GET", "/banks")["items"]:
        body = {"bank_code": bank["code"], "account_name": "Funke Bello"}
        numbers = [f"000001457{last}" for last in "0123456789"]
        answers = [cast.funke.post("/payment-accounts", body | {"account_number": number}) for number in numbers]
        assert [answer.status for answer in answers].count(201) == (1 if bank["nuban"] else 10), bank


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_nobody_changes_them(cast, method):
    assert cast.ada.send(method, "/banks", {}).code == "method_not_allowed"
