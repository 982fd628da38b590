"""Who: businesses (tenants), users (one person, one login), memberships (user x business with a role), and the Actor.

Every tenant table has primary key (business_id, id) and refers to others by composite foreign keys, so that a row of
one tenant cannot refer to a row of another, whatever the code does.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    String,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.orm import Mapped, mapped_column

from ofektom.extensions import db


class Role(StrEnum):
    SUPER_ADMIN = "super_admin"  # platform staff, not a membership
    ADMIN = "admin"
    AGENT = "agent"
    SUB_AGENT = "sub_agent"
    CUSTOMER = "customer"


MEMBER_ROLES = [role for role in Role if role is not Role.SUPER_ADMIN]


class MembershipStatus(StrEnum):
    INVITED = "invited"
    ACTIVE = "active"
    REJECTED = "rejected"
    DEACTIVATED = "deactivated"


def one_of(column: str, enum) -> str:
    """The SQL of a check constraint: `column` holds a value of `enum`."""
    return f"{column} IN ({', '.join(repr(str(item)) for item in enum)})"


def tenant_id() -> Mapped[int]:
    """The `business_id` that begins the primary key of a tenant's table."""
    return mapped_column(BigInteger, ForeignKey("businesses.id"), primary_key=True)


def row_id() -> Mapped[int]:
    """The `id` that ends the primary key of a tenant's table."""
    return mapped_column(BigInteger, Identity(), primary_key=True)


def moment(**kwargs) -> Mapped[datetime]:
    """A time with time zone."""
    return mapped_column(TIMESTAMP(timezone=True), **kwargs)


def within_tenant(table: str, *columns: str, **kwargs) -> ForeignKeyConstraint:
    """A foreign key to `table` of the same tenant: `columns` (normally one) beside business_id."""
    target = ["business_id", "id"]
    return ForeignKeyConstraint(["business_id", *columns], [f"{table}.{name}" for name in target], **kwargs)


class Business(db.Model):
    """The operator and tenant."""

    __tablename__ = "businesses"

    id: Mapped[int] = row_id()
    name: Mapped[str] = mapped_column(String(120))
    currency: Mapped[str] = mapped_column(String(3), default="NGN")
    timezone: Mapped[str] = mapped_column(String(64), default="Africa/Lagos")
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = moment(server_default=func.now())

    __table_args__ = (CheckConstraint("length(name) BETWEEN 1 AND 120", name="name"),)


class User(db.Model):
    """One person, one login, whatever businesses they belong to. Without a secret nobody can log in as them."""

    __tablename__ = "users"

    id: Mapped[int] = row_id()
    username: Mapped[str | None] = mapped_column(String(40))
    phone: Mapped[str | None] = mapped_column(String(16))
    email: Mapped[str | None] = mapped_column(String(254))
    full_name: Mapped[str] = mapped_column(String(120))
    secret_hash: Mapped[str | None] = mapped_column(String(200))
    secret_kind: Mapped[str | None] = mapped_column(String(8))
    # Part of every access token; raising it refuses all tokens given out before.
    auth_version: Mapped[int] = mapped_column(default=1)
    is_super_admin: Mapped[bool] = mapped_column(default=False)
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = moment(server_default=func.now())

    __table_args__ = (
        UniqueConstraint("username"),
        UniqueConstraint("phone"),
        UniqueConstraint("email"),
        CheckConstraint("username = lower(username) AND email = lower(email)", name="lower_case"),
        CheckConstraint(r"phone ~ '^\+[0-9]{8,15}$'", name="phone_e164"),
        CheckConstraint("(secret_hash IS NULL) = (secret_kind IS NULL)", name="secret"),
        CheckConstraint("secret_kind IN ('pin', 'password')", name="secret_kind"),
        CheckConstraint(
            "NOT is_super_admin OR secret_kind IS NOT DISTINCT FROM 'password'", name="super_admin_password"
        ),
    )


class Membership(db.Model):
    """A user's place in a business. `parent_id` is the member above: an agent over a sub-agent, either over a customer.

    Name and phone are the business's own note of the person, so that one business never learns what another one knows.
    """

    __tablename__ = "memberships"

    business_id: Mapped[int] = tenant_id()
    id: Mapped[int] = row_id()
    user_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("users.id"))
    role: Mapped[str] = mapped_column(String(12))
    status: Mapped[str] = mapped_column(String(12))
    parent_id: Mapped[int | None] = mapped_column(BigInteger)
    unit_id: Mapped[int | None] = mapped_column(BigInteger)
    full_name: Mapped[str] = mapped_column(String(120))
    phone: Mapped[str | None] = mapped_column(String(16))
    # When the note of the phone was last changed; None while it is the first one.
    phone_changed_at: Mapped[datetime | None] = moment()
    invitation_hash: Mapped[str | None] = mapped_column(String(64))
    invitation_expires_at: Mapped[datetime | None] = moment()
    created_at: Mapped[datetime] = moment(server_default=func.now())

    __table_args__ = (
        UniqueConstraint("business_id", "user_id"),
        UniqueConstraint("invitation_hash"),
        within_tenant("memberships", "parent_id"),
        within_tenant("units", "unit_id"),
        CheckConstraint(one_of("role", MEMBER_ROLES), name="role"),
        CheckConstraint(one_of("status", MembershipStatus), name="status"),
        CheckConstraint("(role IN ('sub_agent', 'customer')) = (parent_id IS NOT NULL)", name="parent"),
        CheckConstraint("parent_id <> id", name="not_own_parent"),
        Index(None, "business_id", "parent_id"),
        Index(None, "business_id", "role", "id"),
        Index(None, "business_id", "status", "id"),
        Index(None, "business_id", "unit_id", "id"),
        Index(None, "business_id", "phone"),
        # Both functions of the names are in the migration that made this index.
        Index("ix_memberships_name_words", text("name_words(business_id, full_name)"), postgresql_using="gin"),
        Index(None, "user_id"),
    )


@dataclass(frozen=True)
class Actor:
    """Who makes the request, as PostgreSQL knows them now.

    Without an active business (super admins, or somebody whose memberships have ended) the last five are None.
    """

    user_id: int
    session_id: int
    is_super_admin: bool
    business_id: int | None = None
    membership_id: int | None = None
    role: str | None = None
    timezone: str | None = None
    currency: str | None = None

    @property
    def roles(self) -> set[str]:
        """The role in the active business, and super_admin for platform staff."""
        held = {self.role} if self.role else set()
        return held | {Role.SUPER_ADMIN.value} if self.is_super_admin else held
