"""Businesses and units as they are sent and shown."""

from marshmallow import fields, validate

from blueprints.users.schemas import InvitedOut
from ofektom.schemas import EmailAddress, LoginName, Phone, Schema, StrictBoolean, Text
from ofektom.views import page_of


class FirstAdminIn(Schema):
    full_name = Text(longest=120, required=True)
    phone = Phone(load_default=None, allow_none=True)
    email = EmailAddress(load_default=None, allow_none=True)
    username = LoginName(load_default=None, allow_none=True)


class BusinessIn(Schema):
    name = Text(longest=120, required=True, metadata={"example": "Bisi Savings"})
    currency = fields.String(load_default="NGN", validate=validate.Regexp(r"\A[A-Z]{3}\Z"))
    timezone = Text(longest=64, load_default="Africa/Lagos")
    admin = fields.Nested(FirstAdminIn, required=True)


class BusinessChangesIn(Schema):
    name = Text(longest=120, metadata={"example": "Ada & Daughters"})
    is_active = StrictBoolean()


class BusinessOut(Schema):
    id = fields.Integer()
    name = fields.String()
    currency = fields.String()
    timezone = fields.String()
    is_active = fields.Boolean()
    created_at = fields.DateTime()


class PublicPageOut(Schema):
    id = fields.Integer()
    name = fields.String()
    currency = fields.String()
    timezone = fields.String()
    units = fields.List(fields.String(), metadata={"description": "names of the active ones"})
    since = fields.Date()


class OpenedOut(Schema):
    business = fields.Nested(BusinessOut)
    admin = fields.Nested(InvitedOut)


class UnitIn(Schema):
    name = Text(longest=80, required=True, metadata={"example": "Oshodi Market"})


class UnitChangesIn(Schema):
    name = Text(longest=80, metadata={"example": "Balogun Market, north side"})
    is_active = StrictBoolean()


class UnitOut(Schema):
    id = fields.Integer()
    name = fields.String()
    is_active = fields.Boolean()
    created_at = fields.DateTime()


BusinessPage = page_of(BusinessOut())
UnitPage = page_of(UnitOut())
