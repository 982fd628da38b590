"""People as they are sent and shown."""

from marshmallow import fields

from ofektom.identity import MEMBER_ROLES, MembershipStatus, Role
from ofektom.schemas import Choice, EmailAddress, Id, LoginName, PageIn, Phone, Schema, Secret, Text
from ofektom.views import page_of


class MemberIn(Schema):
    role = Choice(MEMBER_ROLES, required=True)
    full_name = Text(longest=120, required=True)
    parent_id = Id(
        load_default=None, allow_none=True, metadata={"description": "a sub-agent's agent, a customer's collector"}
    )
    unit_id = Id(load_default=None, allow_none=True)
    phone = Phone(load_default=None, allow_none=True)
    email = EmailAddress(load_default=None, allow_none=True)
    username = LoginName(load_default=None, allow_none=True)


class MemberChangesIn(Schema):
    full_name = Text(longest=120, metadata={"example": "Ada Obi-Eze"})
    phone = Phone(allow_none=True, metadata={"description": "the business's note; it changes no login"})
    unit_id = Id(allow_none=True)


class MembersQuery(PageIn):
    role = Choice(MEMBER_ROLES, load_default=None)
    status = Choice(MembershipStatus, load_default=None)
    parent_id = Id(from_text=True, load_default=None)
    unit_id = Id(from_text=True, load_default=None)
    search = Text(longest=60, load_default=None, metadata={"description": "a part of the name"})


class RoleIn(Schema):
    role = Choice([role for role in MEMBER_ROLES if role != Role.CUSTOMER], required=True)
    parent_id = Id(load_default=None, allow_none=True)


class HandOverIn(Schema):
    to_member_id = Id(required=True)


class HandedOverOut(Schema):
    moved = fields.Integer(metadata={"description": "members"})


class MemberOut(Schema):
    id = fields.Integer()
    role = Choice(MEMBER_ROLES)
    status = Choice(MembershipStatus)
    parent_id = fields.Integer(allow_none=True)
    unit_id = fields.Integer(allow_none=True)
    full_name = fields.String()
    phone = fields.String(allow_none=True)
    created_at = fields.DateTime()


class InvitedOut(MemberOut):
    invitation_token = fields.String(
        allow_none=True, metadata={"description": "shown only now; give it to the person. Null when they get an SMS"}
    )


class AcceptIn(Schema):
    token = Secret(required=True)
    secret = Secret(
        required=True, metadata={"description": "a new PIN or password; for somebody with a login, their own"}
    )


class RejectIn(Schema):
    token = Secret(required=True)


class AnsweredOut(Schema):
    business_id = fields.Integer()
    membership_id = fields.Integer()
    role = Choice(MEMBER_ROLES)
    status = Choice(MembershipStatus)


class UserOut(Schema):
    id = fields.Integer()
    username = fields.String(allow_none=True)
    phone = fields.String(allow_none=True)
    email = fields.String(allow_none=True)
    full_name = fields.String()
    is_active = fields.Boolean()
    is_super_admin = fields.Boolean()


MemberPage = page_of(MemberOut())
UserPage = page_of(UserOut())
