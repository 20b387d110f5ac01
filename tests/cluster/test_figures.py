"""What the links of a server have carried, and how they fared."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from pubsub.client.registry import ConnectionTotals
from pubsub.cluster.figures import (
    all_traffic,
    gateway_stats,
    route_stats,
    routed_traffic,
    slow_consumers,
    stale_connections,
)
from pubsub.cluster.leafs.figures import LeafFigures
from pubsub.interfaces import TrafficCounters
from tests.cluster.fakes import NoCluster, NoGateways, NoLeafs
from tests.cluster.gateways.raw import came, command, found
from tests.cluster.gateways.world import World
from tests.cluster.network import Network
from tests.cluster.raw import member


def test_traffic_is_counted_also_of_routes_that_are_gone() -> None:
    node = Network().node("a")
    raw = member(node)
    raw.send(b"RS+ $G foo", b"RMSG $G bar 3", b"abc")
    node.client().send("PUB foo 5", "hello")
    expected = (1, 3, 1, 5)
    assert routed_traffic(node.members) == expected
    (row,) = route_stats(node.members)
    assert (row["name"], row["sent"]) == ("x", {"msgs": 1, "bytes": 5})
    raw.send(b"-ERR 'bye'")
    assert routed_traffic(node.members) == expected
    assert route_stats(node.members) == []


def test_and_of_gateways() -> None:
    """A row for each other cluster: what goes there, and what comes from it on whatever way."""
    server = World().server("a", "A", to={"B": ["x"]})
    server.gateways.start(7222)
    raw = found(server)
    raw.send(command(2), b"RS+ $G foo", command(3))
    server.client().send("PUB foo 5", "hello")
    inbound = [came(server), came(server)]
    for each in inbound:
        each.send(b"RMSG $G bar 3", b"abc")
    table = server.gateways
    assert routed_traffic(table) == (2, 6, 1, 5)
    assert gateway_stats(table) == [
        {
            "gwid": raw.protocol.cid,
            "name": "B",
            "sent": {"msgs": 1, "bytes": 5},
            "received": {"msgs": 2, "bytes": 6},
            "inbound_connections": 2,
        }
    ]
    raw.send(b"-ERR 'bye'")
    assert routed_traffic(table) == (2, 6, 1, 5)
    assert gateway_stats(table) == []
    assert gateway_stats(None) == []


class Measured:
    """A server with nothing but clients."""

    def __init__(self) -> None:
        self.registry = SimpleNamespace(totals=ConnectionTotals())
        self.router = SimpleNamespace(counters=lambda: TrafficCounters(1, 2, 3, 4))
        self.cluster = NoCluster()
        self.gateways: Any = NoGateways()
        self.leafs = NoLeafs()


def test_figures_are_about_all_kinds_of_links() -> None:
    server = Measured()
    assert all_traffic(server) == (1, 2, 3, 4)
    nothing = {"clients": 0, "routes": 0, "gateways": 0, "leafs": 0}
    assert slow_consumers(server) == stale_connections(server) == nothing
    gateways = World().server("a", "A").gateways
    gateways.slow_consumers = 3
    gateways.past = gateways.past._replace(in_msgs=10, out_bytes=20)
    server.gateways = SimpleNamespace(table=gateways)
    server.registry.totals.slow_consumers = 1
    server.cluster.members.slow_consumers = 2
    server.leafs.figures = LeafFigures(4, 5, TrafficCounters(100, 0, 0, 200))
    assert slow_consumers(server) == {"clients": 1, "routes": 2, "gateways": 3, "leafs": 4}
    assert stale_connections(server) == {**nothing, "leafs": 5}
    assert all_traffic(server) == (111, 2, 3, 224)
