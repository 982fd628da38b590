"""The field types every slice's schemas are made of: strict about types, ranges and characters."""

import re
from datetime import UTC, date

import phonenumbers
from flask import g
from marshmallow import RAISE, ValidationError, fields, validate, validates_schema
from marshmallow import Schema as MarshmallowSchema

from ofektom.http import MAX_ID
from ofektom.money import MAX_AMOUNT

# Control characters, and those that hide or turn text around; line breaks only where text may have lines.
_HIDING = r"\u007f-\u009f\u200b\u2028-\u202e\u2060-\u2069\ufeff"
_IN_LINES, _IN_A_LINE = rf"\u0000-\u0008\u000b-\u001f{_HIDING}", rf"\u0000-\u001f{_HIDING}"
_CONTROL = re.compile(f"[{_IN_LINES}]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
# The years that dates may lie in, for the document.
_YEARS = "^(20[0-9]{2}|2100)-"
NIGERIAN_MOBILE = re.compile(r"\+234(70|80|81|90|91)\d{8}")
_USUAL_PHONE = re.compile(r"(?:0|\+?234)([789][01]\d{8})", re.ASCII)
NOT_MOBILE = ("+234800", "+234700")


class Schema(MarshmallowSchema):
    """The parent of every schema: unknown fields are refused."""

    class Meta:
        unknown = RAISE


class Text(fields.String):
    """Text of `shortest`..`longest` characters, trimmed, without control characters or lone surrogates."""

    def __init__(self, *, longest: int, shortest: int = 1, lines: bool = False, **kwargs):
        self.longest, self.lines = longest, lines
        kwargs["metadata"] = {"pattern": self._pattern(shortest)} | kwargs.get("metadata", {})
        super().__init__(validate=validate.Length(min=shortest, max=longest), **kwargs)

    def _pattern(self, shortest: int) -> str:
        """What is checked below, for the document: two characters that are seen where one is too short."""
        bad = _IN_LINES if self.lines else _IN_A_LINE
        seen, any_of_them = rf"[^{bad}\s]", f"[^{bad}]*"
        return rf"^\s*{seen}{any_of_them}{seen}\s*$" if shortest > 1 else rf"^\s*{seen}({any_of_them}{seen})?\s*$"

    def _deserialize(self, value, attr, data, **kwargs):
        text = super()._deserialize(value, attr, data, **kwargs).strip()
        if _CONTROL.search(text) or _SURROGATE.search(text) or (not self.lines and re.search(r"[\n\t]", text)):
            raise ValidationError("Contains characters that are not allowed.")
        return text


class Digits(fields.String):
    """ASCII digits, as many as one of `lengths`; text, because leading zeros count."""

    def __init__(self, *, lengths: tuple[int, ...], **kwargs):
        self.lengths = lengths
        pattern = "|".join(f"[0-9]{{{length}}}" for length in lengths)
        super().__init__(validate=validate.Regexp(rf"\A(?:{pattern})\Z"), **kwargs)


class Secret(Text):
    """A PIN, password or token: never trimmed, never dumped."""

    def __init__(self, **kwargs):
        super().__init__(longest=200, load_only=True, **kwargs)

    def _pattern(self, shortest: int) -> str:
        return f"^[^{_IN_LINES}]*$"

    def _deserialize(self, value, attr, data, **kwargs):
        text = fields.String._deserialize(self, value, attr, data, **kwargs)
        if _CONTROL.search(text) or _SURROGATE.search(text):
            raise ValidationError("Contains characters that are not allowed.")
        return text


class Whole(fields.Integer):
    """A whole number in `low`..`high`. JSON true, 1.0 and "1" are not whole numbers; in a query string "1" is."""

    def __init__(self, *, low: int = 0, high: int = MAX_ID, from_text: bool = False, **kwargs):
        self.from_text = from_text
        super().__init__(strict=True, validate=validate.Range(min=low, max=high), **kwargs)

    def _validated(self, value):
        if self.from_text and isinstance(value, str) and re.fullmatch(r"[0-9]{1,19}", value, re.ASCII):
            value = int(value)
        if type(value) is not int:
            raise self.make_error("invalid", input=value)
        return value


def Id(**kwargs) -> Whole:
    """The id of a row."""
    return Whole(low=1, **kwargs)


def Amount(*, low: int = 1, high: int = MAX_AMOUNT, **kwargs) -> Whole:
    """Money in the currency's minor unit (kobo)."""
    kwargs.setdefault("metadata", {"description": "minor units of the currency (kobo for NGN)"})
    return Whole(low=low, high=high, **kwargs)


class Currency(fields.String):
    """Beside every amount in an answer: the currency of the business the caller works in."""

    _CHECK_ATTRIBUTE = False
    is_of_request = True

    def _serialize(self, value, attr, obj, **kwargs):
        return g.actor.currency


class Voucher(fields.String):
    """Text by which somebody can prove that a thing was written: null in a rehearsal, which writes nothing."""

    def __init__(self, **kwargs):
        super().__init__(allow_none=True, dump_only=True, **kwargs)

    def _serialize(self, value, attr, obj, **kwargs):
        return None if g.get("rehearsing") else super()._serialize(value, attr, obj, **kwargs)


def Choice(enum, **kwargs) -> fields.String:
    """One of the values of a StrEnum."""
    return fields.String(validate=validate.OneOf([str(item) for item in enum]), **kwargs)


class StrictBoolean(fields.Boolean):
    """JSON true or false, and nothing that looks like it."""

    def _deserialize(self, value, attr, data, **kwargs):
        if value is True or value is False:
            return value
        raise self.make_error("invalid", input=value)


class ListOf(fields.List):
    """A list of `item`s, one to `most`; a longer one is refused before its items are looked at."""

    def __init__(self, item, *, most: int, **kwargs):
        self.most = most
        super().__init__(item, validate=validate.Length(min=1, max=most), **kwargs)

    def _deserialize(self, value, attr, data, **kwargs):
        if isinstance(value, list) and len(value) > self.most:
            raise ValidationError(f"At most {self.most} items.")
        return super()._deserialize(value, attr, data, **kwargs)


class Day(fields.Date):
    """A calendar date, YYYY-MM-DD, between 2000 and 2100."""

    def __init__(self, **kwargs):
        kwargs["metadata"] = {"pattern": _YEARS} | kwargs.get("metadata", {})
        super().__init__(validate=validate.Range(min=date(2000, 1, 1), max=date(2100, 12, 31)), **kwargs)

    def _deserialize(self, value, attr, data, **kwargs):
        if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
            raise self.make_error("invalid", input=value, obj_type=self.OBJ_TYPE)
        return super()._deserialize(value, attr, data, **kwargs)


class Moment(fields.AwareDateTime):
    """A time with its offset, ISO 8601, between 2000 and 2100."""

    def __init__(self, **kwargs):
        kwargs["metadata"] = {"pattern": _YEARS} | kwargs.get("metadata", {})
        super().__init__(**kwargs)

    def _deserialize(self, value, attr, data, **kwargs):
        try:
            moment = super()._deserialize(value, attr, data, **kwargs).astimezone(UTC)
        except (OverflowError, TypeError):
            raise self.make_error("invalid", input=value, obj_type=self.OBJ_TYPE) from None
        if not 2000 <= moment.year <= 2100:
            raise ValidationError("Must lie between 2000 and 2100.")
        return moment


class Phone(fields.String):
    """A Nigerian mobile number, stored E.164. Reads 0803…, 234803…, +234803… and 803….

    Source of the mobile pattern: the national numbering plan of the Nigerian regulator (NCC).
    """

    def _deserialize(self, value, attr, data, **kwargs):
        text = super()._deserialize(value, attr, data, **kwargs)
        phone = normal_phone(text)
        if phone is None:
            raise ValidationError("Not a Nigerian mobile number.")
        return phone


class LoginName(fields.String):
    """A username: lower case, a letter first, 3 to 40 of letters, digits, dot, hyphen, underscore."""

    def __init__(self, **kwargs):
        super().__init__(validate=validate.Regexp(r"\A[a-z][a-z0-9._-]{2,39}\Z"), **kwargs)


class EmailAddress(fields.Email):
    """An e-mail address, stored lower-case."""

    def __init__(self, **kwargs):
        super().__init__(validate=validate.Length(max=254), **kwargs)

    def _deserialize(self, value, attr, data, **kwargs):
        return super()._deserialize(value, attr, data, **kwargs).lower()


def normal_phone(text: str) -> str | None:
    """`text` as an E.164 Nigerian mobile number, or None when it is not one."""
    usual = _USUAL_PHONE.fullmatch(text)
    if usual:  # as the library would read it, in a hundredth of the time
        phone = f"+234{usual[1]}"
        return phone if NIGERIAN_MOBILE.fullmatch(phone) and not phone.startswith(NOT_MOBILE) else None
    if not re.fullmatch(r"[+0-9 ()-]{10,20}", text, re.ASCII):
        return None
    try:
        number = phonenumbers.parse(text, "NG")
    except phonenumbers.NumberParseException:
        return None
    phone = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    is_mobile = NIGERIAN_MOBILE.fullmatch(phone) and not phone.startswith(NOT_MOBILE)
    return phone if is_mobile else None


class PageIn(Schema):
    """The query of every list."""

    limit = Whole(low=1, high=100, from_text=True, load_default=50)
    cursor = Text(longest=200, load_default=None, metadata={"description": "`next` of the page before"})


class PeriodIn(Schema):
    """Days from `from` to `to`, both included; open where one is left out."""

    first = Day(data_key="from", load_default=None, metadata={"description": "the first day; default the very first"})
    last = Day(data_key="to", load_default=None, metadata={"description": "the last day, included; default the latest"})

    @validates_schema
    def check_order(self, data, **kwargs):
        """The first day is not after the last."""
        if data.get("first") and data.get("last") and data["first"] > data["last"]:
            raise ValidationError({"to": ["Lies before `from`."]})


class ReasonIn(Schema):
    """Why, for acts that somebody may ask about later."""

    reason = Text(longest=300, lines=True, required=True, metadata={"example": "it was asked for on the phone"})


class LedgerLineOut(Schema):
    """A line of a ledger account's statement."""

    id = fields.Integer()
    entry_id = fields.Integer()
    kind = fields.String()
    reference = fields.String()
    reverses_id = fields.Integer(allow_none=True)
    business_day = fields.Date()
    at = fields.DateTime()
    amount = fields.Integer(metadata={"description": "minor units; negative when it left this account"})
    balance = fields.Integer(metadata={"description": "minor units, after this line"})
    counterpart = fields.String(metadata={"description": "the kind of the account on the other side"})
