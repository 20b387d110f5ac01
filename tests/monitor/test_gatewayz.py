"""``/gatewayz`` and gateways in ``/varz``, with nats-server's fields."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pubsub.config.options import GatewayUrl, RemoteGatewayOptions, TlsOptions
from pubsub.errors import BadMonitorQuery
from pubsub.monitor.gatewayz import GatewayzOptions, gateway_block, gatewayz
from pubsub.monitor.query import Query
from tests.cluster.gateways.raw import OLD_INFO, came, command, found
from tests.cluster.gateways.world import Server, World
from tests.monitor.fakes import FakeServer

#: what nats-server 2.15.2 shows of a connection
CONNECTION = [
    "cid", "kind", "ip", "port", "start", "last_activity", "rtt", "uptime", "idle",
    "pending_bytes", "in_msgs", "out_msgs", "in_bytes", "out_bytes", "subscriptions", "name",
]  # fmt: skip


class Linked:
    """A server's gateways, as the pages see them."""

    port = 17222
    address = ("out", 7222)
    tls_not_after = 0.0

    def __init__(self, server: Server) -> None:
        self.table = server.gateways

    def outbound(self) -> list[Any]:
        return list(self.table.outbound.values())

    def inbound(self) -> list[Any]:
        return list(self.table.inbound.values())


@pytest.fixture
def busy(server: FakeServer) -> FakeServer:
    """A server with a gateway to another cluster, and one from there."""
    own = World().server("a", "A", to={"B": ["x"]}, accounts=["$G", "X"])
    own.gateways.start(7222)
    raw = found(own)
    raw.send(command(2), b"RS+ $G foo", b"RS+ $G bar q 1", command(3))
    raw.send(b"A- X")
    own.client().send("PUB foo 5", "hello")
    came(own).send(b"RMSG $G baz 2", b"hi")
    server.gateways = Linked(own)  # type: ignore[assignment]
    server.options = replace(own.context.options)
    return server


def test_without_gateways_there_are_none(server: FakeServer) -> None:
    page = gatewayz(server, GatewayzOptions(name="B", accounts=True))
    assert list(page) == ["server_id", "now", "outbound_gateways", "inbound_gateways"]
    assert page["outbound_gateways"] == page["inbound_gateways"] == {}
    assert gateway_block(server) == {}


def test_a_gateway_has_nats_servers_fields_in_its_order(busy: FakeServer) -> None:
    page = gatewayz(busy, GatewayzOptions())
    assert list(page) == [
        *("server_id", "now", "name", "host", "port"), "outbound_gateways", "inbound_gateways",
    ]  # fmt: skip
    assert (page["name"], page["host"], page["port"]) == ("A", "out", 7222)
    outbound = page["outbound_gateways"]["B"]
    assert list(outbound) == ["configured", "connection"]
    assert outbound["configured"] is True
    connection = outbound["connection"]
    assert list(connection) == CONNECTION
    assert (connection["kind"], connection["name"]) == ("Gateway", "NX")
    assert (connection["out_msgs"], connection["out_bytes"]) == (1, 5)
    assert connection["subscriptions"] == 2
    [inbound] = page["inbound_gateways"]["B"]
    assert inbound["configured"] is False
    assert (inbound["connection"]["in_msgs"], inbound["connection"]["in_bytes"]) == (1, 2)


def test_accounts_are_for_who_asks(busy: FakeServer) -> None:
    page = gatewayz(busy, GatewayzOptions(accounts=True))
    usual = {"interest_mode": "Interest-Only", "interest_only_threshold": 1000}
    assert page["outbound_gateways"]["B"]["accounts"] == [
        {"name": "$G", **usual, "num_subs": 2, "num_queue_subs": 1},
        {"name": "X", "interest_mode": "Optimistic", "interest_only_threshold": 1000},
    ]
    [inbound] = page["inbound_gateways"]["B"]
    assert inbound["accounts"] == [{"name": "$G", **usual}, {"name": "X", **usual}]


def test_one_account_or_cluster_can_be_asked_for(busy: FakeServer) -> None:
    page = gatewayz(busy, GatewayzOptions(account="$G", name="B"))
    [account] = page["outbound_gateways"]["B"]["accounts"]
    assert account["name"] == "$G"
    page = gatewayz(busy, GatewayzOptions(account="nobody"))
    assert "accounts" not in page["outbound_gateways"]["B"]
    page = gatewayz(busy, GatewayzOptions(name="Z"))
    assert (page["outbound_gateways"], page["inbound_gateways"]) == (None, {})


def test_subscriptions_are_listed_with_accounts(busy: FakeServer) -> None:
    page = gatewayz(busy, GatewayzOptions(account="$G", subscriptions=True))
    [account] = page["outbound_gateways"]["B"]["accounts"]
    assert sorted(account["subscriptions_list"]) == ["bar", "foo"]
    page = gatewayz(busy, GatewayzOptions(account="$G", detail=True))
    [account] = page["outbound_gateways"]["B"]["accounts"]
    details = sorted(account["subscriptions_list_detail"], key=lambda row: row["subject"])
    assert [list(row) for row in details] == [
        ["subject", "qgroup", "sid", "msgs", "cid"],
        ["subject", "sid", "msgs", "cid"],
    ]
    page = gatewayz(busy, GatewayzOptions(subscriptions=True))
    assert "accounts" not in page["outbound_gateways"]["B"]


def test_what_nobody_wants_is_counted(server: FakeServer) -> None:
    """With servers that send what they do not know to be unwanted."""
    own = World().server("a", "A", to={"B": ["x"]}, interest_only=False)
    own.gateways.start(7222)
    found(own).send(b"RS- $G foo", b"RS- $G bar")
    own.client().send("SUB other 1")
    came(own, OLD_INFO).send(b"RMSG $G baz 2", b"hi", b"RMSG X baz 2", b"hi")
    server.gateways = Linked(own)  # type: ignore[assignment]
    page = gatewayz(server, GatewayzOptions(accounts=True))
    usual = {"interest_mode": "Optimistic", "interest_only_threshold": 1000}
    [there] = page["outbound_gateways"]["B"]["accounts"]
    assert there == {
        "name": "$G", "interest_mode": "Optimistic", "no_interest_count": 2,
        "interest_only_threshold": 1000,
    }  # fmt: skip
    [inbound] = page["inbound_gateways"]["B"]
    assert inbound["accounts"] == [
        {**there, "no_interest_count": 1},
        {"name": "X", **usual},
    ]


def test_the_query() -> None:
    def read(query: bytes) -> GatewayzOptions:
        return GatewayzOptions.from_query(Query(query))

    assert read(b"") == GatewayzOptions()
    assert read(b"gw_name=B&accs=1&acc_name=X&subs=1") == GatewayzOptions("B", True, "X", True)
    assert read(b"subs=detail") == GatewayzOptions(detail=True)
    for query in (b"subs=x", b"accs=x"):
        with pytest.raises(BadMonitorQuery, match="Error decoding boolean for"):
            read(query)


def test_the_block_in_varz(busy: FakeServer) -> None:
    gateway = replace(
        busy.options.gateway,
        tls=TlsOptions(timeout=3.0),
        timeout=4.0,
        advertise="out",
        connect_retries=3,
        reject_unknown_cluster=True,
        write_deadline=2.0,
        write_timeout="close",
        gateways=(
            RemoteGatewayOptions("A", (GatewayUrl("a", 1),)),
            RemoteGatewayOptions("B", (GatewayUrl("x", 7222),), TlsOptions(timeout=1.0)),
        ),
    )
    busy.options = replace(busy.options, gateway=gateway)
    busy.gateways.tls_not_after = 1787323811.0
    assert list(gateway_block(busy).items()) == [
        ("name", "A"), ("host", "a"), ("port", 17222), ("auth_timeout", 4), ("tls_timeout", 3),
        ("tls_required", True), ("tls_verify", True), ("advertise", "out"),
        ("connect_retries", 3),
        ("gateways", [
            {"name": "A", "urls": ["a:1"]},
            {"name": "B", "tls_timeout": 1, "urls": ["x:7222"]},
        ]),
        ("reject_unknown", True), ("write_deadline", 2_000_000_000),
        ("write_timeout", "close"), ("tls_cert_not_after", "2026-08-21T14:50:11Z"),
    ]  # fmt: skip
