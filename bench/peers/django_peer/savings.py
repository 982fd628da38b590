"""Reads of savings accounts and their cards."""

from datetime import date
from zoneinfo import ZoneInfo

from django.db.models import Count, OuterRef, Prefetch, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone
from rest_framework.exceptions import NotFound

from bench.peers import plan
from bench.peers.django_peer.callers import Place
from bench.peers.django_peer.models import Holiday, LedgerAccount, Marking, SavingsAccount


def today(place: Place) -> date:
    return timezone.localdate(timezone=ZoneInfo(place.timezone))


def visible(place: Place) -> QuerySet[SavingsAccount]:
    """The accounts a member may see: all for an admin, else those of their own customers."""
    mine = SavingsAccount.objects.filter(business_id=place.business_id)
    return mine if place.role == "admin" else mine.filter(customer__parent_id=place.membership_id)


def accounts(place: Place) -> QuerySet[SavingsAccount]:
    """The same with their customer, terms, balance and the count and sum of their paid slots."""
    of_savings = LedgerAccount.objects.filter(kind="savings", business_id=place.business_id, owner_id=OuterRef("id"))
    paid = Marking.objects.filter(account=OuterRef("id"), status="paid").order_by().values("account")
    found = visible(place).select_related("customer").prefetch_related("terms")
    return found.annotate(
        balance=Subquery(of_savings.values("balance")),
        slots_paid=Coalesce(Subquery(paid.annotate(count=Count("*")).values("count")), 0),
        amount_paid=Coalesce(Subquery(paid.annotate(sum=Sum("amount")).values("sum")), 0),
    )


def with_latest(account: SavingsAccount) -> SavingsAccount:
    account.latest = list(account.terms.all())[-1]
    return account


def one(place: Place, account_id: int) -> SavingsAccount:
    account = accounts(place).filter(id=account_id).first()
    if account is None:
        raise NotFound
    return with_latest(account)


def page(place: Place, limit: int, after: int) -> tuple[list[SavingsAccount], str | None]:
    found = list(accounts(place).filter(id__gt=after).order_by("id")[: limit + 1])
    shown = [with_latest(account) for account in found[:limit]]
    return shown, str(shown[-1].id) if len(found) > limit else None


def loaded(found: QuerySet[SavingsAccount], account_id: int) -> SavingsAccount:
    """An account with all that decides its slots."""
    paid = Prefetch("markings", Marking.objects.filter(status="paid"), to_attr="paid")
    account = found.prefetch_related("terms", "commissions", paid).filter(id=account_id).first()
    if account is None:
        raise NotFound
    return with_latest(account)


def slots_of(account: SavingsAccount) -> list[plan.Slot]:
    days = Holiday.objects.filter(business_id=account.business_id).values_list("day", flat=True)
    terms = account.terms.all()
    versions = [plan.Terms(one.effective_from, one.contribution, one.weekdays, one.cycles) for one in terms]
    paid = {marking.slot_date: (marking.amount, marking.cycle) for marking in account.paid}
    return plan.Plan(account.start, account.cycle_days, versions, frozenset(days), paid).slots()


def charged(account: SavingsAccount) -> set[int]:
    """The cycles whose commission has been taken."""
    return {one.cycle for one in account.commissions.all() if one.status == "earned"}


def card(place: Place, account_id: int) -> dict:
    account = loaded(accounts(place), account_id)
    slots, day = slots_of(account), today(place)
    reserved = plan.one_day_reserve(slots, charged(account))
    shown = [{"date": s.date, "amount": s.amount, "cycle": s.cycle, "status": s.status(day)} for s in slots]
    sums = plan.totals(slots, day, credit=account.credit, balance=account.balance, reserved=reserved)
    return {"account": account, "today": day, "slots": shown, "totals": sums}
