"""What a login looks like, and this domain's errors."""

from ofektom.errors import Problem
from ofektom.schemas import normal_phone


class WrongCredentials(Problem):
    code, status, title = "auth.wrong_credentials", 401, "The login or the secret is wrong"


class PasswordRequired(Problem):
    code, status, title = "auth.password_required", 422, "Admins need a password of at least 12 characters, not a PIN"


class NotAMember(Problem):
    code, status, title = "auth.not_a_member", 404, "You have no active membership in that business"


class LoginTaken(Problem):
    code, status, title = "auth.login_taken", 409, "Another person already uses that phone, e-mail or username"
    constraints = ("uq_users_username", "uq_users_phone", "uq_users_email")


# What everybody here would put into a password (docs/security.md).
FAMILIAR_WORDS = [
    "ofektom",
    "thrift",
    "savings",
    "ajo",
    "esusu",
    "akawo",
    "adashe",
    "susu",
    "agent",
    "collector",
    "naira",
]


def familiar_words(*own: str | None) -> list[str]:
    """Words that make no password of somebody whose `own` names and logins are these."""
    return [*FAMILIAR_WORDS, *(word for text in own if text for word in (text, *text.split()))]


def normal_login(login: str) -> tuple[str, str]:
    """("email" | "phone" | "username", value as it is stored) of whatever somebody typed to sign in."""
    login = login.strip()
    if "@" in login:
        return "email", login.lower()
    phone = normal_phone(login)
    return ("phone", phone) if phone else ("username", login.lower())
