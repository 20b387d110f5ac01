"""Pictures of the ratios: which there are, and what is on them.

matplotlib draws PNGs; where it is missing :mod:`bench.plot_svg` writes SVG. Bars start at
1× on a logarithmic axis, so that twice as much and half as much look alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.metrics import METRICS
from bench.results import Results
from bench.rows import Row
from bench.stats import Spread
from bench.summary import measured_rows, ratio
from bench.targets import Target, target_for

__all__ = ["Bar", "Line", "Picture", "axis_range", "axis_ticks", "draw", "pictures"]


@dataclass(frozen=True)
class Bar:
    """One ratio; ``series`` is an index into ``Picture.series``."""

    series: int
    spread: Spread


@dataclass(frozen=True)
class Line:
    """What one label on the left stands for."""

    label: str
    bars: tuple[Bar, ...]
    target: Target | None
    #: the target is about the first so many bars
    judged: int


@dataclass(frozen=True)
class Picture:
    """One file."""

    name: str
    title: str
    higher_is_better: bool
    #: ``"pubsub native / nats-server 2.9.10"``, and whether it is the main comparison
    series: tuple[tuple[str, bool], ...]
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class _Plan:
    """A picture's file name, title, and metrics with the groups of rows they are taken of."""

    name: str
    title: str
    contents: tuple[tuple[str, tuple[str, ...]], ...]


_TRAFFIC = ("publish", "flow", "requests")

_PLANS = (
    _Plan("throughput", "Messages per second", (("rate", ("publish", "flow")),)),
    _Plan(
        "rates",
        "Requests, connections and subscriptions per second",
        (("rate", ("requests", "scale")), ("churn_rate", ("flow",))),
    ),
    _Plan(
        "systems",
        "Over routes, gateways and leaf nodes: per second",
        (("rate", ("cluster",)),),
    ),
    _Plan("cpu", "Server CPU per message", (("cpu", _TRAFFIC),)),
    _Plan(
        "latency",
        "Request latency",
        tuple((name, ("requests",)) for name in ("p50", "p99", "p999")),
    ),
    _Plan(
        "memory",
        "Resident memory (for each, or at its peak)",
        (("bytes_each", ("scale",)), ("hwm", (*_TRAFFIC, "scale"))),
    ),
)


def _label(row: Row, metric: str, plan: _Plan) -> str:
    return row.title if len(plan.contents) == 1 else f"{row.title}: {row.metric_title(metric)}"


def _contents(results: Results, plan: _Plan) -> Iterator[tuple[Row, str]]:
    for row in measured_rows(results):
        for metric, groups in plan.contents:
            # where there is a figure for each, the sum says nothing new
            doubled = metric == "hwm" and "bytes_each" in row.metrics
            if row.group in groups and metric in row.metrics and not doubled:
                yield row, metric


def _picture(results: Results, plan: _Plan) -> Picture:
    pairs = [(ours, peer) for ours in results.ours for peer in results.peers]
    lines = []
    for row, metric in _contents(results, plan):
        bars = tuple(
            Bar(number, found)
            for number, (ours, peer) in enumerate(pairs)
            if (found := ratio(results, row.name, metric, ours.key, peer.key))
        )
        target = target_for(row.name, metric, "native", absolute=False)
        judged = sum(pairs[bar.series][0].backend == "native" for bar in bars)
        if bars:
            lines.append(Line(_label(row, metric, plan), bars, target, judged))
    series = tuple(
        (f"{ours.label} / {peer.label}", ours.backend == "native") for ours, peer in pairs
    )
    better = METRICS[plan.contents[0][0]].higher_is_better
    return Picture(plan.name, plan.title, better, series, tuple(lines))


def pictures(results: Results) -> list[Picture]:
    """All pictures that have something on them."""
    return [picture for plan in _PLANS if (picture := _picture(results, plan)).lines]


def axis_range(picture: Picture) -> tuple[float, float]:
    """From and to, with room for everything and the labels at the bars' ends."""
    values = [1.0]
    for line in picture.lines:
        values += [line.target.bound] if line.target else []
        for bar in line.bars:
            values += [bar.spread.minimum, bar.spread.maximum]
    return min(values) / 1.5, max(values) * 1.5


def axis_ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 times the powers of ten between these; fewer if those are many."""
    steps = [1.0, 2.0, 5.0] if high / low < 300 else [1.0]
    ticks = [step * 10.0**power for power in range(-4, 5) for step in steps]
    return [tick for tick in ticks if low <= tick <= high]


def draw(results: Results, directory: Path, stem: str) -> list[Path]:
    """Draw all pictures into ``directory``; their files."""
    from bench import plot_matplotlib, plot_svg  # they need the classes above

    save = plot_matplotlib.save if plot_matplotlib.available() else plot_svg.save
    return [save(picture, directory / f"{stem}-{picture.name}") for picture in pictures(results)]
