"""What charts look like, in the units of their drawing, and how things are put into words."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from blueprints.expenses.rules import PaidFrom

CHART_WIDTH, CHART_HEIGHT, GAP = 360, 80, 0.25
# Cash is to be handed over daily: what was there yesterday morning already should be asked about.
OLD_CASH_DAYS = 2
POTS = {
    PaidFrom.AGENT_CASH: "what they hold",
    PaidFrom.BUSINESS_CASH: "the office's cash",
    PaidFrom.BANK: "the bank",
}
MOST_ENDPOINTS = 12
# Titles that speak of what programs send, in words for people.
IN_OTHER_WORDS = {
    "auth.invalid_token": "You have been signed out; sign in again",
    "idempotency.key_reused": "This form was sent before, with other words; see below what has become of it",
    "idempotency.running": "This form is still being worked on; look again in a moment",
    "outcome.unknown": "The connection broke while saving; go back and send the form again: it has its effect once",
}


@dataclass(frozen=True)
class Column:
    """A column of a chart: where it stands, and what it stands for."""

    x: float
    y: float
    width: float
    height: float
    label: str
    value: int

    @property
    def middle(self) -> float:
        return round(self.x + self.width / 2, 1)


def columns(values: Sequence[tuple[str, int]]) -> list[Column]:
    """The columns of a chart of CHART_WIDTH by CHART_HEIGHT, the greatest value as high as that.

    What is not nothing is seen, if only as a line.
    """
    if not values:
        return []
    step, most = CHART_WIDTH / len(values), max(value for _, value in values) or 1
    drawn = []
    for number, (label, value) in enumerate(values):
        height = round(max(CHART_HEIGHT * value / most, 1 if value else 0), 1)
        place = {"x": round(step * (number + GAP / 2), 1), "y": round(CHART_HEIGHT - height, 1)}
        drawn.append(Column(**place, width=round(step * (1 - GAP), 1), height=height, label=label, value=value))
    return drawn


def share(part: int, whole: int) -> float:
    """How many per cent of the whole a part is, to one decimal; 0 of nothing."""
    return round(100 * part / whole, 1) if whole else 0.0


def duration(seconds: float) -> str:
    """A bound of a histogram as people write it: 2.5 ms, 1 s; and what is beyond the last one."""
    if seconds == float("inf"):
        return "more"
    return f"{seconds:g} s" if seconds >= 1 else f"{seconds * 1000:g} ms"


def busiest(requests: dict[str, dict]) -> list[tuple[str, dict]]:
    """The endpoints asked most often, with their figures."""
    return sorted(requests.items(), key=lambda item: -item[1]["count"])[:MOST_ENDPOINTS]


def title(document: dict) -> str:
    """What a problem document says in short."""
    return IN_OTHER_WORDS.get(document["code"], document["title"])


def refusal(document: dict) -> str:
    """A problem document in a sentence or two for whoever sent the form."""
    known = {"type", "title", "status", "code", "detail", "errors", "request_id"}
    said = [title(document), document.get("detail")]
    said += [f"{name.replace('_', ' ')}: {value}" for name, value in document.items() if name not in known]
    said += [f"{name}: {' '.join(_texts(messages))}" for name, messages in document.get("errors", {}).items()]
    return ". ".join(text.rstrip(".") for text in said if text) + "."


def _texts(messages) -> Iterable[str]:
    return map(str, messages if isinstance(messages, list) else [messages])
