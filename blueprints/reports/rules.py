"""The arithmetic of the proofs."""

from blueprints.settings.rules import AccountKind


def trial_balance(totals: dict[str, int]) -> dict:
    """Debits and credits of every kind of account of the chart, in minor units; a balance below zero is a debit."""
    totals = {str(kind): 0 for kind in AccountKind} | totals
    lines = [{"kind": kind, "debit": max(0, -total), "credit": max(0, total)} for kind, total in sorted(totals.items())]
    debits, credits = sum(line["debit"] for line in lines), sum(line["credit"] for line in lines)
    return {"lines": lines, "debits": debits, "credits": credits, "balanced": debits == credits}


def four_pots(totals: dict[str, int]) -> dict:
    """Do the pots hold what customers are owed? Amounts in minor units.

    Customer liabilities = business cash and bank + agents' cash + gateway clearing - income - commission payable, each
    corrected by over/short and expenses.
    """

    def of(*kinds: AccountKind) -> int:
        return sum(totals.get(kind, 0) for kind in kinds)

    owed = of(AccountKind.SAVINGS, AccountKind.PAYOUT_HOLD)
    pots = {
        "business_cash_and_bank": -of(AccountKind.BUSINESS_CASH, AccountKind.BANK),
        "agents_cash": -of(AccountKind.AGENT_CASH),
        "gateway_clearing": -of(AccountKind.GATEWAY_CLEARING),
    }
    own = {
        "income": of(AccountKind.BUSINESS_INCOME),
        "commission_payable": of(AccountKind.COMMISSION_PAYABLE),
        "over_short": of(AccountKind.OVER_SHORT),
        "expenses": of(AccountKind.EXPENSES),
    }
    held = sum(pots.values()) - sum(own.values())
    return {"customer_liabilities": owed} | pots | own | {"covered": held, "difference": owed - held}
