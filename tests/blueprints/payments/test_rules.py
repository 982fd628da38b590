"""The NUBAN check and how many people decide."""

import pytest

from blueprints.payments.rules import BANKS, InvalidNuban, Nuban, approvals_needed, banks, nuban


@pytest.mark.parametrize(("bank", "number"), [("011", "0000014579"), ("011", "0000000220"), ("033", "1723185117")])
def test_the_published_examples_are_valid(bank, number):
    assert nuban(bank, number) is Nuban.VALID


@pytest.mark.parametrize("last", [digit for digit in "0123456789" if digit != "9"])
def test_any_other_check_digit_is_refused_for_a_bank(last):
    with pytest.raises(InvalidNuban):
        nuban("011", "000001457" + last)


def test_other_institutions_are_only_doubted_or_not_checked():
    valid = [digit for digit in "0123456789" if nuban("50515", "123456789" + digit) is Nuban.VALID]
    assert len(valid) == 1
    assert nuban("999992", "0000014570") is Nuban.UNCHECKED


@pytest.mark.parametrize(("amount", "limit", "needed"), [(10, None, 1), (10, 10, 1), (11, 10, 2)])
def test_large_amounts_need_two(amount, limit, needed):
    assert approvals_needed(amount, limit) == needed


def test_the_list_says_where_a_wrong_check_digit_is_refused():
    for bank in banks():
        outcomes = set()
        for last in "0123456789":
            try:
                outcomes.add(nuban(bank["code"], f"000001457{last}"))
            except InvalidNuban:
                outcomes.add("refused")
        assert ("refused" in outcomes) == bank["nuban"], bank


def test_no_bank_is_there_twice():
    assert len(set(BANKS.values())) == len(BANKS)
