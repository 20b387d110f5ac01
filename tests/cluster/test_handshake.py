"""What two servers say first, byte by byte; and who is sent away, with which words."""

from __future__ import annotations

from typing import Any

import bcrypt
import pytest
from twisted.internet.defer import succeed

from pubsub.cluster.protocol import RouteProtocol
from pubsub.errors import ClosedState
from tests.cluster.network import Network, Node, info_of
from tests.cluster.raw import CONNECT, INFO, Raw, accepted, line, member, target


@pytest.fixture
def network() -> Network:
    """No servers yet."""
    return Network()


@pytest.mark.parametrize("step", [0, 1])
def test_who_comes_is_greeted_and_told_what_we_want_to_hear(network: Network, step: int) -> None:
    """INFO at once, RS+ when it has introduced itself; PING is answered."""
    node = network.node("a")
    node.client().send("SUB foo 1", "SUB bar group 2")
    raw = accepted(node, step)
    (greeting,) = raw.received()
    assert greeting.startswith("INFO ")
    info = info_of(greeting)
    assert info["cluster"] == "C"
    assert (info["server_id"], info["server_name"], info["port"]) == ("NA", "a", 6222)
    assert info["connect_urls"] == ["a:4222"]
    assert (info["lnoc"], info["lnocu"], info["proto"]) == (True, True, 2)
    assert "route_pool_size" not in info
    assert sorted(raw.send(line(b"CONNECT", CONNECT), line(b"INFO", INFO))) == [
        "RS+ $G bar group 1",
        "RS+ $G foo",
    ]
    assert raw.send(b"PING") == ["PONG"]
    assert node.peers() == ["x"]
    assert node.urls_pushed == [("a:4222", "x:4222")]


def test_we_greet_whom_we_come_to(network: Network) -> None:
    """CONNECT and INFO at once without pools; INFO later with them."""
    for pool_size in (-1, 3):
        node = network.node("a", pool_size=pool_size)
        raw = Raw(node, RouteProtocol(node.members, target()))
        first = raw.received()
        assert first[0] == (
            'CONNECT {"echo":true,"verbose":false,"pedantic":false,"user":"u","pass":"p",'
            '"tls_required":false,"headers":true,"name":"NA","cluster":"C","lnoc":true,'
            '"lnocu":true}'
        )
        if pool_size < 0:
            assert info_of(first[1])["server_id"] == "NA"
            continue
        assert len(first) == 1
        after = raw.send(line(b"INFO", INFO, route_pool_size=3))
        assert info_of(after[0])["route_pool_size"] == 3
        assert "route_pool_idx" not in info_of(after[0])


def test_a_client_is_told_that_this_is_not_its_port(network: Network) -> None:
    """Clients say which language they are written in; servers do not."""
    raw = accepted(network.node("a"))
    raw.received()
    assert raw.send(line(b"CONNECT", {"lang": "go", "verbose": False})) == [
        "-ERR 'attempted to connect to route port'"
    ]
    assert raw.state is ClosedState.WRONG_PORT


def test_we_leave_the_port_of_clients(network: Network) -> None:
    """A client's INFO has a client_id."""
    node = network.node("a")
    raw = Raw(node, RouteProtocol(node.members, target()))
    raw.send(line(b"INFO", {**INFO, "client_id": 5}))
    assert raw.state is ClosedState.WRONG_PORT


def test_connect_has_to_come_first(network: Network) -> None:
    """Whatever else comes first closes."""
    raw = accepted(network.node("a"))
    raw.received()
    assert raw.send(b"RS+ $G foo") == ["-ERR 'Authorization Violation'"]
    assert raw.state is ClosedState.AUTHENTICATION_VIOLATION


@pytest.mark.parametrize("hashed", [False, True])
def test_other_servers_need_user_and_password(network: Network, hashed: bool) -> None:
    """If so configured; in time. The password may be a hash."""
    password = bcrypt.hashpw(b"right", bcrypt.gensalt(4)).decode() if hashed else "right"

    def node_of(name: str) -> Node:
        node = network.node(name, user="u", password=password)
        node.context.defer_to_thread = lambda call, *arguments: succeed(call(*arguments))
        return node

    raw = accepted(node_of("a"))
    assert info_of(raw.received()[0])["auth_required"] is True
    wrong = raw.send(line(b"CONNECT", CONNECT, user="u", **{"pass": "wrong"}))
    assert wrong == ["-ERR 'Authorization Violation'"]
    raw = accepted(node_of("d"))
    raw.received()
    other = raw.send(line(b"CONNECT", CONNECT, user="v", **{"pass": "right"}))
    assert other == ["-ERR 'Authorization Violation'"]
    raw = accepted(node_of("b"))
    raw.received()
    assert raw.send(line(b"CONNECT", CONNECT, user="u", **{"pass": "right"})) == []
    assert raw.state is None
    raw = accepted(node_of("c"))
    raw.received()
    network.clock.advance(2.0)
    assert raw.received()[-1] == "-ERR 'Authentication Timeout'"


def test_servers_of_another_cluster_are_refused(network: Network) -> None:
    """Whether they come or we do."""
    node = network.node("a")
    raw = accepted(node)
    raw.received()
    assert raw.send(line(b"CONNECT", CONNECT, cluster="D")) == [
        '-ERR \'Rejecting connection, cluster name "D" does not match "C"\''
    ]
    assert raw.state is ClosedState.CLUSTER_NAME_CONFLICT
    raw = Raw(node, RouteProtocol(node.members, target()))
    raw.send(line(b"INFO", INFO, cluster="D"))
    assert raw.state is ClosedState.CLUSTER_NAME_CONFLICT


def test_gateways_are_refused(network: Network) -> None:
    """They have a port of their own."""
    raw = accepted(network.node("a"))
    raw.received()
    assert raw.send(line(b"CONNECT", CONNECT, gateway="D")) == [
        "-ERR 'Rejecting connection from gateway \"D\" on the Route port'"
    ]
    assert raw.state is ClosedState.WRONG_GATEWAY


def test_a_server_with_our_name_is_refused(network: Network) -> None:
    """And one with our id is us."""
    node = network.node("a")
    raw = accepted(node)
    raw.send(line(b"CONNECT", CONNECT), line(b"INFO", INFO, server_name="a"))
    assert raw.state is ClosedState.DUPLICATE_SERVER_NAME
    raw = Raw(node, RouteProtocol(node.members, target()))
    raw.send(line(b"INFO", INFO, server_id="NA"))
    assert raw.state is ClosedState.DUPLICATE_ROUTE
    network.settle(3)
    assert node.peers() == []


@pytest.mark.parametrize(
    "argument", [b"{", b"[]", b'{"name": 5}', b'{"cluster": true}', b"\xff", b'"' * 3]
)
def test_what_cannot_be_read_closes_in_silence(network: Network, argument: bytes) -> None:
    """CONNECT and INFO."""
    raw = accepted(network.node("a"))
    raw.received()
    assert raw.send(b"CONNECT " + argument) == []
    assert raw.state is ClosedState.PROTOCOL_VIOLATION
    raw = accepted(network.node("b"))
    raw.received()
    wrong = argument if argument != b'{"name": 5}' else b'{"server_id": 5}'
    assert raw.send(line(b"CONNECT", CONNECT), b"INFO " + wrong) == []
    assert raw.state is ClosedState.PROTOCOL_VIOLATION


@pytest.mark.parametrize(
    "text",
    [b"RS+", b"RS+ $G", b"RS+ $G a q", b"RS+ $G a q 1 2", b"RS- $G", b"RS- $G a q 1", b"LS+ o $G"],
)
def test_malformed_interest_closes(network: Network, text: bytes) -> None:
    """As nats-server does."""
    raw = accepted(network.node("a"))
    raw.send(line(b"CONNECT", CONNECT), line(b"INFO", INFO))
    raw.send(text)
    assert raw.state is not None


def test_an_error_of_the_other_server_ends_the_route(network: Network) -> None:
    """It is logged."""
    raw = accepted(network.node("a"))
    raw.send(line(b"CONNECT", CONNECT), line(b"INFO", INFO), b"-ERR 'no'")
    assert raw.state is ClosedState.PARSE_ERROR


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ({"route_pool_size": 10**9}, "Invalid route pool size: 1000000000"),
        (
            {"route_pool_size": 3, "route_pool_idx": 3},
            "Invalid route pool index: 3 - pool size is 3",
        ),
        (
            {"route_pool_size": 3, "route_pool_idx": -1},
            "Invalid route pool index: -1 - pool size is 3",
        ),
        ({"route_pool_size": 3, "route_account": "A"}, 'No route for account "A"'),
        (
            {"route_account": "$SYS"},
            'Not possible to have a dedicated route for account "$SYS" between those servers',
        ),
    ],
)
def test_pools_that_cannot_be_are_refused(
    network: Network, said: dict[str, Any], complaint: str
) -> None:
    """In nats-server's words."""
    raw = accepted(network.node("a", pool_size=3))
    raw.received()
    answer = raw.send(line(b"CONNECT", CONNECT), line(b"INFO", {**INFO, **said}))
    assert answer == [f"-ERR '{complaint}'"]
    assert raw.state is ClosedState.PROTOCOL_VIOLATION


def test_a_made_up_name_yields(network: Network) -> None:
    """To a configured one, and to a greater one that was made up, too."""
    one, two, three = (network.node(name, *"abc".replace(name, ""), name="") for name in "abc")
    network.start()
    network.settle(5)
    assert len({node.context.name.value for node in (one, two, three)}) == 1
    assert one.peers() == ["b", "c"]
    network.node("d", "a", name="Real")
    network.nodes["d"].start()
    network.settle(8)
    names = [node.context.name.value for node in network.nodes.values()]
    assert names == ["Real"] * 4
    assert all(len(node.peers()) == 3 for node in network.nodes.values())


def test_a_silent_server_is_stale(network: Network) -> None:
    """Two PINGs without an answer, and it is closed; its interest with it."""
    node = network.node("a")
    raw = accepted(node)
    raw.send(line(b"CONNECT", CONNECT), line(b"INFO", INFO), b"RS+ $G foo")
    network.settle(2)
    assert "PING" in raw.received()
    network.settle(70)
    assert raw.state is ClosedState.STALE_CONNECTION
    assert not list(node.router.subscriptions("$G"))


def test_connect_is_said_once(network: Network) -> None:
    """A member that gave another id would stay in the table for ever."""
    node = network.node("a")
    raw = member(node)
    raw.send(line(b"CONNECT", CONNECT, name="NZ"))
    assert raw.state is ClosedState.PROTOCOL_VIOLATION
    assert node.members.remotes == {}


def test_whom_we_came_to_says_no_connect(network: Network) -> None:
    node = network.node("a", pool_size=-1)
    raw = Raw(node, RouteProtocol(node.members, target()))
    raw.send(line(b"CONNECT", CONNECT))
    assert raw.state is ClosedState.PROTOCOL_VIOLATION


def test_a_member_may_tell_us_of_ourselves(network: Network) -> None:
    """It is no news, and it stays who it is."""
    node = network.node("a")
    raw = member(node)
    raw.send(line(b"INFO", INFO, server_id="NA"))
    assert raw.state is None
    raw.send(b"-ERR 'bye'")
    assert node.members.remotes == {}
