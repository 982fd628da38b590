"""From the market to the phone and back: what the SMS says can be checked by anybody, and is in the books."""

import re


def test_what_the_sms_says_is_what_the_receipt_and_the_statement_say(house, account, termii):
    cast = house.cast
    cast.mark(account)  # the first day is the collector's
    marked = cast.mark(account, days=3)
    house.deliver()
    text = termii.texts[-1]
    said = re.search(r": NGN ([\d,.]+) received .* Balance NGN ([\d,.]+)\. Receipt (\S+)$", text)
    amount, balance = (round(float(number.replace(",", "")) * 100) for number in said.groups()[:2])
    receipt = house.app.test_client().get(f"/api/v1/receipts/{said[3]}").get_json()
    assert (receipt["status"], receipt["business_name"]) == ("valid", "Ada Thrift")
    assert receipt["amount"] == amount == marked["amount"] == 150_000
    assert len(receipt["slots"]) == 3
    lines = cast.funke.ok("GET", f"/savings/{account['id']}/statement")["items"]
    assert (lines[0]["amount"], lines[0]["balance"]) == (amount, balance)
    cast.chidi.ok("POST", f"/collections/{marked['collection_id']}/reversal", {"reason": "paid for a neighbour"})
    house.deliver()
    assert "TAKEN BACK" in termii.texts[-1]
    assert house.app.test_client().get(f"/api/v1/receipts/{said[3]}").get_json()["status"] == "reversed"
