"""/members of the business one works in, /invitations, and /users for platform staff."""

from blueprints.auth.rules import PasswordRequired, WrongCredentials
from blueprints.users import queries, schemas, services
from blueprints.users.rules import (
    AlreadyMember,
    HasPortfolio,
    InvalidInvitation,
    LoginNeeded,
    NotYours,
    NotYourself,
    UnknownUnit,
    WrongParent,
    WrongState,
)
from ofektom.auth import PUBLIC
from ofektom.credentials import TooManyGuesses, WeakPassword, WeakPin
from ofektom.examples import Example
from ofektom.schemas import PageIn, ReasonIn
from ofektom.views import Slice

bp = Slice("users", __name__)

MEMBER, INVITED = schemas.MemberOut(), schemas.InvitedOut()


@bp.get("/members", access="members.read", query=schemas.MembersQuery(), answer=schemas.MemberPage)
def members(actor, query):
    """The members you may see: an admin the business, a collector their portfolio, a customer themselves."""
    return queries.members(actor, **query)


@bp.post(
    "/members",
    access="members.add",
    body=schemas.MemberIn(),
    answer=INVITED,
    errors=[AlreadyMember, LoginNeeded, NotYours, UnknownUnit, WrongParent],
    example=Example(body={"role": "customer", "full_name": "Efe Obi", "parent_id": 2}),
)
def add_member(actor, body):
    """Add somebody and invite them. Collectors add customers to their own portfolio."""
    return services.add_member(actor=actor, **body)


@bp.get("/members/<id:member_id>", access="members.read", answer=MEMBER)
def member(actor, member_id):
    """One member."""
    return queries.member(actor, member_id)


@bp.patch(
    "/members/<id:member_id>",
    access="members.manage",
    body=schemas.MemberChangesIn(),
    answer=MEMBER,
    errors=[UnknownUnit],
)
def change_member(actor, member_id, body):
    """Change what the business has noted of a member."""
    return services.change_member(actor=actor, member_id=member_id, changes=body)


@bp.post(
    "/members/<id:member_id>/invitation",
    access="members.manage",
    answer=INVITED,
    errors=[WrongState],
    example=Example(path={"member_id": 8}),
)
def renew_invitation(actor, member_id):
    """Invite somebody again who has not answered, or has said no. The old token stops working."""
    return services.renew_invitation(actor=actor, member_id=member_id)


@bp.post(
    "/members/<id:member_id>/deactivate",
    access="members.manage",
    status=200,
    body=ReasonIn(),
    answer=MEMBER,
    errors=[NotYourself, WrongState],
    example=Example(path={"member_id": 5}),
)
def deactivate(actor, member_id, body):
    """End a member's access at once. Their money and history stay."""
    return services.deactivate(actor=actor, member_id=member_id, **body)


@bp.post(
    "/members/<id:member_id>/reactivate",
    access="members.manage",
    status=200,
    body=ReasonIn(),
    answer=MEMBER,
    errors=[WrongState],
    example=Example(path={"member_id": 9}),
)
def reactivate(actor, member_id, body):
    """Give a deactivated member access again."""
    return services.reactivate(actor=actor, member_id=member_id, **body)


@bp.post(
    "/members/<id:member_id>/role",
    access="members.manage",
    status=200,
    body=schemas.RoleIn(),
    answer=MEMBER,
    errors=[NotYourself, HasPortfolio, WrongParent, WrongState, PasswordRequired],
    example=Example(path={"member_id": 8}, body={"role": "admin"}),
)
def change_role(actor, member_id, body):
    """Give a member of staff another role."""
    return services.change_role(actor=actor, member_id=member_id, **body)


@bp.post(
    "/members/<id:member_id>/hand-over",
    access="members.manage",
    status=200,
    body=schemas.HandOverIn(),
    answer=schemas.HandedOverOut(),
    errors=[WrongParent],
    example=Example(path={"member_id": 3}, body={"to_member_id": 2}),
)
def hand_over(actor, member_id, body):
    """Move a collector's whole portfolio to another collector."""
    return services.hand_over(actor=actor, member_id=member_id, **body)


@bp.post(
    "/invitations/accept",
    access=PUBLIC,
    status=200,
    body=schemas.AcceptIn(),
    answer=schemas.AnsweredOut(),
    errors=[InvalidInvitation, WrongCredentials, TooManyGuesses, WeakPin, WeakPassword, PasswordRequired],
    example=Example(
        body={"token": "as the invitation says", "secret": "739154"},
        refused=InvalidInvitation,
        why="the token is the invitation's",
    ),
)
def accept(body):
    """Say yes to an invitation: choose a PIN or password, or prove yourself with the one you have."""
    return services.accept(**body)


@bp.post(
    "/invitations/reject",
    access=PUBLIC,
    status=200,
    body=schemas.RejectIn(),
    answer=schemas.AnsweredOut(),
    errors=[InvalidInvitation],
    example=Example(
        body={"token": "as the invitation says"}, refused=InvalidInvitation, why="the token is the invitation's"
    ),
)
def reject(body):
    """Say no to an invitation."""
    return services.reject(**body)


@bp.get("/users", access="users.manage", query=PageIn(), answer=schemas.UserPage)
def users(query):
    """All users of the platform."""
    return queries.users(**query)


@bp.post(
    "/users/<id:user_id>/deactivate",
    access="users.manage",
    status=204,
    body=ReasonIn(),
    errors=[NotYourself],
    example=Example(path={"user_id": 3}),
)
def deactivate_user(actor, user_id, body):
    """Shut a person out of the whole platform: their sessions end at once."""
    services.set_user_active(actor=actor, user_id=user_id, active=False, **body)


@bp.post(
    "/users/<id:user_id>/reactivate",
    access="users.manage",
    status=204,
    body=ReasonIn(),
    errors=[NotYourself],
    example=Example(path={"user_id": 3}),
)
def reactivate_user(actor, user_id, body):
    """Let a person in again."""
    services.set_user_active(actor=actor, user_id=user_id, active=True, **body)
