"""What is measured: names, units, and which way is better."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["METRICS", "Metric", "format_value"]


@dataclass(frozen=True)
class Metric:
    """One figure of a run.

    ``title`` is filled in by :meth:`bench.rows.Row.metric_title`; ``unit`` is what
    :func:`format_value` prints after the number.
    """

    name: str
    title: str
    unit: str
    higher_is_better: bool


_ALL = (
    Metric("rate", "{items} per second", "/s", True),
    Metric("cpu", "server CPU per million {items}", "s", False),
    Metric("p50", "latency, median", "µs", False),
    Metric("p99", "latency, 99 %", "µs", False),
    Metric("p999", "latency, 99.9 %", "µs", False),
    Metric("rss", "memory", "B", False),
    Metric("hwm", "peak memory", "B", False),
    Metric("bytes_each", "memory per {item}", "B", False),
    Metric("churn_rate", "SUB and UNSUB pairs per second", "/s", True),
    Metric("kept", "share of the quiet flow kept", "", True),
    Metric("ready", "start to first INFO", "s", False),
    Metric("took", "{what}", "ms", False),
    Metric("settled", "after the last was ready", "ms", False),
    Metric("lost", "requests to the dead", "", False),
    Metric("server_cpu", "server's share of the machine", "cores", False),
    Metric("client_cpu", "load generator's share of the machine", "cores", False),
)

METRICS = {metric.name: metric for metric in _ALL}


def _with_prefix(value: float, step: float, prefixes: str) -> str:
    power = 0
    while abs(value) >= step and power < len(prefixes) - 1:
        value /= step
        power += 1
    digits = 0 if abs(value) >= 100 or value == 0 else 1 if abs(value) >= 10 else 2
    return f"{value:.{digits}f} {prefixes[power]}".rstrip()


def format_value(name: str, value: float) -> str:
    """``value`` of the metric ``name`` for people: ``7.21 M/s``, ``29.8 KiB``, ``1.02 s``."""
    unit = METRICS[name].unit
    if unit == "B":
        text = _with_prefix(value, 1024.0, " KMG")
        return f"{text}iB" if text[-1].isalpha() else f"{text} B"
    if unit == "/s":
        return f"{_with_prefix(value, 1000.0, ' kMG')}/s"
    if unit == "":
        return f"{value:.2f}"
    digits = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 1 else 3
    return f"{value:.{digits}f} {unit}"
