"""What goes in and out. Amounts in minor units."""

from datetime import date, datetime

from pydantic import BaseModel, ConfigDict, Field


class LoginIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    login: str = Field(max_length=254)
    secret: str = Field(max_length=200)


class TokensOut(BaseModel):
    access_token: str
    refresh_token: str
    token_type: str
    expires_in: int


class ActiveOut(BaseModel):
    business_id: int
    membership_id: int
    role: str
    currency: str
    timezone: str


class MembershipOut(BaseModel):
    membership_id: int
    business_id: int
    business_name: str
    role: str
    status: str


class MeOut(BaseModel):
    id: int
    username: str | None
    phone: str | None
    email: str | None
    full_name: str
    secret_kind: str
    is_super_admin: bool
    active: ActiveOut | None
    permissions: list[str]
    memberships: list[MembershipOut]


class AccountOut(BaseModel):
    currency: str
    id: int
    tracking_number: str
    customer_id: int
    customer_name: str
    collector_id: int | None
    kind: str
    label: str | None
    state: str
    start: date
    ended_on: date | None
    rolled_from_id: int | None
    reference: str | None
    cycle_kind: str
    cycle_days: int
    contribution: int
    weekdays: list[int]
    cycles: int | None
    target_amount: int | None
    end_date: date | None
    commission_kind: str
    commission_earned: str
    slots_paid: int
    amount_paid: int
    credit: int
    opening_balance: int
    balance: int
    created_at: datetime


class AccountPage(BaseModel):
    next: str | None
    items: list[AccountOut]


class SlotOut(BaseModel):
    date: date
    amount: int
    cycle: int
    status: str


class TotalsOut(BaseModel):
    slots: int
    slots_paid: int
    slots_missed: int
    amount_planned: int
    amount_paid: int
    amount_missed: int
    amount_open: int
    credit: int
    balance: int
    available: int


class CardOut(BaseModel):
    account: AccountOut
    today: date
    slots: list[SlotOut]
    totals: TotalsOut


class CollectIn(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    days: int = Field(1, ge=1, le=1000)


class MarkedSlotOut(BaseModel):
    date: date
    amount: int
    cycle: int


class ReceiptOut(BaseModel):
    currency: str
    collection_id: int
    receipt_number: int
    account_id: int
    tracking_number: str
    amount: int
    slots: list[MarkedSlotOut]
    credit: int
    check_code: str
    commission: int
    balance: int
    state: str
    collected_on: date
    at: datetime
