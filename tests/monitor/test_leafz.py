"""``/leafz`` and leaf nodes in ``/varz``, with nats-server's fields."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pubsub.config.options import LeafNodeOptions, LeafRemoteOptions, LeafUrl, TlsOptions
from pubsub.errors import BadMonitorQuery
from pubsub.monitor.connz import ConnzOptions, connz
from pubsub.monitor.leafz import LeafzOptions, leaf_block, leafz
from pubsub.monitor.query import Query
from pubsub.router.python.backend import PythonBackend
from tests.cluster.leafs.world import Server, World
from tests.monitor.fakes import FakeServer

FIELDS = [
    "id", "name", "is_spoke", "is_isolated", "account", "ip", "port", "rtt", "in_msgs", "out_msgs",
    "in_bytes", "out_bytes", "subscriptions", "subscriptions_list", "compression",
]  # fmt: skip


class Linked:
    """A server's links, as the pages see them."""

    port = 17422
    tls_not_after = 0.0

    def __init__(self, server: Server) -> None:
        self._server = server
        self.figures = server.context.figures

    def linked(self) -> list[Any]:
        return list(self._server.context.linked.values())


@pytest.fixture
def busy(server: FakeServer) -> FakeServer:
    """A hub with one leaf node that has sent a message."""
    world = World(PythonBackend())
    hub, spoke = world.pair(hub="isolate: true")
    hub.client().subscribe("s")
    spoke.client().subscribe("t")
    spoke.client().publish("s", b"hello")
    hub.leaf.rtt = 0.001
    server.leafs = Linked(hub)  # type: ignore[assignment]
    return server


def test_without_leaf_nodes_there_are_none(server: FakeServer) -> None:
    page = leafz(server, LeafzOptions())
    assert list(page) == ["server_id", "now", "leafnodes", "leafs"]
    assert (page["leafnodes"], page["leafs"]) == (0, [])
    assert leaf_block(server) == {}


def test_a_leaf_node_has_nats_servers_fields(busy: FakeServer) -> None:
    page = leafz(busy, LeafzOptions(subscriptions=True))
    (row,) = page["leafs"]
    assert list(row) == FIELDS
    assert (row["name"], row["account"], row["is_spoke"]) == ("spoke", "$G", False)
    assert (row["in_msgs"], row["in_bytes"], row["subscriptions"]) == (1, 5, 2)
    assert "t" in row["subscriptions_list"]
    assert busy.leafs.figures.traffic(busy.leafs.linked()).in_bytes == 5


def test_lists_are_for_who_asks(busy: FakeServer) -> None:
    (row,) = leafz(busy, LeafzOptions())["leafs"]
    assert "subscriptions_list" not in row
    assert leafz(busy, LeafzOptions(account="A"))["leafs"] == []
    assert leafz(busy, LeafzOptions(account="$G"))["leafnodes"] == 1


def test_the_query() -> None:
    assert LeafzOptions.from_query(Query(b"subs=1&acc=A")) == LeafzOptions(True, "A")
    with pytest.raises(BadMonitorQuery):
        LeafzOptions.from_query(Query(b"subs=x"))


def test_the_block_in_varz(busy: FakeServer) -> None:
    remote = LeafRemoteOptions((LeafUrl("h"),), "A", tls=TlsOptions(), deny_imports=("x",))
    leafnodes = LeafNodeOptions(port=-1, tls=TlsOptions(verify=True), remotes=(remote,))
    busy.options = replace(busy.options, leafnodes=leafnodes)
    assert leaf_block(busy) == {
        "host": "0.0.0.0",
        "port": 17422,
        "auth_timeout": 2,
        "tls_timeout": 2,
        "tls_required": True,
        "tls_verify": True,
        "remotes": [
            {
                "local_account": "A",
                "urls": ["h:7422"],
                "tls_timeout": 2,
                "deny": {"imports": ["x"]},
            }
        ],
    }


def test_links_are_among_the_connections(busy: FakeServer) -> None:
    """Of their account; found by what they want to hear, but not by their numbers."""
    (leaf,) = busy.leafs.linked()

    def rows(**asked: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = connz(busy, ConnzOptions(**asked))["connections"]
        return found

    (row,) = rows(detail=True)
    assert (row["cid"], row["kind"], "type" in row) == (leaf.cid, "Leafnode", False)
    heard = row["subscriptions_list_detail"]
    assert "t" in [each["sid"] for each in heard]
    assert all(each["sid"] == each["subject"] for each in heard)
    assert len(rows(account=leaf.account)) == len(rows(account=leaf.account, filter_subject="t"))
    assert rows(cid=leaf.cid) == []
