"""What this server promises, in one table."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["TARGETS", "Target", "target_for"]


@dataclass(frozen=True)
class Target:
    """A bound on a ratio ours/peer, on our own figure if ``absolute``, or on the ratio of our
    own figure to the one of another row, ``versus``."""

    row: str
    metric: str
    bound: float
    at_least: bool
    absolute: bool = False
    backend: str = "native"
    versus: str = ""

    def met(self, value: float) -> bool:
        """Whether a median ``value`` keeps the promise."""
        return value >= self.bound if self.at_least else value <= self.bound


def _at_least(row: str, metric: str, bound: float) -> Target:
    return Target(row, metric, bound, at_least=True)


def _at_most(row: str, metric: str, bound: float) -> Target:
    return Target(row, metric, bound, at_least=False)


def _as_good_as(row: str, versus: str, bound: float) -> Target:
    return Target(row, "rate", bound, at_least=True, absolute=True, versus=versus)


TARGETS = (
    _at_least("publish-16", "rate", 2.0),
    _at_least("publish-128", "rate", 2.0),
    _at_least("flow-1-1-128", "rate", 2.5),
    _at_least("flow-1-4-128", "rate", 2.5),
    _at_least("flow-4-4-128", "rate", 2.5),
    _at_least("flow-1-1-4096", "rate", 1.5),
    _at_most("flow-1-1-128", "cpu", 0.25),
    _at_most("flow-1-4-128", "cpu", 0.25),
    _at_most("flow-4-4-128", "cpu", 0.25),
    _at_least("requests-16", "rate", 1.3),
    _at_most("requests-1", "p50", 1.1),
    _at_most("idle", "bytes_each", 0.5),
    _at_least("subscriptions", "rate", 1.0),
    _at_most("subscriptions", "bytes_each", 0.5),
    _at_least("routed-1-1", "rate", 2.0),
    _at_most("routed-1-1", "cpu", 0.34),
    _at_most("routed-requests-1", "p50", 1.2),
    _as_good_as("permitted-128", "publish-128", 0.85),
    _as_good_as("permitted-10000", "wildcard", 0.85),
    _as_good_as("imported-1-1", "flow-1-1-128", 0.5),
    _as_good_as("imported-requests", "requests-16", 0.5),
    Target("idle", "bytes_each", 10 * 1024, at_least=False, absolute=True),
    Target("mesh-9", "took", 5000, at_least=False, absolute=True),
    Target("startup", "ready", 0.6, at_least=False, absolute=True),
    Target("flow-1-1-128", "rate", 100_000, at_least=True, absolute=True, backend="python"),
)


def target_for(row: str, metric: str, backend: str, *, absolute: bool) -> Target | None:
    """The promise about this figure, if there is one."""
    for target in TARGETS:
        if (target.row, target.metric, target.backend, target.absolute) == (
            *(row, metric, backend),
            absolute,
        ):
            return target
    return None
