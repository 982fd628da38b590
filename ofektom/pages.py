"""Pages: views for people's browsers, declared like any other. Their problems are pages, too.

    bp = Pages("desk", __name__, url_prefix="/desk")

    @bp.post("/doors/<id:door_id>", access="doors.open", body=ReasonIn(), idempotent=True)
    def open_door(actor, door_id, body): ...

The caller is who the browser's cookie says, the body a form of ours, the answer HTML or, of a POST, the way to a page.
They are no API and not in its document. Idempotent is which form was sent, so that one sent twice has one effect
(`ofektom/browsers.py`).
"""

import time
from collections.abc import Callable

from flask import Response, current_app
from flask.blueprints import BlueprintSetupState

from ofektom import auth, browsers
from ofektom.errors import Problem
from ofektom.views import Slice

# A browser in use is given a new token when so much of the old one's life is over.
RENEWED_AFTER = 1 / 3


class Pages(Slice):
    """A slice whose views are pages, all of them below one path."""

    def __init__(self, name: str, import_name: str, url_prefix: str, **options):
        super().__init__(name, import_name, url_prefix=url_prefix, root="", **options)
        self.root = url_prefix
        self.record_once(self._take_problems)

    def get(self, rule: str, **declared):
        return super().get(rule, page=True, **declared)

    def post(self, rule: str, **declared):
        return super().post(rule, status=303, page=True, **declared)

    def problems(self, show: Callable[[Problem], Response]) -> Callable:
        """Have `show(problem)` make the page of whatever goes wrong below our path, for those who read pages."""
        self._show = show
        return show

    def _take_problems(self, state: BlueprintSetupState) -> None:
        state.app.extensions["problem_pages"][self.root] = self._turn

    def _turn(self, problem: Problem, document: Response) -> Response:
        if not browsers.asks():
            return document
        page = self._show(problem)
        for name in ("Retry-After", "Allow"):
            if name in document.headers:
                page.headers[name] = document.headers[name]
        return page


def keep_signed_in(response: Response) -> Response:
    """Give the browser of a GET a new token in time, so that nobody at work is signed out, and somebody away is."""
    claims, life = auth.current_caller().claims, current_app.config["ACCESS_TOKEN_MINUTES"] * 60
    if browsers.asks() and claims.expires_at - time.time() < life * (1 - RENEWED_AFTER):
        token = auth.renew_access(claims)
        if token is not None:
            browsers.remember(response, token)
    return response
