"""What the runs add up to: figures, ratios and kept promises."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.results import Results, ServerInfo
from bench.rows import ROWS, Row
from bench.stats import Spread, ratios, spread
from bench.targets import TARGETS, Target

__all__ = [
    "Figure",
    "Ratio",
    "Verdict",
    "figures",
    "generator_bound",
    "headline_metrics",
    "main_server",
    "measured_rows",
    "mixed_ratio",
    "ratio",
    "ratio_table",
    "row_named",
    "verdicts",
]


#: Not about a server's worth: they tell who kept whom waiting.
DIAGNOSTICS = ("server_cpu", "client_cpu")

#: Who is busier than that, on one thread, has nobody to wait for.
BUSY = 0.9


@dataclass(frozen=True)
class Figure:
    """One metric of one server over all rounds."""

    row: str
    metric: str
    server: str
    spread: Spread


@dataclass(frozen=True)
class Ratio:
    """One of our servers by one peer, over all rounds."""

    row: str
    metric: str
    ours: str
    peer: str
    spread: Spread


@dataclass(frozen=True)
class Verdict:
    """A promise and what became of it; ``peer`` is empty for absolute ones, and the other row
    for those that compare two of our own."""

    target: Target
    ours: str
    peer: str
    value: float
    met: bool


def row_named(name: str) -> Row:
    """The row with this name.

    :raises KeyError: if there is none.
    """
    return {row.name: row for row in ROWS}[name]


def measured_rows(results: Results) -> list[Row]:
    """The rows some server has figures for, in the order of the table of rows."""
    return [row for row in ROWS if results.runs.get(row.name)]


def headline_metrics(row: Row) -> list[str]:
    """What the short table shows of a row: its first metric, promised ones, chosen ones."""
    shown = {target.metric for target in TARGETS if target.row == row.name}
    return [name for name in row.metrics if name in {row.metrics[0], *row.also, *shown}]


def main_server(results: Results) -> ServerInfo | None:
    """The one of ours the short table compares: the native backend if it was measured."""
    preferred = sorted(results.ours, key=lambda server: server.backend != "native")
    return preferred[0] if preferred else None


def figures(results: Results) -> list[Figure]:
    """All metrics of all servers, by row."""
    return [
        Figure(row.name, metric, server.key, spread(values))
        for row in measured_rows(results)
        for metric in (*row.metrics, *DIAGNOSTICS)
        for server in [*results.servers, *results.mixed]
        if (values := results.values(row.name, server.key, metric))
    ]


def _busy(results: Results, row: str, server: str, metric: str) -> bool:
    values = results.values(row, server, metric)
    return bool(values) and spread(values).median > BUSY


def generator_bound(results: Results) -> list[str]:
    """Rows in which the load generator was busy all the time while one of our servers was not.

    If both are, as with requests that go to and fro, the server is what is measured.
    """
    return [
        row.name
        for row in measured_rows(results)
        if any(
            _busy(results, row.name, server.key, "client_cpu")
            and not _busy(results, row.name, server.key, "server_cpu")
            for server in results.ours
        )
    ]


def ratio(results: Results, row: str, metric: str, ours: str, peer: str) -> Spread | None:
    """Ours by theirs, or ``None`` if one of them has no figures."""
    values = ratios(results.values(row, ours, metric), results.values(row, peer, metric))
    return spread(values) if values else None


def mixed_ratio(results: Results, row: str, metric: str, mixed: ServerInfo) -> Spread | None:
    """A mixed system by one of its peer alone, or ``None`` if one of them has no figures."""
    peers = {peer.key for peer in results.peers}
    return next(
        (ratio(results, row, metric, mixed.key, key) for key in mixed.members if key in peers),
        None,
    )


def ratio_table(results: Results, metrics: Sequence[str] = ()) -> list[Ratio]:
    """Each of ours by each peer, for these metrics or all of a row's."""
    return [
        Ratio(row.name, metric, ours.key, peer.key, found)
        for row in measured_rows(results)
        for metric in (metrics or row.metrics)
        for ours in results.ours
        for peer in results.peers
        if (found := ratio(results, row.name, metric, ours.key, peer.key))
    ]


def _judge(results: Results, target: Target, ours: ServerInfo) -> list[Verdict]:
    if target.versus:
        shares = ratios(
            results.values(target.row, ours.key, target.metric),
            results.values(target.versus, ours.key, target.metric),
        )
        found = [(target.versus, spread(shares).median)] if shares else []
    elif target.absolute:
        values = results.values(target.row, ours.key, target.metric)
        found = [("", spread(values).median)] if values else []
    else:
        found = [
            (peer.key, one.median)
            for peer in results.peers
            if (one := ratio(results, target.row, target.metric, ours.key, peer.key))
        ]
    return [Verdict(target, ours.key, peer, value, target.met(value)) for peer, value in found]


def verdicts(results: Results) -> list[Verdict]:
    """Each promise that could be judged, once per peer. A failed row judges nothing."""
    return [
        verdict
        for target in TARGETS
        for ours in results.ours
        if ours.backend == target.backend
        for verdict in _judge(results, target, ours)
    ]
