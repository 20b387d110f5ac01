"""What the routes of a server have carried."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pubsub.interfaces import LinkCounters, TrafficCounters

if TYPE_CHECKING:
    from pubsub.cluster.members import Members

__all__ = ["by_kind", "route_stats", "routed_traffic"]


def _all(members: Members) -> Iterator[LinkCounters]:
    yield members.past
    for route in members.open.values():
        if route.link is not None:
            yield route.link.counters()


def routed_traffic(members: Members) -> TrafficCounters:
    """Messages to and from other servers, by routes that are gone, too."""
    sums = [0, 0, 0, 0]
    for counters in _all(members):
        for index in range(4):
            sums[index] += counters[index]
    return TrafficCounters(*sums)


def by_kind(clients: int, routes: int, leafs: int = 0) -> dict[str, int]:
    """Figures about connections, by what is at their other end."""
    return {"clients": clients, "routes": routes, "gateways": 0, "leafs": leafs}


def route_stats(members: Members) -> list[dict[str, Any]]:
    """One row for each route, as nats-server's ``RouteStat`` has it."""
    rows = []
    for route in members.routes():
        if route.link is not None:
            counters = route.link.counters()
            rows.append(
                {
                    "rid": route.cid,
                    "name": route.remote_name,
                    "sent": {"msgs": counters.out_msgs, "bytes": counters.out_bytes},
                    "received": {"msgs": counters.in_msgs, "bytes": counters.in_bytes},
                    "pending": counters.pending_bytes,
                }
            )
    return rows
