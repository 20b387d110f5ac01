"""What the links of a server to others have carried, and how they fared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Protocol

from pubsub.interfaces import LinkCounters, TrafficCounters

if TYPE_CHECKING:
    from pubsub.cluster.gateways.table import Gateways
    from pubsub.cluster.members import Members

__all__ = [
    "LinkedServer",
    "all_traffic",
    "gateway_stats",
    "route_stats",
    "routed_traffic",
    "slow_consumers",
    "stale_connections",
]


class LinkedServer(Protocol):
    """What is looked at of a server."""

    #: its clients
    registry: Any
    router: Any
    #: its routes: ``members``
    cluster: Any
    #: its gateways: ``table``, or ``None``
    gateways: Any
    #: its leaf node links: ``linked()`` and ``figures``
    leafs: Any


def _all(table: Members | Gateways) -> Iterator[LinkCounters]:
    yield table.past
    for each in table.open.values():
        if each.link is not None:
            yield each.link.counters()


def _sum(counters: Iterable[Iterable[int]]) -> TrafficCounters:
    sums = [0, 0, 0, 0]
    for each in counters:
        for index, count in zip(range(4), each, strict=False):
            sums[index] += count
    return TrafficCounters(*sums)


def routed_traffic(table: Members | Gateways) -> TrafficCounters:
    """Messages to and from other servers, by routes (or gateways) that are gone, too."""
    return _sum(_all(table))


def all_traffic(server: LinkedServer) -> TrafficCounters:
    """Messages to and from everybody: clients, other servers, leaf nodes."""
    gateways = server.gateways.table
    return _sum(
        (
            server.router.counters(),
            routed_traffic(server.cluster.members),
            routed_traffic(gateways) if gateways is not None else (),
            server.leafs.figures.traffic(server.leafs.linked()),
        )
    )


def slow_consumers(server: LinkedServer) -> dict[str, int]:
    """How many were closed because they did not keep up, by what was at their other end."""
    return _by_kind(server, "slow_consumers")


def stale_connections(server: LinkedServer) -> dict[str, int]:
    """How many were closed because they answered no more, by what was at their other end."""
    return _by_kind(server, "stale_connections")


def _by_kind(server: LinkedServer, name: str) -> dict[str, int]:
    gateways = server.gateways.table
    return {
        "clients": getattr(server.registry.totals, name),
        "routes": getattr(server.cluster.members, name),
        "gateways": getattr(gateways, name) if gateways is not None else 0,
        "leafs": getattr(server.leafs.figures, name),
    }


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


def gateway_stats(table: Gateways | None) -> list[dict[str, Any]]:
    """One row for each cluster that is sent to, as nats-server's ``GatewayStat`` has it."""
    rows: list[dict[str, Any]] = []
    for name, gateway in table.outbound.items() if table is not None else ():
        assert table is not None
        if gateway.link is None:
            continue
        links = [each.link for each in table.inbound.values() if each.name == name]
        counters = gateway.link.counters()
        received = _sum(link.counters() for link in links if link is not None)
        rows.append(
            {
                "gwid": gateway.cid,
                "name": name,
                "sent": {"msgs": counters.out_msgs, "bytes": counters.out_bytes},
                "received": {"msgs": received.in_msgs, "bytes": received.in_bytes},
                "inbound_connections": len(links),
            }
        )
    return rows
