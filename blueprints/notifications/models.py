"""Messages in the application, and by which channels people want to be told."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, String, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from ofektom.extensions import db
from ofektom.identity import moment, row_id, tenant_id, within_tenant


class Message(db.Model):
    """Something a member is told in the application."""

    __tablename__ = "messages"

    business_id: Mapped[int] = tenant_id()
    id: Mapped[int] = row_id()
    member_id: Mapped[int] = mapped_column(BigInteger)
    topic: Mapped[str] = mapped_column(String(60))
    object_type: Mapped[str] = mapped_column(String(40))
    object_id: Mapped[int | None] = mapped_column(BigInteger)
    text: Mapped[str] = mapped_column(String(500))
    created_at: Mapped[datetime] = moment(server_default=func.now())
    read_at: Mapped[datetime | None] = moment()

    __table_args__ = (
        within_tenant("memberships", "member_id"),
        Index(None, "business_id", "member_id", "id"),
        Index("ix_messages_unread", "business_id", "member_id", "id", postgresql_where=read_at.column.is_(None)),
    )


class NotificationWish(db.Model):
    """By which channels a member wants to be told, once they have said so."""

    __tablename__ = "notification_wishes"

    business_id: Mapped[int] = tenant_id()
    id: Mapped[int] = row_id()
    member_id: Mapped[int] = mapped_column(BigInteger)
    in_app: Mapped[bool] = mapped_column()
    sms: Mapped[bool] = mapped_column()
    email: Mapped[bool] = mapped_column()

    __table_args__ = (within_tenant("memberships", "member_id"), UniqueConstraint("business_id", "member_id"))
