"""Compares two saved results and says what got worse."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bench.metrics import METRICS, format_value
from bench.report import table
from bench.results import Results
from bench.stats import spread
from bench.summary import headline_metrics, measured_rows, ratio, row_named

__all__ = ["THRESHOLD", "Change", "changes", "render"]

#: Worse by more than that is a regression.
THRESHOLD = 0.05


@dataclass(frozen=True)
class Change:
    """One median then and now. ``peer`` is empty for absolute figures."""

    row: str
    metric: str
    server: str
    peer: str
    old: float
    new: float
    #: the new runs reach as far as the old median: chance may be all there is to it
    within_spread: bool

    @property
    def worse(self) -> float:
        """By which share it got worse; negative if it got better."""
        if not self.old:
            return 0.0
        change = (self.new - self.old) / self.old
        return -change if METRICS[self.metric].higher_is_better else change

    @property
    def regression(self) -> bool:
        """Whether it is flagged."""
        return self.worse > THRESHOLD


def _ratios(old: Results, new: Results, row: str, metric: str, server: str) -> Iterator[Change]:
    known = {peer.key for peer in old.peers}
    for peer in new.peers:
        if peer.key not in known:
            continue
        before = ratio(old, row, metric, server, peer.key)
        after = ratio(new, row, metric, server, peer.key)
        if before and after:
            inside = after.minimum <= before.median <= after.maximum
            yield Change(row, metric, server, peer.key, before.median, after.median, inside)


def _figures(old: Results, new: Results, row: str, metric: str, server: str) -> Iterator[Change]:
    before, after = old.values(row, server, metric), new.values(row, server, metric)
    if before and after:
        then, now = spread(before), spread(after)
        inside = now.minimum <= then.median <= now.maximum
        yield Change(row, metric, server, "", then.median, now.median, inside)


def changes(old: Results, new: Results) -> list[Change]:
    """What both have measured of our servers, by row.

    Ratios to a peer that is in both, since those hold across machines and moods of one
    machine; the figures themselves where there is no such peer.
    """
    found: list[Change] = []
    for row in measured_rows(new):
        for metric in headline_metrics(row):
            for server in new.ours:
                some = list(_ratios(old, new, row.name, metric, server.key))
                found += some or _figures(old, new, row.name, metric, server.key)
    return found


def render(found: list[Change]) -> str:
    """A table with the worst first."""
    lines = []
    for change in sorted(found, key=lambda change: -change.worse):
        values = [
            f"{value:.2f}×" if change.peer else format_value(change.metric, value)
            for value in (change.old, change.new)
        ]
        mark = "REGRESSION" if change.regression else ""
        if mark and change.within_spread:
            mark += " (within the spread)"
        lines.append(
            [
                f"{change.row}: {row_named(change.row).metric_title(change.metric)}",
                f"{change.server} / {change.peer}" if change.peer else change.server,
                *values,
                f"{-change.worse:+.1%}",
                mark,
            ]
        )
    return table(["", "of", "old", "new", "better by", ""], lines)
