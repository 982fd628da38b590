"""The NUBAN check, the life of a payment request, and this domain's errors."""

from datetime import timedelta
from enum import StrEnum

from ofektom.errors import Problem

NUBAN_WEIGHTS = (3, 7, 3) * 5
CODE_MINUTES = 30
CODE_PAUSE = timedelta(minutes=1)
# Deposit money banks by their 3 digits of the Central Bank of Nigeria, and the institutions most asked for beside them.
# Source: Paystack's GET https://api.paystack.co/bank?currency=NGN, which writes Globus Bank's 103 as 00103.
BANKS = {
    "044": "Access Bank",
    "063": "Access Bank (Diamond)",
    "023": "Citibank Nigeria",
    "050": "Ecobank Nigeria",
    "070": "Fidelity Bank",
    "011": "First Bank of Nigeria",
    "214": "First City Monument Bank",
    "103": "Globus Bank",
    "058": "Guaranty Trust Bank",
    "301": "Jaiz Bank",
    "082": "Keystone Bank",
    "50211": "Kuda Bank",
    "303": "Lotus Bank",
    "50515": "Moniepoint MFB",
    "999992": "OPay",
    "999991": "PalmPay",
    "076": "Polaris Bank",
    "105": "PremiumTrust Bank",
    "101": "Providus Bank",
    "106": "Signature Bank",
    "221": "Stanbic IBTC Bank",
    "068": "Standard Chartered Bank",
    "232": "Sterling Bank",
    "100": "Suntrust Bank",
    "302": "TAJ Bank",
    "102": "Titan Trust Bank",
    "032": "Union Bank of Nigeria",
    "033": "United Bank for Africa",
    "215": "Unity Bank",
    "035": "Wema Bank",
    "057": "Zenith Bank",
}


class RequestStatus(StrEnum):
    REQUESTED = "requested"
    APPROVED = "approved"
    PAID = "paid"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    FAILED = "failed"


HOLDING = (RequestStatus.REQUESTED, RequestStatus.APPROVED)


class PayMethod(StrEnum):
    CASH = "cash"
    TRANSFER = "transfer"


class Nuban(StrEnum):
    VALID = "valid"
    DOUBTFUL = "doubtful"
    UNCHECKED = "unchecked"


class InvalidNuban(Problem):
    code, status, title = "payments.invalid_nuban", 422, "The account number does not fit the bank: check both"


class AccountExists(Problem):
    code, status, title = "payments.account_exists", 409, "The customer has this payment account already"
    constraints = ("uq_payment_accounts_number",)


class UnknownPaymentAccount(Problem):
    code, status, title = "payments.unknown_account", 422, "That is no payment account of this customer"
    constraints = ("fk_payment_requests_payment_account",)


class CoolingDown(Problem):
    code, status, title = "payments.cooling_down", 409, "This payment account is too new to be paid to"


class NotAvailable(Problem):
    code, status, title = "payments.not_available", 409, "That is more than the customer can take out"


class OnlyInFull(Problem):
    code, status, title = "payments.only_in_full", 422, "This business pays out the whole available amount only"


class WrongStatus(Problem):
    code, status, title = "payments.wrong_status", 409, "The request's present status does not allow this"


class OwnRequest(Problem):
    code, status, title = "payments.own_request", 403, "Somebody else must approve what you have requested"
    constraints = ("ck_payment_approvals_not_requester",)


class AlreadyApproved(Problem):
    code, status, title = "payments.already_approved", 409, "You have approved this request already"
    constraints = ("uq_payment_approvals_approver",)


class WrongMethod(Problem):
    code, status, title = "payments.wrong_method", 409, "This request is to be paid in another way"


class WrongCode(Problem):
    code, status, title = "payments.wrong_code", 403, "The customer's code is wrong or has expired"
    keeps = True  # the guess


class CodeNotSendable(Problem):
    code, status, title = "payments.code_not_sendable", 409, "No code can be sent to this customer"


class CodeJustSent(Problem):
    code, status, title = "payments.code_just_sent", 429, "A code has just been made; wait a minute for another one"
    retry_after = 60  # where no better figure is known


class NotCancellable(Problem):
    code, status, title = "payments.not_yours", 403, "Only who requested it, the customer or an admin may cancel it"


def nuban(bank_code: str, account_number: str) -> Nuban:
    """Whether a 10-digit account number carries the check digit that its bank's code asks for.

    Source: Central Bank of Nigeria, NUBAN standard. Only codes of deposit money banks (3 digits) are certain; codes
    of 5 digits are known to deviate, so a mismatch is only doubtful; wallets (6 digits) have none.
    """
    prefix = {3: "000", 5: "9"}.get(len(bank_code))
    if prefix is None:
        return Nuban.UNCHECKED
    digits = prefix + bank_code + account_number[:9]
    total = sum(int(digit) * weight for digit, weight in zip(digits, NUBAN_WEIGHTS, strict=True))
    if (10 - total % 10) % 10 == int(account_number[9]):
        return Nuban.VALID
    if _is_deposit_bank(bank_code):
        raise InvalidNuban
    return Nuban.DOUBTFUL


def _is_deposit_bank(bank_code: str) -> bool:
    return len(bank_code) == 3


def banks() -> list[dict]:
    """The banks to choose from, by name. `nuban` says whether an account number must carry the right check digit.

    Any other code of 3, 5 or 6 digits is taken as well: the list is for choosing, and no bank waits for us to add it.
    Source: the codes of the Central Bank of Nigeria, as Paystack's GET /bank lists them.
    """
    by_name = sorted(BANKS.items(), key=lambda bank: bank[1])
    return [{"code": code, "name": name, "nuban": _is_deposit_bank(code)} for code, name in by_name]


def approvals_needed(amount: int, two_approvers_above: int | None) -> int:
    """How many people must approve a request of `amount` minor units."""
    return 2 if two_approvers_above is not None and amount > two_approvers_above else 1
