"""Turns what the generator and ``/proc`` say about one run into metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bench.procfs import Sample

__all__ = ["KINDS", "metrics_of"]

Figures = Mapping[str, float]

_MILLION = 1e6


def _server(done: Figures, before: Sample, after: Sample, items: str) -> dict[str, float]:
    """What every row has: the server's CPU per million ``items``, and its memory."""
    spent = after.cpu_seconds - before.cpu_seconds
    figures = {
        "cpu": spent * _MILLION / max(done[items], 1),
        "server_cpu": spent / done["seconds"],
        "rss": float(after.rss),
        "hwm": float(after.hwm),
    }
    if "client_cpu_seconds" in done:
        figures["client_cpu"] = done["client_cpu_seconds"] / done["seconds"]
    return figures


def _publish(done: Figures, before: Sample, after: Sample) -> dict[str, float]:
    return {"rate": done["publish_rate"], **_server(done, before, after, "published")}


def _flow(done: Figures, before: Sample, after: Sample) -> dict[str, float]:
    return {"rate": done["delivery_rate"], **_server(done, before, after, "delivered")}


def _churn(done: Figures, before: Sample, after: Sample) -> dict[str, float]:
    figures = _flow(done, before, after)
    return {**figures, "churn_rate": done["churn_rate"], "kept": done["kept"]}


def _requests(done: Figures, before: Sample, after: Sample) -> dict[str, float]:
    latency = {name: done[f"{name}_us"] for name in ("p50", "p99", "p999")}
    return {
        "rate": done["request_rate"],
        **latency,
        **_server(done, before, after, "requests"),
    }


def _many(items: str, rate: str) -> Callable[[Figures, Sample, Sample], dict[str, float]]:
    def figures(done: Figures, before: Sample, after: Sample) -> dict[str, float]:
        return {
            "rate": done[rate],
            "bytes_each": (after.rss - before.rss) / done[items],
            **_server(done, before, after, items),
        }

    return figures


def _propagation(done: Figures, before: Sample, after: Sample) -> dict[str, float]:
    # the CPU time would be that of trying them all, too
    return {
        "took": 1000 * done["seconds"],
        "rate": done["subscription_rate"],
        "rss": float(after.rss),
        "hwm": float(after.hwm),
    }


#: By ``Row.kind``. Those that need no generator are in :data:`bench.timed.TIMED`.
KINDS: Mapping[str, Callable[[Figures, Sample, Sample], dict[str, float]]] = {
    "publish": _publish,
    "flow": _flow,
    "churn": _churn,
    "requests": _requests,
    "idle": _many("connections", "connect_rate"),
    "subscriptions": _many("subscriptions", "subscription_rate"),
    "propagation": _propagation,
}


def metrics_of(kind: str, done: Figures, before: Sample, after: Sample) -> dict[str, float]:
    """The metrics of one run of a row of this kind."""
    return KINDS[kind](done, before, after)
