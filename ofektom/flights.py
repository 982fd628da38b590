"""One flight for many passengers: the same thing is fetched once, however many ask for it at the same moment."""

import threading
from collections.abc import Callable


class _Flight:
    def __init__(self) -> None:
        self.over = threading.Event()
        self.landed = False
        self.result = None


class Flights:
    """What this process is fetching at the moment, by name."""

    def __init__(self) -> None:
        self._under_way: dict[str, _Flight] = {}

    def share(self, name: str, fetch: Callable):
        """`fetch()`, or what the call for `name` that is already under way returns. Its failure is nobody else's."""
        mine = _Flight()
        flight = self._under_way.setdefault(name, mine)
        if flight is not mine:
            flight.over.wait()
            return flight.result if flight.landed else fetch()
        try:
            flight.result = fetch()
            flight.landed = True
            return flight.result
        finally:
            del self._under_way[name]
            flight.over.set()
