"""The rows of the benchmark: what the load generator is told to do, and what is read off it."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bench.metrics import METRICS

__all__ = ["ROWS", "Row", "select"]


@dataclass(frozen=True)
class Row:
    """One thing that is measured on every server.

    ``kind`` names the function in :mod:`bench.measure` that turns the generator's figures
    into metrics; ``arguments`` go to the generator; ``metrics`` are what the tables show,
    the most telling first.
    """

    name: str
    group: str
    title: str
    kind: str
    arguments: tuple[str, ...]
    metrics: tuple[str, ...] = ("rate", "cpu", "rss", "hwm")
    tls: bool = False
    #: set for rows whose work is a number of things, not a time
    count: int = 0
    #: what the rate counts, and what the CPU time is divided by
    items: str = "deliveries"
    #: how several servers are joined, a key of :data:`bench.systems.SYSTEMS`; subscribers and
    #: the responder are at the others
    system: str = ""
    #: subscribers are at the first server, too
    everywhere: bool = False
    #: also measured where ours and a peer form the system
    mixed: bool = False
    #: only these of our backends are measured, all if empty
    backends: tuple[str, ...] = ()
    #: what it is that takes a time, for the metric ``took``
    what: str = ""
    #: what the server's configuration says besides the port
    config: str = ""
    #: shown in the short table besides the first metric and those with a target
    also: tuple[str, ...] = ()

    def metric_title(self, metric: str) -> str:
        """What a metric means in this row: ``"deliveries per second"``."""
        return METRICS[metric].title.format(
            items=self.items, item=_singular(self.items), what=self.what
        )


def _singular(items: str) -> str:
    return "delivery" if items == "deliveries" else items.removesuffix("s")


#: One account; its publisher may do what it does, which has to be found out.
_PERMISSIONS = """
authorization {
  users = [
    {user: publisher, password: bench, permissions: {
      publish: {allow: ["orders.>", "bench.*", "wild.>", "audit.*.in"], deny: ["bench.secret"]}
      subscribe: {deny: ["private.>"]}
    }}
    {user: subscriber, password: bench, permissions: {subscribe: [">"], publish: [">"]}}
  ]
}
"""
#: Two accounts; streams of one and a service of it are imported by the other.
_IMPORTS = """
accounts {
  MAKER {
    users = [{user: publisher, password: bench}, {user: responder, password: bench}]
    exports = [{stream: "bench.>"}, {service: "bench.service"}]
  }
  TAKER {
    users = [{user: subscriber, password: bench}, {user: requester, password: bench}]
    imports = [
      {stream: {account: MAKER, subject: "bench.>"}}
      {service: {account: MAKER, subject: "bench.service"}}
    ]
  }
}
"""

_LATENCY = ("rate", "p50", "p99", "p999", "cpu", "rss", "hwm")


def _publish(size: int) -> Row:
    return Row(
        name=f"publish-{size}",
        group="publish",
        title=f"publish only, {size} B",
        kind="publish",
        arguments=("flow", "--publishers", "1", "--subscribers", "0", "--size", str(size)),
        items="messages",
    )


def _flow(publishers: int, subscribers: int, size: int, text: str) -> Row:
    return Row(
        name=f"flow-{publishers}-{subscribers}-{size}",
        group="flow",
        title=f"{publishers}:{subscribers}, {text}",
        kind="flow",
        arguments=(
            *("flow", "--publishers", str(publishers), "--subscribers", str(subscribers)),
            *("--size", str(size)),
            # sixteen times sixteen streams: the same bytes in flight as with four
            *("--window", str(min(16 << 20, (64 << 20) // subscribers))),
        ),
    )


def _requests(requesters: int) -> Row:
    plural = "s" if requesters > 1 else ""
    return Row(
        name=f"requests-{requesters}",
        group="requests",
        title=f"request/reply, {requesters} requester{plural}",
        kind="requests",
        arguments=("requests", "--requesters", str(requesters), "--size", "128"),
        metrics=_LATENCY,
        items="requests",
        also=("p50", "p99"),
    )


def _login(row: Row, name: str, title: str, config: str) -> Row:
    """The same row where everybody is a user of ``config``."""
    return replace(
        row,
        name=name,
        group="accounts",
        title=f"{row.title}, {title}",
        arguments=(*row.arguments, "--users"),
        config=config,
    )


def _across(row: Row, name: str, title: str, system: str, *, mixed: bool = True) -> Row:
    """The same row across servers: whoever listens is at another one of the system."""
    title = f"{row.title}, {title}"
    return replace(row, name=name, group="cluster", title=title, system=system, mixed=mixed)


ROWS = (
    _publish(16),
    _publish(128),
    _flow(1, 1, 128, "128 B"),
    _flow(1, 4, 128, "128 B"),
    _flow(4, 4, 128, "128 B"),
    _flow(16, 16, 128, "128 B"),
    _flow(1, 1, 4096, "4 KiB"),
    _flow(1, 1, 65536, "64 KiB"),
    Row(
        name="queue-1-4",
        group="flow",
        title="queue group 1:4, 128 B",
        kind="flow",
        arguments=("flow", "--publishers", "1", "--subscribers", "4", "--queue", "--size", "128"),
    ),
    Row(
        name="wildcard",
        group="flow",
        title="10,000 wildcards and subjects, 128 B",
        kind="flow",
        arguments=("flow", "--subscribers", "1", "--subjects", "10000", "--size", "128"),
    ),
    Row(
        name="tls-1-1",
        group="flow",
        title="TLS 1:1, 128 B",
        kind="flow",
        arguments=("flow", "--publishers", "1", "--subscribers", "1", "--size", "128"),
        tls=True,
    ),
    Row(
        name="churn",
        group="flow",
        title="1:1, 128 B, beside SUB/UNSUB churn",
        kind="churn",
        arguments=("flow", "--subscribers", "1", "--size", "128", "--churn"),
        metrics=("rate", "churn_rate", "kept", "cpu", "rss", "hwm"),
        also=("churn_rate", "kept"),
    ),
    _requests(1),
    _requests(16),
    _requests(128),
    _login(_publish(128), "permitted-128", "with permissions", _PERMISSIONS),
    Row(
        name="permitted-10000",
        group="accounts",
        title="permissions, 10,000 wildcards and subjects, 128 B",
        kind="flow",
        arguments=(
            *("flow", "--subscribers", "1", "--subjects", "10000", "--size", "128", "--users"),
        ),
        config=_PERMISSIONS,
    ),
    _login(_flow(1, 1, 128, "128 B"), "imported-1-1", "imported by another account", _IMPORTS),
    _login(_requests(16), "imported-requests", "imported by another account", _IMPORTS),
    _across(_flow(1, 1, 128, "128 B"), "routed-1-1", "over a route", "route"),
    _across(_requests(1), "routed-requests-1", "over a route", "route"),
    _across(_requests(16), "routed-requests-16", "over a route", "route", mixed=False),
    replace(
        _across(_flow(1, 6, 128, "128 B"), "fan-out-3", "two at each of 3 servers", "cluster"),
        everywhere=True,
    ),
    Row(
        name="propagation",
        group="cluster",
        title="100,000 subscriptions",
        kind="propagation",
        arguments=("propagation",),
        metrics=("took", "rate", "rss", "hwm"),
        count=100_000,
        items="subscriptions",
        system="route",
        mixed=True,
        what="until another server knows them",
    ),
    Row(
        name="death",
        group="cluster",
        title="death of one of 3 servers",
        kind="death",
        arguments=(),
        metrics=("took", "lost", "rss", "hwm"),
        system="cluster",
        mixed=True,
        what="until routing is clean",
    ),
    Row(
        name="mesh-9",
        group="cluster",
        title="mesh of 9 servers",
        kind="mesh",
        arguments=(),
        metrics=("took", "settled", "rss", "hwm"),
        system="mesh",
        mixed=True,
        backends=("native",),
        what="from their start",
        also=("settled",),
    ),
    _across(_flow(1, 1, 128, "128 B"), "gateway-1-1", "over a gateway", "gateway"),
    _across(_requests(1), "gateway-requests-1", "over a gateway", "gateway"),
    _across(_flow(1, 1, 128, "128 B"), "leaf-1-1", "leaf node to hub", "leaf"),
    Row(
        name="idle",
        group="scale",
        title="10,000 idle connections",
        kind="idle",
        arguments=("idle",),
        metrics=("bytes_each", "rate", "rss", "hwm"),
        count=10_000,
        items="connections",
        also=("rate",),
    ),
    Row(
        name="subscriptions",
        group="scale",
        title="1,000,000 subscriptions",
        kind="subscriptions",
        arguments=("subscriptions",),
        metrics=("rate", "bytes_each", "rss", "hwm"),
        count=1_000_000,
        items="subscriptions",
    ),
    Row(
        name="startup",
        group="scale",
        title="start-up",
        kind="startup",
        arguments=(),
        metrics=("ready", "rss", "hwm"),
    ),
)


def select(patterns: Sequence[str]) -> tuple[Row, ...]:
    """The rows one of these patterns is about: a name, a group, a shell pattern, a part of a name.

    :raises ValueError: if a pattern matches none.
    """
    chosen: set[str] = set()
    for pattern in patterns:
        names = _matching(pattern)
        if not names:
            known = ", ".join(row.name for row in ROWS)
            raise ValueError(f"no row is called {pattern!r}; there are {known}")
        chosen |= names
    return tuple(row for row in ROWS if not patterns or row.name in chosen)


def _matching(pattern: str) -> set[str]:
    # requests-1 is also a part of requests-16: a whole name means that row alone
    exact = {row.name for row in ROWS if pattern in (row.name, row.group)}
    return exact or {row.name for row in ROWS if fnmatch.fnmatch(row.name, f"*{pattern}*")}
