"""The tables of docs/performance.md: those of a result of `bench.compare`, and how any comes between its markers."""

import statistics
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
CASES = ("me", "me, new to the worker", "account", "list of 50", "card", "marking", "login")
WHO = {"ofektom": "Ofektom", "fastapi": "FastAPI", "django": "Django REST framework"}
WAYS = ("direct, cached", "direct, uncached", "nginx, cached", "nginx, uncached")
FIRST_WAY = "direct, cached, 10"
# What the guide says: before, and promised.
PROMISED = {
    "login": ("1–1.5 s", "50–100 ms"),
    "me": ("500 ms", "50 ms"),
    "list of 50": ("800 ms", "150 ms"),
    "payment request": ("1.2 s", "300 ms"),
}
POSTINGS = {
    "ofektom": "`ledger.post` in a verb",
    "hordak": "django-hordak, `transfer_to`",
    "plain": "two UPDATEs, three INSERTs",
}


def publish(made: dict[str, str]) -> None:
    """Rewrite tables of the page, each between the markers of its name."""
    text = PAGE.read_text()
    for name, table in made.items():
        head, start, rest = text.partition(f"<!-- bench: {name} -->\n")
        _, end, tail = rest.partition("<!-- bench: end -->")
        if not end:
            raise SystemExit(f"{PAGE} has no place for the table of {name}")
        text = f"{head}{start}{table}\n{end}{tail}"
    PAGE.write_text(text)


def tables(result: dict) -> dict[str, str]:
    """Each table that can be made of a result, by the name of its markers."""
    made = {}
    if "limits" in result:
        made["limits"] = limits(result)
    if "guide" in result:
        made |= {"ways": ways(result), "nginx": through_nginx(result), "guide": guide(result)}
    if "peers" in result:
        made |= {"peers": peers(result), "speed": speed(result), "postings": postings(result)}
    return {name: f"{_run(result)}\n\n{table}" for name, table in made.items()}


def _run(result: dict) -> str:
    machine = result["machine"]
    rounds = f"median of {result['rounds']} rounds" if result["rounds"] > 1 else "one round"
    bare = result["bare"]["Flask"]["bare"]["total"]
    place = f"{machine['cores']} cores ({machine['cpu']}), {machine['memory']} GB"
    return f"*{result['date']}, {rounds}, {place}; bare Flask cost {bare:.0f} µs.*"


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _times(figures: dict) -> str:
    return f"{figures['times_bare']:.2f}"


def _latency(figures: dict) -> str:
    if "p50" in figures:
        return f"{figures['p50']:.1f} / {figures['p99']:.1f}"
    return f"{figures['mean']:.1f} on average" if "mean" in figures else ""


def _rate(figures: dict) -> str:
    if figures.get("failed"):
        return f"{figures['per_second']:.0f} ({figures['failed']:.1f} % failed)"
    return f"{figures['per_second']:.0f}" if "per_second" in figures else ""


def limits(result: dict) -> str:
    alone = result["limits"]["alone"]
    order = [("nginx, a static file", ""), ("a WSGI function", ""), ("a Flask view, `return {}`", "bare")]
    order += [(name, "") for name in alone if name not in {row[0] for row in order}]
    rows = []
    for name, bare in order:
        each = result["bare"]["Flask"]["bare"] if bare else alone[name]
        rows.append([name, _times(each), f"{each['total']:.1f}", _rate(each), _latency(each)])
    return _table(["what", "× bare", "CPU µs", "a second", "p50 / p99 ms"], rows)


def ways(result: dict) -> str:
    """What each request costs by every way, and what the client sees of it."""
    us = result["us"]
    columns = [f"{way}, {connections}" for way in WAYS for connections in (10, 50)]
    cost = [[case, *(_times(us[column][case]) for column in columns)] for case in CASES]
    seen = [
        [case, *(f"{_rate(us[column][case])}; {_latency(us[column][case])}" for column in columns)] for case in CASES
    ]
    head = ["request", *columns]
    return f"CPU, × bare:\n\n{_table(head, cost)}\n\nRequests a second; p50 / p99 in ms:\n\n{_table(head, seen)}"


def through_nginx(result: dict) -> str:
    direct, behind = result["us"][FIRST_WAY], result["us"]["nginx, cached, 10"]
    rows = [
        [
            case,
            _times(direct[case]),
            _times(behind[case]),
            f"{behind[case]['nginx']:.0f}",
            _latency(direct[case]),
            _latency(behind[case]),
        ]
        for case in CASES
    ]
    head = ["request", "direct, × bare", "through Nginx, × bare", "of it Nginx, µs", "direct, p50 / p99 ms"]
    return _table([*head, "through Nginx"], rows)


def guide(result: dict) -> str:
    """The guide's own table, and its load test."""
    alone, found = result["us"]["one at a time"], result["guide"]
    first = statistics.median(found["first logins"])
    rows = [["first login of an instance just started", "2–3 s", "400–500 ms", f"{first:.0f}"]]
    rows += [[case, *PROMISED[case], _latency(alone[case])] for case in PROMISED]
    tests = []
    for name in ("ab, one person", "ab, ten people"):
        each = found[name]
        seen = [
            f"{each['requests']:.0f}",
            f"{each['refused']:.0f}",
            _rate(each),
            f"{each['p50']:.0f} / {each['p99']:.0f}",
        ]
        tests.append([name, *seen])
    operations = _table(["operation", "the guide: before", "after", "here, p50 / p99 ms, one at a time"], rows)
    return f"{operations}\n\n{_table(['load test', 'logins', 'refused', 'a second', 'p50 / p99 ms'], tests)}"


def _everybody(result: dict) -> dict[str, dict]:
    return {"ofektom": result["us"][FIRST_WAY]} | result["peers"]


def peers(result: dict) -> str:
    everybody = _everybody(result)
    rows = []
    for case in CASES:
        cells = [f"{_times(each[case])} ({_parts(each[case])})" for each in everybody.values()]
        rows.append([case, *cells])
    return _table(["request", *(WHO[name] for name in everybody)], rows)


def _parts(figures: dict) -> str:
    return " + ".join(f"{figures[part]:.0f}" for part in ("application", "postgres", "redis"))


def speed(result: dict) -> str:
    everybody = _everybody(result)
    rows = [[case, *(f"{_rate(each[case])}; {_latency(each[case])}" for each in everybody.values())] for case in CASES]
    return _table(["request", *(WHO[name] for name in everybody)], rows)


def postings(result: dict) -> str:
    rows = []
    for name, words in POSTINGS.items():
        each = result["postings"][name]["posting"]
        parts = [f"{each[part]:.0f}" for part in ("application", "postgres")]
        rows.append([words, _times(each), *parts, _rate(each)])
    return _table(
        ["one transfer", "× bare", "application, µs", "PostgreSQL, µs", "a second, one after the other"], rows
    )
