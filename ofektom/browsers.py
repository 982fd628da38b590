"""People's browsers: who calls by a cookie, forms that only our own pages can send, and what is said on the next page.

The cookie carries an access token as the API gives it out, so whoever is signed out or deactivated is out here, too.
Only views that are a `page` read it; to all others a cookie means nothing.
"""

import hashlib
import secrets

from flask import Response, current_app, g, request
from itsdangerous import BadSignature, URLSafeSerializer

from ofektom import http
from ofektom.errors import Problem

HTML = "text/html"
COOKIE = "ofektom"
# The hidden field by which a form shows that it is ours, and is done once however often it is sent.
FIELD = "form"
STATUS, ALERT = "status", "alert"


class ForeignForm(Problem):
    code, status, title = "form.foreign", 403, "This was not sent by a page of this service; nothing was changed"


class StaleForm(Problem):
    code, status, title = "form.stale", 403, "This form is not of your present session; open its page again"


def asks() -> bool:
    """Whether the caller would rather have a page than a problem document, as every browser says."""
    return http.preferred_type(["application/problem+json", HTML]) == HTML


def cookie_name() -> str:
    """In production one that no other host and no plain HTTP can have set (RFC 6265bis, __Host-)."""
    return f"__Host-{COOKIE}" if _is_production() else COOKIE


def _is_production() -> bool:
    return current_app.config["ENVIRONMENT"] == "production"


def begin() -> None:
    """Let this request's caller be the one of its cookie. Raises ForeignForm for a POST from elsewhere."""
    g.by_cookie = True
    if request.method == "POST":
        _check_origin()


def shown() -> str:
    """What the cookie says, as the API's Authorization header would; empty without one."""
    token = request.cookies.get(cookie_name())
    return f"Bearer {token}" if token else ""


def remember(response: Response, token: str) -> Response:
    """Sign the browser in with an access token, until it is closed or the token expires."""
    response.set_cookie(cookie_name(), token, **_attributes())
    return response


def forget(response: Response) -> Response:
    """Have the browser drop its cookie."""
    response.delete_cookie(cookie_name(), **_attributes())
    return response


def _attributes() -> dict:
    secure = _is_production() or request.is_secure
    return {"path": "/", "secure": secure, "httponly": True, "samesite": "Strict"}


def _check_origin() -> None:
    """By the browser's own word, which a page cannot change; a browser that says nothing is too old for us."""
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    ours = (None, f"http://{request.host}", f"https://{request.host}")
    if site not in (None, "same-origin") or origin not in ours or not (site or origin):
        raise ForeignForm


def form_for(session_id: int) -> str:
    """A value for FIELD, new for each page. Only a form of the same session can have it."""
    return _signer("form").dumps([session_id, secrets.token_urlsafe(9)])


def take_form(value: str, session_id: int) -> None:
    """Raise StaleForm unless the value of FIELD was made for this session."""
    try:
        owner, _ = _signer("form").loads(value)
    except (BadSignature, TypeError, ValueError):
        raise StaleForm from None
    if owner != session_id:
        raise StaleForm
    g.form = value


def act_key() -> str:
    """The Idempotency-Key of the form that was taken: the same page may do different things, each of them once."""
    return "form:" + hashlib.blake2b(f"{g.form} {request.path}".encode(), digest_size=24).hexdigest()


def said(role: str, text: str, session_id: int) -> str:
    """A parameter by which the next page says `text`, as a STATUS or an ALERT. Nobody else can make one."""
    return _signer("said").dumps([session_id, role, text])


def heard(value: str | None, session_id: int) -> tuple[str, str] | None:
    """(role, text) of such a parameter; None for none, or for one that was not made for this session."""
    try:
        owner, role, text = _signer("said").loads(value or "")
    except (BadSignature, TypeError, ValueError):
        return None
    return (role, text) if owner == session_id else None


def _signer(salt: str) -> URLSafeSerializer:
    options = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
    return URLSafeSerializer(current_app.config["SECRET_KEY"], salt=f"ofektom.{salt}", signer_kwargs=options)
