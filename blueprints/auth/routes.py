"""/auth: sign in, refresh, sign out, who am I, sessions, change one's secret."""

from flask import current_app, request

from blueprints.auth import queries, schemas, services
from blueprints.auth.rules import NotAMember, WrongCredentials
from ofektom.auth import PUBLIC, SIGNED_IN, InvalidToken, get_current_user, logout_user
from ofektom.credentials import TooManyGuesses, WeakPassword, WeakPin
from ofektom.examples import Example
from ofektom.views import Slice

bp = Slice("auth", __name__, url_prefix="/auth")

CREDENTIALS = [WrongCredentials, TooManyGuesses]


@bp.post(
    "/login",
    access=PUBLIC,
    rate="LOGIN_RATE",
    status=200,
    body=schemas.LoginIn(),
    answer=schemas.TokensOut(),
    errors=CREDENTIALS,
    example=Example(
        body={"login": "ada", "secret": "as make run said"},
        refused=WrongCredentials,
        why="the secret is made on the machine",
    ),
)
def login(body):
    """Sign in by username, phone or e-mail."""
    return services.log_in(**body, address=request.remote_addr)


@bp.post(
    "/refresh",
    access=PUBLIC,
    status=200,
    body=schemas.RefreshIn(),
    answer=schemas.TokensOut(),
    errors=[InvalidToken],
    example=Example(
        body={"refresh_token": "as signing in gave it"}, refused=InvalidToken, why="the token is made by signing in"
    ),
)
def refresh(body):
    """Exchange the refresh token for new tokens.

    Each refresh token works once; using an old one again ends the session. So refresh one at a time, and sign in
    again when an answer was lost.
    """
    return services.refresh(**body)


@bp.post("/logout", access=SIGNED_IN, status=204)
def logout():
    """End this session."""
    logout_user()


@bp.post("/logout-all", access=SIGNED_IN, status=204)
def logout_all(actor):
    """End every session of yours, this one too."""
    services.end_all_sessions(actor=actor)


@bp.get("/me", access=SIGNED_IN, answer=schemas.MeOut(), of_caller=True)
def me(actor):
    """Who you are, where this session works, and what you may do there."""
    permissions = current_app.extensions["grants"].held_by(actor.roles)
    user = get_current_user()
    own = {"memberships": user["businesses"], "active": actor if actor.business_id else None}
    return user | own | {"permissions": permissions}


@bp.post("/switch-business", access=SIGNED_IN, status=204, body=schemas.SwitchIn(), errors=[NotAMember])
def switch_business(actor, body):
    """Work in another of your businesses from now on, in this session."""
    services.switch_business(actor=actor, **body)


@bp.post(
    "/secret",
    access=SIGNED_IN,
    status=200,
    body=schemas.SecretIn(),
    answer=schemas.TokensOut(),
    errors=[*CREDENTIALS, WeakPin, WeakPassword],
    example=Example(
        body={"current": "as make run said", "new": "seven green market umbrellas"},
        refused=WrongCredentials,
        why="the secret is made on the machine",
    ),
)
def change_secret(actor, body):
    """Change your PIN or password. Your other sessions end and this one gets new tokens."""
    return services.change_secret(actor=actor, **body)


@bp.get("/sessions", access=SIGNED_IN, answer=schemas.SessionsOut())
def sessions(actor):
    """Your open sessions, newest first."""
    items = queries.sessions_of(actor.user_id)
    return {"items": [item | {"is_current": item["id"] == actor.session_id} for item in items]}


@bp.delete("/sessions/<id:session_id>", access=SIGNED_IN, example=Example(path={"session_id": 2}))
def end_session(actor, session_id):
    """End one of your sessions."""
    services.end_session(actor=actor, session_id=session_id)
