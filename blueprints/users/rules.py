"""Who stands under whom, and this domain's errors."""

from ofektom.errors import Problem
from ofektom.identity import Role

PARENT_ROLES: dict[str, set[str]] = {
    Role.ADMIN: set(),
    Role.AGENT: set(),
    Role.SUB_AGENT: {Role.AGENT},
    Role.CUSTOMER: {Role.AGENT, Role.SUB_AGENT},
}


class AlreadyMember(Problem):
    code, status, title = "members.already_member", 409, "That person is a member of this business already"
    constraints = ("uq_memberships_business_id_user_id",)


class WrongParent(Problem):
    code, status = "members.wrong_parent", 422
    title = "A sub-agent needs an active agent as parent, a customer an active agent or sub-agent, others none"
    constraints = ("ck_memberships_parent", "fk_memberships_business_id_parent_id")


class UnknownUnit(Problem):
    code, status, title = "members.unknown_unit", 422, "There is no such unit in this business"
    constraints = ("fk_memberships_business_id_unit_id",)


class NotYours(Problem):
    code, status, title = "members.not_yours", 403, "You can add customers only to your own portfolio"


class NotYourself(Problem):
    code, status, title = "members.not_yourself", 409, "You cannot do this to yourself"


class HasPortfolio(Problem):
    code, status, title = "members.has_portfolio", 409, "Hand this member's portfolio over first"


class WrongState(Problem):
    code, status, title = "members.wrong_state", 409, "The membership's present state does not allow this"


class InvalidInvitation(Problem):
    code, status, title = "invitations.invalid", 404, "This invitation does not exist, has expired or was answered"


class LoginNeeded(Problem):
    code, status, title = "members.login_needed", 422, "Staff need a phone, an e-mail or a username to sign in with"


def check_parent_role(role: str, parent_role: str | None) -> None:
    """Raise WrongParent unless somebody of `parent_role` (None: nobody) may stand over somebody of `role`."""
    allowed = PARENT_ROLES[role]
    if (parent_role is None) != (not allowed) or (parent_role is not None and parent_role not in allowed):
        raise WrongParent
