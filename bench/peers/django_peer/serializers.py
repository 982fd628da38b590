"""What goes in and out. Amounts in minor units."""

from rest_framework import serializers

from bench.peers import plan
from bench.peers.django_peer.models import SavingsAccount


class LoginSerializer(serializers.Serializer):
    login = serializers.CharField(max_length=254)
    secret = serializers.CharField(max_length=200, trim_whitespace=False)


class ActiveSerializer(serializers.Serializer):
    business_id = serializers.IntegerField()
    membership_id = serializers.IntegerField()
    role = serializers.CharField()
    currency = serializers.CharField()
    timezone = serializers.CharField()


class MembershipSerializer(serializers.Serializer):
    membership_id = serializers.IntegerField()
    business_id = serializers.IntegerField()
    business_name = serializers.CharField()
    role = serializers.CharField()
    status = serializers.CharField()


class MeSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    username = serializers.CharField()
    phone = serializers.CharField()
    email = serializers.CharField()
    full_name = serializers.CharField()
    secret_kind = serializers.CharField()
    is_super_admin = serializers.BooleanField()
    active = ActiveSerializer()
    permissions = serializers.ListField()
    memberships = MembershipSerializer(many=True)


class AccountSerializer(serializers.ModelSerializer):
    """An account from `savings.accounts`, with the balance and sums that are annotated there."""

    currency = serializers.SerializerMethodField()
    customer_name = serializers.CharField(source="customer.full_name")
    collector_id = serializers.IntegerField(source="customer.parent_id")
    contribution = serializers.IntegerField(source="latest.contribution")
    weekdays = serializers.SerializerMethodField()
    cycles = serializers.IntegerField(source="latest.cycles")
    target_amount = serializers.IntegerField(source="latest.target_amount")
    end_date = serializers.DateField(source="latest.end_date")
    slots_paid = serializers.IntegerField()
    amount_paid = serializers.IntegerField()
    balance = serializers.IntegerField()

    class Meta:
        model = SavingsAccount
        fields = (
            "currency",
            "id",
            "tracking_number",
            "customer_id",
            "customer_name",
            "collector_id",
            "kind",
            "label",
            "state",
            "start",
            "ended_on",
            "rolled_from_id",
            "reference",
            "cycle_kind",
            "cycle_days",
            "contribution",
            "weekdays",
            "cycles",
            "target_amount",
            "end_date",
            "commission_kind",
            "commission_earned",
            "slots_paid",
            "amount_paid",
            "credit",
            "opening_balance",
            "balance",
            "created_at",
        )

    def get_currency(self, account) -> str:
        return self.context["currency"]

    def get_weekdays(self, account) -> list[int]:
        return plan.weekday_list(account.latest.weekdays)


class SlotSerializer(serializers.Serializer):
    date = serializers.DateField()
    amount = serializers.IntegerField()
    cycle = serializers.IntegerField()
    status = serializers.CharField()


class CardSerializer(serializers.Serializer):
    account = AccountSerializer()
    today = serializers.DateField()
    slots = SlotSerializer(many=True)
    totals = serializers.DictField(child=serializers.IntegerField())


class CollectSerializer(serializers.Serializer):
    days = serializers.IntegerField(min_value=1, max_value=1000, default=1)


class MarkedSlotSerializer(serializers.Serializer):
    date = serializers.DateField()
    amount = serializers.IntegerField()
    cycle = serializers.IntegerField()


class ReceiptSerializer(serializers.Serializer):
    currency = serializers.CharField()
    collection_id = serializers.IntegerField()
    receipt_number = serializers.IntegerField()
    account_id = serializers.IntegerField()
    tracking_number = serializers.CharField()
    amount = serializers.IntegerField()
    slots = MarkedSlotSerializer(many=True)
    credit = serializers.IntegerField()
    check_code = serializers.CharField()
    commission = serializers.IntegerField()
    balance = serializers.IntegerField()
    state = serializers.CharField()
    collected_on = serializers.DateField()
    at = serializers.DateTimeField()
