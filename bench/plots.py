"""Plots of a result of `bench.compare`, `growth` or `memory`, with matplotlib.

python -m bench.plots RESULT.json FOLDER
"""

import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

CASES = ("me", "me, new to the worker", "account", "list of 50", "card", "marking", "login")
WHO = {"ofektom": "Ofektom", "fastapi": "FastAPI", "django": "Django REST framework"}
COLOURS = ("#1b6e53", "#3f7fbf", "#c27c2c")


def main(result_file: Path, folder: Path) -> None:
    result = json.loads(result_file.read_text())
    folder.mkdir(parents=True, exist_ok=True)
    if result_file.stem in ALONE:
        ALONE[result_file.stem](result, folder / f"{result_file.stem}.png")
        return
    if "peers" not in result:
        return
    everybody = {"ofektom": result["us"]["direct, cached, 10"]} | result["peers"]
    costs(everybody, result, folder / "costs.png")
    speeds(everybody, result, folder / "speeds.png")


def costs(everybody: dict, result: dict, target: Path) -> None:
    """CPU of each request relative to bare Flask."""
    figure, axes = plt.subplots(figsize=(10, 4.5), layout="constrained")
    _bars(axes, everybody, lambda each: each["times_bare"], "{:.1f}")
    axes.set_yscale("log")
    axes.axhline(1, color="grey", linewidth=0.8)
    axes.set_ylabel("CPU, × bare Flask (log)")
    axes.set_title(f"CPU of application, PostgreSQL and Redis, {result['date']}")
    axes.legend()
    figure.savefig(target, dpi=110)


def speeds(everybody: dict, result: dict, target: Path) -> None:
    """Requests a second, and below the median and the slowest percent."""
    figure, (rate, latency) = plt.subplots(2, 1, figsize=(10, 8), layout="constrained")
    _bars(rate, everybody, lambda each: each["per_second"], "{:.0f}")
    rate.set_yscale("log")
    rate.set_ylabel("requests a second (log)")
    rate.set_title(f"10 connections, two workers, load and servers on the same cores, {result['date']}")
    rate.legend()
    for number, (name, each) in enumerate(everybody.items()):
        places = [place + 0.27 * (number - 1) for place in range(len(CASES))]
        middle, worst = ([each[case][centile] for case in CASES] for centile in ("p50", "p99"))
        latency.bar(places, worst, 0.25, color=COLOURS[number], alpha=0.35, label=f"{WHO[name]}, p99")
        latency.bar(places, middle, 0.25, color=COLOURS[number], label=f"{WHO[name]}, p50")
    latency.set_xticks(range(len(CASES)), CASES)
    latency.set_yscale("log")
    latency.set_ylabel("ms (log)")
    latency.legend(ncols=3, fontsize=8)
    figure.savefig(target, dpi=110)


def growth(results: dict, target: Path) -> None:
    """The median latency of each read and of a marking at each size, and below it what PostgreSQL had of it."""
    by_size = [results[size] for size in sorted(results, key=int)]
    sizes, names = [each["accounts"] for each in by_size], by_size[0]["reads"]
    figure, every = plt.subplots(1, 2, figsize=(10, 6), layout="constrained", sharey=True)
    for axes, part, title in zip(
        every, ("service", "database"), ("the whole request", "within PostgreSQL"), strict=True
    ):
        for name in names:
            axes.plot(sizes, [each["reads"][name][f"{part}_p50"] for each in by_size], color="grey", alpha=0.4)
        marking = [each["marking"][f"{part}_p50"] for each in by_size]
        axes.plot(sizes, marking, color=COLOURS[0], linewidth=2, marker="o", label="marking")
        axes.plot([], [], color="grey", label=f"each of {len(names)} reads")
        axes.set(xscale="log", yscale="log", xlabel="accounts of the business (log)", title=title)
    every[0].set_ylabel("median, ms (log)")
    every[0].legend()
    figure.savefig(target, dpi=110)


def memory(seen: list[dict], target: Path) -> None:
    """What each worker had in memory as it answered."""
    figure, axes = plt.subplots(figsize=(10, 4), layout="constrained")
    requests = [mark["requests"] for mark in seen]
    for style, name in (("-", "rss"), ("--", "uss")):
        for number, values in enumerate(zip(*(mark[name] for mark in seen), strict=True)):
            label = f"worker {number + 1}, {name.upper()}"
            axes.plot(requests, values, style, color=COLOURS[number], marker="o", label=label)
    axes.set(xlabel="requests to both", ylabel="MiB", ylim=(0, None))
    axes.legend()
    figure.savefig(target, dpi=110)


ALONE = {"growth": growth, "memory": memory}


def _bars(axes, everybody: dict, value, form: str) -> None:
    for number, (name, each) in enumerate(everybody.items()):
        places = [place + 0.27 * (number - 1) for place in range(len(CASES))]
        heights = [value(each[case]) for case in CASES]
        bars = axes.bar(places, heights, 0.25, color=COLOURS[number], label=WHO[name])
        axes.bar_label(bars, [form.format(height) for height in heights], fontsize=7)
    axes.set_xticks(range(len(CASES)), CASES)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
