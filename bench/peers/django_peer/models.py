"""The tables, in the schema that the connection's search_path names."""

from django.db import models
from django.db.models import CheckConstraint, F, Index, Q, UniqueConstraint


class Business(models.Model):
    name = models.CharField(max_length=120)
    currency = models.CharField(max_length=3)
    timezone = models.CharField(max_length=64)
    is_active = models.BooleanField()

    class Meta:
        db_table = "businesses"


class User(models.Model):
    username = models.CharField(max_length=40, null=True, unique=True)
    phone = models.CharField(max_length=16, null=True, unique=True)
    email = models.CharField(max_length=254, null=True, unique=True)
    full_name = models.CharField(max_length=120)
    secret_hash = models.CharField(max_length=200, null=True)
    secret_kind = models.CharField(max_length=8, null=True)
    auth_version = models.IntegerField(default=1)
    is_super_admin = models.BooleanField()
    is_active = models.BooleanField()

    class Meta:
        db_table = "users"


class Membership(models.Model):
    business = models.ForeignKey(Business, models.PROTECT)
    user = models.ForeignKey(User, models.PROTECT)
    role = models.CharField(max_length=12)
    status = models.CharField(max_length=12)
    parent = models.ForeignKey("self", models.PROTECT, null=True)
    full_name = models.CharField(max_length=120)

    class Meta:
        db_table = "memberships"


class Session(models.Model):
    user = models.ForeignKey(User, models.PROTECT)
    business = models.ForeignKey(Business, models.PROTECT, null=True)
    device = models.CharField(max_length=200, null=True)
    address = models.CharField(max_length=45, null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "sessions"


class RefreshToken(models.Model):
    session = models.ForeignKey(Session, models.PROTECT)
    token_hash = models.CharField(max_length=64, unique=True)
    used_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "refresh_tokens"


class Holiday(models.Model):
    business = models.ForeignKey(Business, models.PROTECT)
    day = models.DateField()
    name = models.CharField(max_length=120)

    class Meta:
        db_table = "holidays"
        constraints = (UniqueConstraint(fields=["business", "day"], name="uq_holidays"),)


class SavingsAccount(models.Model):
    business = models.ForeignKey(Business, models.PROTECT)
    customer = models.ForeignKey(Membership, models.PROTECT)
    tracking_number = models.CharField(max_length=10)
    kind = models.CharField(max_length=8)
    label = models.CharField(max_length=80, null=True)
    state = models.CharField(max_length=12)
    credit = models.BigIntegerField()
    start = models.DateField()
    ended_on = models.DateField(null=True)
    rolled_from_id = models.BigIntegerField(null=True)
    reference = models.CharField(max_length=40, null=True)
    opening_balance = models.BigIntegerField()
    cycle_kind = models.CharField(max_length=15)
    cycle_days = models.SmallIntegerField()
    commission_kind = models.CharField(max_length=10)
    commission_earned = models.CharField(max_length=10)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "savings_accounts"
        constraints = (
            UniqueConstraint(fields=["business", "tracking_number"], name="uq_savings_accounts_tracking"),
            CheckConstraint(condition=Q(credit__gte=0), name="ck_savings_accounts_credit"),
        )
        indexes = (
            Index(fields=["business", "id"], name="ix_savings_accounts_business"),
            Index(fields=["business", "state", "id"], name="ix_savings_accounts_state"),
        )


class SavingsTerms(models.Model):
    account = models.ForeignKey(SavingsAccount, models.PROTECT, related_name="terms")
    effective_from = models.DateField()
    contribution = models.BigIntegerField()
    weekdays = models.SmallIntegerField()
    cycles = models.SmallIntegerField(null=True)
    target_amount = models.BigIntegerField(null=True)
    end_date = models.DateField(null=True)

    class Meta:
        db_table = "savings_terms"
        ordering = ("id",)


class Commission(models.Model):
    account = models.ForeignKey(SavingsAccount, models.PROTECT, related_name="commissions")
    cycle = models.IntegerField()
    status = models.CharField(max_length=12)

    class Meta:
        db_table = "commissions"


class LedgerAccount(models.Model):
    business = models.ForeignKey(Business, models.PROTECT)
    kind = models.CharField(max_length=30)
    owner_id = models.BigIntegerField()
    balance = models.BigIntegerField()
    floor = models.BigIntegerField(null=True)
    ceiling = models.BigIntegerField(null=True)

    class Meta:
        db_table = "ledger_accounts"
        constraints = (
            UniqueConstraint(fields=["business", "kind", "owner_id"], name="uq_ledger_accounts"),
            CheckConstraint(
                condition=Q(balance__gte=F("floor"), balance__lte=F("ceiling")), name="ck_ledger_accounts_bounds"
            ),
        )


class LedgerEntry(models.Model):
    business = models.ForeignKey(Business, models.PROTECT)
    kind = models.CharField(max_length=40)
    reference = models.CharField(max_length=80)
    membership = models.ForeignKey(Membership, models.PROTECT, null=True)
    business_day = models.DateField()
    at = models.DateTimeField()

    class Meta:
        db_table = "ledger_entries"
        constraints = (UniqueConstraint(fields=["business", "reference"], name="uq_ledger_entries_reference"),)


class LedgerPosting(models.Model):
    entry = models.ForeignKey(LedgerEntry, models.PROTECT)
    source = models.ForeignKey(LedgerAccount, models.PROTECT, related_name="+")
    destination = models.ForeignKey(LedgerAccount, models.PROTECT, related_name="+")
    amount = models.BigIntegerField()
    source_balance = models.BigIntegerField()
    destination_balance = models.BigIntegerField()

    class Meta:
        db_table = "ledger_postings"
        constraints = (CheckConstraint(condition=Q(amount__gt=0), name="ck_ledger_postings_amount"),)


class Collection(models.Model):
    business = models.ForeignKey(Business, models.PROTECT)
    account = models.ForeignKey(SavingsAccount, models.PROTECT)
    collector = models.ForeignKey(Membership, models.PROTECT)
    number = models.BigIntegerField()
    method = models.CharField(max_length=13)
    amount = models.BigIntegerField()
    credit_change = models.BigIntegerField()
    collected_on = models.DateField()
    entry = models.ForeignKey(LedgerEntry, models.PROTECT, null=True)
    at = models.DateTimeField()

    class Meta:
        db_table = "collections"
        constraints = (
            UniqueConstraint(fields=["collector", "number"], name="uq_collections_number"),
            CheckConstraint(condition=Q(amount__gte=0), name="ck_collections_amount"),
        )
        indexes = (Index(fields=["business", "collected_on", "id"], name="ix_collections_day"),)


class Marking(models.Model):
    account = models.ForeignKey(SavingsAccount, models.PROTECT, related_name="markings")
    collection = models.ForeignKey(Collection, models.PROTECT)
    slot_date = models.DateField()
    amount = models.BigIntegerField()
    cycle = models.SmallIntegerField()
    status = models.CharField(max_length=8)

    class Meta:
        db_table = "markings"
        constraints = (
            CheckConstraint(condition=Q(amount__gt=0), name="ck_markings_amount"),
            UniqueConstraint(fields=["account", "slot_date"], condition=Q(status="paid"), name="uq_markings_slot"),
        )


class ReceiptCounter(models.Model):
    collector = models.OneToOneField(Membership, models.PROTECT, primary_key=True)
    issued = models.BigIntegerField()

    class Meta:
        db_table = "receipt_counters"


class AuditEvent(models.Model):
    business_id = models.BigIntegerField()
    user_id = models.BigIntegerField(null=True)
    membership_id = models.BigIntegerField(null=True)
    action = models.CharField(max_length=60)
    object_type = models.CharField(max_length=40)
    object_id = models.BigIntegerField(null=True)
    after = models.JSONField(null=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "audit_events"
        indexes = (
            Index(fields=["business_id", "object_type", "object_id", "id"], name="ix_audit_events_object"),
            Index(fields=["business_id", "action", "id"], name="ix_audit_events_action"),
            Index(fields=["business_id", "membership_id", "id"], name="ix_audit_events_member"),
        )


class Outbox(models.Model):
    business_id = models.BigIntegerField()
    topic = models.CharField(max_length=60)
    member_id = models.BigIntegerField(null=True)
    facts = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "outbox"


class IdempotencyKey(models.Model):
    user = models.ForeignKey(User, models.PROTECT)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    status = models.SmallIntegerField(null=True)
    body = models.BinaryField(null=True)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        db_table = "idempotency_keys"
        constraints = (UniqueConstraint(fields=["user", "key"], name="uq_idempotency_keys"),)
