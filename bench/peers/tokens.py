"""Access tokens and secrets, of the same kind and strength as the service's, so that the same requests serve all."""

import hashlib
import hmac
import json
import os
import secrets
import time
from pathlib import Path
from typing import NamedTuple

import jwt

ISSUER, AUDIENCE = "ofektom", "ofektom-api"
LIFE_SECONDS = 15 * 60
SECRET_KEY = os.environ["SECRET_KEY"]
PEPPER = os.environ["PIN_PEPPER"].encode()
# Which permissions a role has, as the service's slices declare them.
PERMISSIONS: dict[str, list[str]] = json.loads(Path(os.environ["PERMISSIONS_FILE"]).read_text())


class Claims(NamedTuple):
    user_id: int
    session_id: int
    version: int


def read(token: str) -> Claims:
    """What a token says; raises jwt.InvalidTokenError."""
    required = ["sub", "sid", "ver", "iat", "exp", "iss", "aud"]
    options = {"require": required}
    claims = jwt.decode(token, SECRET_KEY, algorithms=["HS256"], issuer=ISSUER, audience=AUDIENCE, options=options)
    return Claims(int(claims["sub"]), int(claims["sid"]), int(claims["ver"]))


def issue(user_id: int, session_id: int, version: int) -> str:
    now = int(time.time())
    claims = {"sub": str(user_id), "sid": str(session_id), "ver": version, "iat": now, "exp": now + LIFE_SECONDS}
    return jwt.encode(claims | {"iss": ISSUER, "aud": AUDIENCE}, SECRET_KEY, algorithm="HS256")


def peppered(secret: str) -> bytes:
    """What is hashed of a secret."""
    return hmac.digest(PEPPER, secret.encode(), "sha256")


def new_refresh_token() -> tuple[str, str]:
    """256 random bits, and what is stored of them."""
    token = secrets.token_urlsafe(32)
    return token, hashlib.sha256(token.encode()).hexdigest()


def check_code(business_id: int, collection_id: int) -> str:
    """By which anybody can look a receipt up: it cannot be guessed without the pepper."""
    return hmac.digest(PEPPER, f"receipt:{business_id}:{collection_id}".encode(), "sha256").hex()[:16]
