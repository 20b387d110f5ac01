"""``/routez`` and the cluster in ``/varz``, with nats-server's fields."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pubsub.config.options import ClusterOptions, RouteUrl, TlsOptions
from pubsub.errors import BadMonitorQuery
from pubsub.interfaces import Permissions
from pubsub.monitor.query import Query
from pubsub.monitor.routez import RoutezOptions, cluster_block, routez
from tests.cluster.network import Network
from tests.cluster.raw import member
from tests.monitor.fakes import FakeServer

FIELDS = [
    "rid", "remote_id", "remote_name", "did_solicit", "is_configured", "ip", "port", "start",
    "last_activity", "rtt", "uptime", "idle", "import", "pending_size", "in_msgs", "out_msgs",
    "in_bytes", "out_bytes", "subscriptions", "subscriptions_list", "compression",
]  # fmt: skip


class Clustered:
    """A server's routes, as the pages see them."""

    port = 16222

    def __init__(self, members: Any) -> None:
        self.members = members


@pytest.fixture
def busy(server: FakeServer) -> FakeServer:
    """A server with one route."""
    network = Network()
    raw = member(network.node("a"), **{"import": {"allow": ["foo"]}})
    network.settle(2)
    raw.send(b"PONG", b"RS+ $G foo q 2", b"RMSG $G bar 2", b"hi")
    server.cluster = Clustered(raw.node.members)  # type: ignore[assignment]
    return server


def test_without_routes_there_are_none(server: FakeServer) -> None:
    page = routez(server, RoutezOptions())
    assert list(page) == ["server_id", "server_name", "now", "num_routes", "routes"]
    assert (page["num_routes"], page["routes"]) == (0, [])


def test_a_route_has_nats_servers_fields_in_its_order(busy: FakeServer) -> None:
    page = routez(busy, RoutezOptions(subscriptions=True))
    (row,) = page["routes"]
    assert list(row) == FIELDS
    assert (row["remote_id"], row["remote_name"], row["did_solicit"]) == ("NX", "x", False)
    assert (row["in_msgs"], row["in_bytes"], row["subscriptions"]) == (1, 2, 1)
    assert (row["subscriptions_list"], row["import"]) == (["foo"], {"allow": ["foo"]})
    assert row["compression"] == "off"


def test_subscriptions_are_shown_in_detail_if_wanted(busy: FakeServer) -> None:
    (row,) = routez(busy, RoutezOptions(detail=True))["routes"]
    (detail,) = row["subscriptions_list_detail"]
    assert (detail["account"], detail["subject"], detail["qgroup"]) == ("$G", "foo", "q")


def test_our_permissions_are_shown(server: FakeServer) -> None:
    cluster = ClusterOptions(permissions=Permissions(subscribe_allow=("a",)))
    server.options = replace(server.options, cluster=cluster)
    assert routez(server, RoutezOptions())["export"] == {"allow": ["a"]}


def test_the_query_is_read() -> None:
    assert RoutezOptions.from_query(Query(b"subs=1")) == RoutezOptions(subscriptions=True)
    assert RoutezOptions.from_query(Query(b"subs=detail")) == RoutezOptions(detail=True)
    with pytest.raises(BadMonitorQuery):
        RoutezOptions.from_query(Query(b"subs=maybe"))


def test_varz_shows_the_cluster(busy: FakeServer) -> None:
    assert cluster_block(busy) == {}
    busy.info = replace(busy.info, cluster="leaf")
    assert cluster_block(busy) == {}
    busy.info = replace(busy.info, cluster="C")
    busy.options = replace(busy.options, cluster=ClusterOptions(name="C"))
    assert cluster_block(busy) == {"name": "C"}
    cluster = ClusterOptions(
        name="C", host="h", port=-1, routes=(RouteUrl("r", 1),), tls=TlsOptions(timeout=3.5)
    )
    busy.options = replace(busy.options, cluster=cluster)
    assert cluster_block(busy) == {
        "name": "C", "addr": "h", "cluster_port": 16222, "auth_timeout": 2, "urls": ["r:1"],
        "tls_timeout": 3.5, "tls_required": True, "tls_verify": True, "pool_size": 3,
    }  # fmt: skip
    cluster = replace(cluster, write_deadline=4.0, write_timeout="retry")
    busy.options = replace(busy.options, cluster=cluster)
    shown = cluster_block(busy)
    assert (shown["write_deadline"], shown["write_timeout"]) == (4_000_000_000, "retry")
