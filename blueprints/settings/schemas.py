"""Settings as they are sent and shown."""

from marshmallow import ValidationError, fields, validate

from blueprints.settings.rules import MAX_CYCLE_DAYS, CommissionKind, CycleKind, Earned, weekday_list, weekday_mask
from ofektom.money import BASIS_POINTS
from ofektom.schemas import Amount, Choice, Currency, Day, ListOf, Schema, StrictBoolean, Text, Whole

_QUIET = {"description": "hour of the day; SMS that can wait are not sent between from and until"}
_VALUE = "basis points for percent, minor units for flat, unused for one_day"


class Weekdays(ListOf):
    """ISO weekdays outside, 1 Monday to 7 Sunday; a bit mask inside."""

    def __init__(self, **kwargs):
        told = {"description": "ISO weekdays, 1 Monday to 7 Sunday", "minItems": 1, "maxItems": 7}
        kwargs["metadata"] = told | kwargs.get("metadata", {})
        super().__init__(Whole(low=1, high=7), most=7, **kwargs)
        self.validators = []  # of a list; what comes in has become a mask by then

    def _deserialize(self, value, attr, data, **kwargs):
        days = super()._deserialize(value, attr, data, **kwargs)
        if not days:
            raise ValidationError("Name at least one weekday.")
        return weekday_mask(days)

    def _serialize(self, value, attr, obj, **kwargs):
        return None if value is None else weekday_list(value)


class SettingsIn(Schema):
    commission_kind = Choice(CommissionKind)
    commission_value = Amount(low=0, metadata={"description": _VALUE})
    commission_cap = Amount(allow_none=True)
    commission_earned = Choice(Earned)
    agent_share = Whole(low=0, high=BASIS_POINTS, metadata={"description": "basis points of the commission"})
    cycle_kind = Choice(CycleKind)
    cycle_days = Whole(low=1, high=MAX_CYCLE_DAYS, metadata={"description": "collection days, for kind days"})
    weekdays = Weekdays()
    backdating_days = Whole(low=0, high=31, metadata={"description": "days; further back needs an admin", "example": 2})
    reversal_minutes = Whole(low=0, high=1440, metadata={"description": "minutes; later needs an admin"})
    two_approvers_above = Amount(allow_none=True)
    expense_approval_above = Amount(
        low=0,
        allow_none=True,
        metadata={"description": "minor units; a larger expense needs somebody else's approval; null: none does"},
    )
    partial_payouts = StrictBoolean()
    cooldown_hours = Whole(low=0, high=720, metadata={"description": "hours a new payment account waits"})
    public_page = StrictBoolean(metadata={"description": "show name and units to anybody, at /public/businesses/{id}"})
    sms = StrictBoolean(metadata={"description": "tell customers by SMS, where the operator has a provider"})
    sms_sender = fields.String(
        allow_none=True,
        validate=validate.Regexp(r"\A[A-Za-z0-9 ]{3,11}\Z"),
        metadata={"description": "the sender ID of SMS, as registered with the provider; null for the operator's"},
    )
    quiet_from = Whole(low=0, high=23, allow_none=True, metadata=_QUIET)
    quiet_until = Whole(low=0, high=23, allow_none=True, metadata=_QUIET)


class SettingsOut(Schema):
    currency = Currency()
    commission_kind = Choice(CommissionKind)
    commission_value = fields.Integer()
    commission_cap = fields.Integer(allow_none=True)
    commission_earned = Choice(Earned)
    agent_share = fields.Integer()
    cycle_kind = Choice(CycleKind)
    cycle_days = fields.Integer()
    weekdays = Weekdays()
    backdating_days = fields.Integer()
    reversal_minutes = fields.Integer()
    two_approvers_above = fields.Integer(allow_none=True)
    expense_approval_above = fields.Integer(allow_none=True)
    partial_payouts = fields.Boolean()
    cooldown_hours = fields.Integer()
    public_page = fields.Boolean()
    sms = fields.Boolean()
    sms_sender = fields.String(allow_none=True)
    quiet_from = fields.Integer(allow_none=True)
    quiet_until = fields.Integer(allow_none=True)


class HolidayIn(Schema):
    day = Day(required=True, metadata={"example": "2099-12-26"})
    name = Text(longest=80, required=True, metadata={"example": "Boxing Day"})


class HolidayOut(Schema):
    day = fields.Date()
    name = fields.String()


class HolidaysOut(Schema):
    items = fields.List(fields.Nested(HolidayOut))


class HolidayQuery(Schema):
    day = Day(required=True, metadata={"example": "2099-12-25"})
