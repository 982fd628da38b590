"""What signing in takes and gives."""

from marshmallow import fields

from ofektom.identity import MEMBER_ROLES, MembershipStatus
from ofektom.schemas import Choice, Id, LoginName, Schema, Secret, Text


class SuperAdminIn(Schema):
    username = LoginName(required=True)
    full_name = Text(longest=120, required=True)


class LoginIn(Schema):
    login = Text(longest=254, required=True, metadata={"description": "username, phone or e-mail"})
    secret = Secret(required=True, metadata={"description": "PIN or password"})
    device = Text(longest=200, load_default=None, metadata={"description": "shown in the list of sessions"})


class RefreshIn(Schema):
    refresh_token = Secret(required=True)


class SwitchIn(Schema):
    business_id = Id(required=True)


class SecretIn(Schema):
    current = Secret(required=True)
    new = Secret(required=True)


class TokensOut(Schema):
    access_token = fields.String()
    refresh_token = fields.String()
    token_type = fields.String()
    expires_in = fields.Integer(metadata={"description": "seconds"})


class MembershipOut(Schema):
    membership_id = fields.Integer()
    business_id = fields.Integer()
    business_name = fields.String()
    role = Choice(MEMBER_ROLES)
    status = Choice(MembershipStatus)


class ActiveOut(Schema):
    business_id = fields.Integer()
    membership_id = fields.Integer()
    role = Choice(MEMBER_ROLES)
    currency = fields.String()
    timezone = fields.String()


class MeOut(Schema):
    id = fields.Integer()
    username = fields.String(allow_none=True)
    phone = fields.String(allow_none=True)
    email = fields.String(allow_none=True)
    full_name = fields.String()
    secret_kind = fields.String()
    is_super_admin = fields.Boolean()
    active = fields.Nested(ActiveOut, allow_none=True, metadata={"description": "where this session works now"})
    permissions = fields.List(fields.String())
    memberships = fields.List(fields.Nested(MembershipOut))


class SessionOut(Schema):
    id = fields.Integer()
    device = fields.String(allow_none=True)
    address = fields.String(allow_none=True)
    created_at = fields.DateTime()
    refreshed_at = fields.DateTime()
    expires_at = fields.DateTime()
    is_current = fields.Boolean()


class SessionsOut(Schema):
    items = fields.List(fields.Nested(SessionOut))
