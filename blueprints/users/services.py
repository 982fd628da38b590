"""Verbs on members: invite, change, deactivate, hand over."""

from datetime import timedelta

from flask import current_app
from sqlalchemy import select, update

from blueprints.auth.rules import PasswordRequired, WrongCredentials, familiar_words
from blueprints.settings.queries import is_sms_on
from blueprints.settings.rules import AccountKind
from blueprints.users import queries
from blueprints.users.rules import (
    AlreadyMember,
    HasPortfolio,
    InvalidInvitation,
    LoginNeeded,
    NotYours,
    NotYourself,
    WrongParent,
    WrongState,
    check_parent_role,
)
from ofektom import audit, callers, clock, credentials, ledger, sms
from ofektom.auth import Session, end_sessions
from ofektom.credentials import hash_token, new_seed, secret_of
from ofektom.database import apply, verb
from ofektom.errors import NotFound
from ofektom.extensions import db
from ofektom.identity import Actor, Membership, MembershipStatus, Role, User
from ofektom.outbox import Tell


@verb
def add_member(
    *, actor: Actor, role: str, full_name: str, parent_id: int | None, unit_id: int | None, **logins
) -> dict:
    """Add somebody to the actor's business and invite them.

    `logins` are phone, email and username, each may be None. Returns the member with `invitation_token`, which is shown
    only now. Raises NotYours, WrongParent, UnknownUnit, AlreadyMember, LoginNeeded.
    """
    if actor.role != Role.ADMIN:
        if role != Role.CUSTOMER:
            raise NotYours
        parent_id = parent_id or actor.membership_id
        _check_own_portfolio(actor, parent_id)
    _check_parent(actor.business_id, role, parent_id)
    member, tell = invite(
        business_id=actor.business_id, role=role, full_name=full_name, parent_id=parent_id, unit_id=unit_id, **logins
    )
    facts = {"role": role, "full_name": full_name, "parent_id": parent_id, "unit_id": unit_id}
    audit.record("members.added", "member", member["id"], actor=actor, after=facts, tell=[tell])
    return member


def invite(
    *,
    business_id: int,
    role: str,
    full_name: str,
    parent_id: int | None = None,
    unit_id: int | None = None,
    **logins,
) -> tuple[dict, Tell]:
    """Create a membership with its invitation and ledger accounts, within the verb of the caller.

    Returns the member as `add_member` does, and what the caller's audit row is to tell them.
    """
    if role != Role.CUSTOMER and not any(logins.values()):
        raise LoginNeeded
    member = Membership(
        business_id=business_id,
        user_id=_find_or_create_user(full_name, logins),
        role=role,
        status=MembershipStatus.INVITED,
        parent_id=parent_id,
        unit_id=unit_id,
        full_name=full_name,
        phone=logins.get("phone"),
    )
    seed = _set_invitation(member)
    db.session.add(member)
    db.session.flush()
    callers.forget_businesses(member.user_id)
    _open_accounts(member)
    return _invited(member, seed)


def _invited(member: Membership, seed: str) -> tuple[dict, Tell]:
    """The member with the token, unless it goes to their phone: then who has it has the phone, too."""
    facts = {"role": member.role, "full_name": member.full_name, "expires_at": member.invitation_expires_at}
    by_sms = member.phone is not None and sms.is_configured() and is_sms_on(member.business_id)
    token = None if by_sms else secret_of(seed)
    return _card(member) | {"invitation_token": token}, Tell("members.invited", member.id, facts, seed)


def _find_or_create_user(full_name: str, logins: dict) -> int:
    """The user who has one of `logins`, or a new one. The inviting business never learns which it was."""
    given = {name: value for name, value in logins.items() if value}
    if given:
        known = db.session.scalars(
            select(User.id).where(db.or_(*(getattr(User, name) == value for name, value in given.items())))
        ).all()
        if len(known) > 1:
            raise AlreadyMember
        if known:
            return known[0]
    user = User(full_name=full_name, **given)
    db.session.add(user)
    db.session.flush()
    return user.id


def _set_invitation(member: Membership) -> str:
    """Give a member a new invitation; returns the seed of its token."""
    seed = new_seed("token")
    member.invitation_hash = hash_token(secret_of(seed))
    member.invitation_expires_at = clock.read_now() + timedelta(days=current_app.config["INVITATION_DAYS"])
    return seed


def _open_accounts(member: Membership) -> None:
    """Members who collect hold cash (never less than none, so the ceiling is 0) and earn commission."""
    if member.role == Role.CUSTOMER:
        return
    ledger.open_accounts(member.business_id, [ledger.Account(AccountKind.AGENT_CASH, member.id)], ceiling=0)
    ledger.open_accounts(member.business_id, [ledger.Account(AccountKind.COMMISSION_PAYABLE, member.id)])


def _card(member: Membership) -> dict:
    return {column.name: getattr(member, column.name) for column in queries.CARD}


def _check_own_portfolio(actor: Actor, parent_id: int) -> None:
    allowed = select(Membership.id).where(queries.in_sight(actor), Membership.id == parent_id)
    if db.session.scalar(allowed.where(Membership.role != Role.CUSTOMER)) is None:
        raise NotYours


def _check_parent(business_id: int, role: str, parent_id: int | None) -> None:
    """The parent is share-locked, so that their role and state stay until this transaction has ended."""
    parent_role = None
    if parent_id is not None:
        query = select(Membership.role, Membership.status).where(
            Membership.business_id == business_id, Membership.id == parent_id
        )
        parent = db.session.execute(query.with_for_update(read=True)).first()
        if parent is None or parent.status not in (MembershipStatus.ACTIVE, MembershipStatus.INVITED):
            raise WrongParent
        parent_role = parent.role
    check_parent_role(role, parent_role)


@verb
def change_member(*, actor: Actor, member_id: int, changes: dict) -> dict:
    """Change the business's own note of a member: full_name, phone, unit_id. Raises NotFound, UnknownUnit."""
    member = queries.lock_member(actor.business_id, member_id)
    before = apply(member, changes)
    if before.get("phone", member.phone) != member.phone:
        member.phone_changed_at = clock.read_now()
    audit.record("members.changed", "member", member_id, actor=actor, before=before, after=changes)
    return _card(member)


@verb
def renew_invitation(*, actor: Actor, member_id: int) -> dict:
    """A new invitation token; the old one no longer works. Raises NotFound, WrongState."""
    member = queries.lock_member(actor.business_id, member_id)
    if member.status not in (MembershipStatus.INVITED, MembershipStatus.REJECTED):
        raise WrongState
    member.status = MembershipStatus.INVITED
    seed = _set_invitation(member)
    callers.forget_businesses(member.user_id)
    shown, tell = _invited(member, seed)
    audit.record("members.invited_again", "member", member_id, actor=actor, tell=[tell])
    return shown


@verb
def deactivate(*, actor: Actor, member_id: int, reason: str) -> dict:
    """End a member's access at once; their money and history stay. Raises NotYourself, NotFound, WrongState."""
    if member_id == actor.membership_id:
        raise NotYourself
    return _set_status(actor, member_id, MembershipStatus.DEACTIVATED, reason)


@verb
def reactivate(*, actor: Actor, member_id: int, reason: str) -> dict:
    """Give a deactivated member access again. Raises NotFound, WrongState."""
    return _set_status(actor, member_id, MembershipStatus.ACTIVE, reason)


def _set_status(actor: Actor, member_id: int, status: MembershipStatus, reason: str) -> dict:
    member = queries.lock_member(actor.business_id, member_id)
    before = member.status
    allowed = {MembershipStatus.DEACTIVATED: {"active", "invited"}, MembershipStatus.ACTIVE: {"deactivated"}}
    if before not in allowed[status]:
        raise WrongState
    if status == MembershipStatus.ACTIVE and member.invitation_hash:
        status = MembershipStatus.INVITED  # they never answered; they still have to
    member.status = status
    callers.forget_businesses(member.user_id)
    after = {"status": status, "reason": reason}
    audit.record(f"members.{status}", "member", member_id, actor=actor, before={"status": before}, after=after)
    return _card(member)


@verb
def change_role(*, actor: Actor, member_id: int, role: str, parent_id: int | None) -> dict:
    """Give a member another role. Raises NotYourself, HasPortfolio, WrongParent, NotFound, WrongState,
    PasswordRequired."""
    if member_id == actor.membership_id:
        raise NotYourself
    member = queries.lock_member(actor.business_id, member_id)
    if member.role == Role.CUSTOMER or role == Role.CUSTOMER:
        raise WrongState("a customer stays a customer and staff stay staff: add the person under the other role")
    if role != member.role and _has_portfolio(member):
        raise HasPortfolio
    _check_parent(actor.business_id, role, parent_id)
    if parent_id == member.id:
        raise WrongParent
    secret_kind = db.session.scalar(select(User.secret_kind).where(User.id == member.user_id))
    if role == Role.ADMIN and secret_kind == "pin":  # noqa: S105 - no password
        raise PasswordRequired
    before = {"role": member.role, "parent_id": member.parent_id}
    member.role, member.parent_id = role, parent_id
    db.session.flush()
    callers.forget_businesses(member.user_id)
    after = {"role": role, "parent_id": parent_id}
    audit.record("members.role_changed", "member", member_id, actor=actor, before=before, after=after)
    return _card(member)


def _has_portfolio(member: Membership) -> bool:
    children = select(Membership.id).where(
        Membership.business_id == member.business_id, Membership.parent_id == member.id
    )
    return db.session.scalar(select(children.exists()))


@verb
def hand_over(*, actor: Actor, member_id: int, to_member_id: int) -> dict:
    """Move everybody under one collector to another. Raises NotFound, WrongParent.

    The collector handed over from must exist; the one handed to must be fit to stand over each of them.
    """
    if member_id == to_member_id:
        raise WrongParent
    for locked_id in sorted({member_id, to_member_id}):
        queries.lock_member(actor.business_id, locked_id)
    children = (Membership.business_id == actor.business_id) & (Membership.parent_id == member_id)
    for role in db.session.scalars(select(Membership.role).where(children).distinct()):
        _check_parent(actor.business_id, role, to_member_id)
    if db.session.scalar(select(Membership.id).where(children, Membership.id == to_member_id)):
        raise WrongParent
    moved = update(Membership).where(children).values(parent_id=to_member_id).returning(Membership.id)
    ids = sorted(db.session.scalars(moved.execution_options(synchronize_session=False)).all())
    facts = {"to_member_id": to_member_id, "members": ids}
    audit.record("members.handed_over", "member", member_id, actor=actor, after=facts)
    return {"moved": len(ids)}


@verb
def set_user_active(*, actor: Actor, user_id: int, active: bool, reason: str) -> None:
    """Shut a person out of the whole platform, or let them in again. Raises NotYourself, NotFound."""
    if user_id == actor.user_id:
        raise NotYourself
    user = db.session.get(User, user_id, with_for_update=True, populate_existing=True)
    if user is None:
        raise NotFound
    before = {"is_active": user.is_active}
    user.is_active = active
    user.auth_version += 1
    end_sessions(Session.user_id == user_id)
    callers.forget_user(user_id)
    after = {"is_active": active, "reason": reason}
    audit.record("users.activity_set", "user", user_id, actor=actor, before=before, after=after)


def accept(*, token: str, secret: str) -> dict:
    """Answer an invitation with yes.

    Somebody new chooses their PIN or password with it; somebody with a login proves themselves with their own, so
    that a token that went astray makes nobody a member. Raises InvalidInvitation, WrongCredentials, TooManyGuesses,
    WeakPin, WeakPassword, PasswordRequired.
    """
    member, user = _open_invitation(token)
    needs_password = member.role == Role.ADMIN or user.is_super_admin
    user_id, known_hash, known_kind = user.id, user.secret_hash, user.secret_kind
    words = familiar_words(user.full_name, user.username, user.email, user.phone)
    db.session.rollback()  # no connection is held while hashing
    if known_hash is None:
        kind = credentials.check_secret(secret, needs_password=needs_password, words=words)
        return _accept(token=token, new_hash=credentials.hash_secret(secret), kind=kind)
    if not credentials.prove(f"user:{user_id}", secret, known_hash):
        raise WrongCredentials
    if needs_password and known_kind == "pin":
        raise PasswordRequired
    return _accept(token=token, new_hash=None, kind=None)


def _open_invitation(token: str) -> tuple[Membership, User]:
    found = queries.invitation(hash_token(token))
    if found is None:
        raise InvalidInvitation
    return found


@verb
def _accept(*, token: str, new_hash: str | None, kind: str | None) -> dict:
    member, user = _open_invitation(token)
    if new_hash:
        mine = (User.id == user.id) & User.secret_hash.is_(None)
        chosen = update(User).where(mine).values(secret_hash=new_hash, secret_kind=kind)
        if not db.session.execute(chosen.execution_options(synchronize_session=False)).rowcount:
            raise InvalidInvitation
        callers.forget_user(user.id)
    return _answer_invitation(member, user, MembershipStatus.ACTIVE)


@verb
def reject(*, token: str) -> dict:
    """Answer an invitation with no. Raises InvalidInvitation."""
    return _answer_invitation(*_open_invitation(token), MembershipStatus.REJECTED)


def _answer_invitation(member: Membership, user: User, status: MembershipStatus) -> dict:
    member.status = status
    member.invitation_hash = member.invitation_expires_at = None
    callers.forget_businesses(user.id)
    actor = Actor(user.id, 0, False)
    action = f"invitations.{'accepted' if status == MembershipStatus.ACTIVE else 'rejected'}"
    audit.record(action, "member", member.id, actor=actor, business_id=member.business_id, after={"status": status})
    return {"business_id": member.business_id, "membership_id": member.id, "role": member.role, "status": status}
