"""What routes have carried."""

from __future__ import annotations

from pubsub.cluster.figures import route_stats, routed_traffic
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
