"""Whole answers to anonymous GETs, kept in Redis: what a view declares `public_for`, for that long at most.

A request that carries credentials is neither answered from here nor kept, and what may be kept is only what the view
has called public. So there is no answer of somebody's that could reach somebody else.

nginx in front is told to keep such an answer for what remains of the same time, so that it does not begin anew there.
"""

import time
from typing import NamedTuple

from flask import Flask, Response, current_app, g, request

from ofektom import database, http, metrics
from ofektom.caching import bounded_key, get_cache

DEFAULT_TTL_SECONDS = 60
HEADER = "X-Cache"
KEPT_HEADERS = ("Content-Type", "Cache-Control", "ETag")


class _Place(NamedTuple):
    """Where the answer to the present request is kept, and for how many seconds."""

    key: str
    life: int


class CachingMiddleware:
    """Answers anonymous GETs from the cache, at most `ttl` seconds old, but for `exclude_paths` and what is below them.

    Answers that are kept or could have been say so: `X-Cache: HIT` or `MISS`.
    """

    def __init__(self, app: Flask, ttl: int = DEFAULT_TTL_SECONDS, exclude_paths: list[str] | tuple[str, ...] = ()):
        self.ttl = ttl
        self.excluded = tuple(path.rstrip("/") for path in exclude_paths)
        app.before_request(self.find)
        app.after_request(self.keep)

    def find(self) -> Response | None:
        """The answer that is kept for this request, if there is one."""
        place = self._place()
        if place is None:
            return None
        match get_cache().get(place.key):
            case {"body": str(body), "headers": list(headers), "made": int(made) | float(made)}:
                answer = http.Answer(body.encode(), 200, [*map(tuple, headers), (HEADER, "HIT")])
                answer.make_conditional(request)
                age = max(0, time.time() - made)  # the clock of another instance may be ahead of ours
                http.let_proxy_keep(answer, max(0, int(place.life - age)))
                metrics.cache_looked_up("response", hit=True)
                return answer
        metrics.cache_looked_up("response", hit=False)
        g.response_place = place
        return None

    def keep(self, response: Response) -> Response:
        """Keep an answer for which there is a place, if it turned out to be one that anybody may have."""
        place: _Place | None = g.get("response_place")
        if place is None or response.status_code != 200 or not response.cache_control.public:
            return response
        headers = [(name, response.headers[name]) for name in KEPT_HEADERS if name in response.headers]
        kept = {"body": response.get_data(as_text=True), "headers": headers, "made": time.time()}
        get_cache().set(place.key, kept, ttl=place.life)
        http.let_proxy_keep(response, place.life)
        response.headers[HEADER] = "MISS"
        return response

    def _place(self) -> _Place | None:
        view = getattr(current_app.view_functions.get(request.endpoint), "view", None)
        if view is None or not view.public_for or request.method != "GET" or http.carries_credentials():
            return None
        if any(request.path == path or request.path.startswith(f"{path}/") for path in self.excluded):
            return None
        return _Place(bounded_key("response", request.full_path), min(self.ttl, view.public_for))


def forget(path: str) -> None:
    """Let the answer at `path` be made anew, once the present verb has committed."""
    database.after_commit(lambda: get_cache().delete(bounded_key("response", f"{path}?")))
