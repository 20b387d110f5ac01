"""What servers of two clusters say first, byte by byte; and who is sent away, in which words."""

from __future__ import annotations

from typing import Any

import bcrypt
import pytest
from twisted.internet.defer import Deferred, succeed

from pubsub.errors import ClosedState
from tests.cluster.gateways.raw import CONNECT, INFO, a_server, accepted, came, dialled, found
from tests.cluster.gateways.world import World
from tests.cluster.network import info_of
from tests.cluster.raw import line

STEPS = pytest.mark.parametrize("step", [0, 1], ids=["whole", "bytewise"])


@STEPS
def test_who_comes_is_greeted_and_told_what_is_wanted(step: int) -> None:
    """INFO at once; queue groups, other clusters and all interest when it has said who it is."""
    server = a_server(to={"C": ["c1"]})
    server.client().send("SUB foo 1", "SUB work group 2")
    raw = accepted(server, step)
    (greeting,) = raw.received()
    assert greeting == (
        'INFO {"server_id":"NA","server_name":"a","version":"2.15.0","proto":2,"go":"python",'
        '"host":"a","port":7222,"headers":true,"max_payload":1048576,"gateway":"A",'
        '"gateway_urls":["a:7222"],"gateway_url":"a:7222","gateway_nrp":true,"gateway_iom":true}'
    )
    bare = '"version":"","proto":0,"go":"","host":"","port":0,"headers":false,"max_payload":0'
    command = f'INFO {{"server_id":"","server_name":"",{bare},"gateway":"A","gateway_cmd":%d,'
    command += '"gateway_cmd_payload":"JEc="}'
    gossip = f'INFO {{"server_id":"NA","server_name":"",{bare},"gateway":"C",'
    gossip += '"gateway_urls":["c1:7222"],"gateway_cmd":1}'
    assert raw.send(line(b"CONNECT", CONNECT), line(b"INFO", INFO)) == [
        "RS+ $G work group 1",
        gossip,
        command % 2,
        "RS+ $G foo",
        command % 3,
    ]
    assert raw.send(b"PING") == ["PONG"]
    assert server.inbound() == ["x"]


@STEPS
def test_we_introduce_ourselves_when_we_know_whom_we_found(step: int) -> None:
    """CONNECT and INFO, not before INFO was read; then it is sent to."""
    server = a_server(to={"B": ["x"]}, user="u", password="p")
    raw = dialled(server, step=step)
    assert raw.received() == []
    connect, info = raw.send(line(b"INFO", INFO))
    assert connect == (
        'CONNECT {"echo":false,"verbose":false,"pedantic":false,"user":"u","pass":"p",'
        '"tls_required":false,"headers":false,"name":"NA","cluster":"","gateway":"A"}'
    )
    assert info_of(info)["gateway"] == "A"
    assert info_of(info)["auth_required"] is True
    assert server.outbound() == {"B": "x"}


def test_an_address_may_have_a_user_of_its_own() -> None:
    """Instead of that of ``gateway``."""
    server = a_server(to={"B": ["x"]}, user="u", password="p")
    connect, _ = dialled(server, user="v", password="q").send(line(b"INFO", INFO))
    assert info_of(connect)["user"] == "v"
    assert info_of(connect)["pass"] == "q"


@pytest.mark.parametrize("hashed", [False, True])
def test_other_clusters_need_user_and_password(hashed: bool) -> None:
    """If so configured; in time. The password may be a hash."""
    password = bcrypt.hashpw(b"right", bcrypt.gensalt(4)).decode() if hashed else "right"
    server = a_server(user="u", password=password)
    server.gateway_context.defer_to_thread = lambda call, *rest: succeed(call(*rest))
    for user, said in (("u", "wrong"), ("v", "right"), ("", "")):
        raw = accepted(server)
        raw.received()
        answer = raw.send(line(b"CONNECT", CONNECT, user=user, **{"pass": said}))
        assert answer == ["-ERR 'Authorization Violation'"]
        assert raw.state is ClosedState.AUTHENTICATION_VIOLATION
    raw = accepted(server)
    raw.received()
    raw.send(line(b"CONNECT", CONNECT, user="u", **{"pass": "right"}), line(b"INFO", INFO))
    assert server.inbound() == ["x"]


def test_what_follows_connect_waits_until_the_password_is_known() -> None:
    """A hash takes its time; who goes meanwhile is not let in."""
    password = bcrypt.hashpw(b"right", bcrypt.gensalt(4)).decode()
    server = a_server(user="u", password=password)
    asked: list[Deferred[bool]] = []

    def later(call: Any, *rest: Any) -> Deferred[bool]:
        asked.append(Deferred())
        return asked[-1]

    server.gateway_context.defer_to_thread = later
    lines = line(b"CONNECT", CONNECT, user="u", **{"pass": "right"}), line(b"INFO", INFO)
    first, second = accepted(server), accepted(server)
    first.send(*lines)
    second.send(*lines)
    assert server.inbound() == []
    first.protocol.close(ClosedState.CLIENT_CLOSED)
    asked[0].callback(True)
    asked[1].callback(True)
    assert server.inbound() == ["x"]
    assert "RS+" not in "".join(first.received())


def test_who_says_nothing_is_sent_away_in_time() -> None:
    """Whether or not there is a password."""
    raw = accepted(a_server(timeout=1.0))
    raw.received()
    raw.node.network.settle(1.1)
    assert raw.received() == ["-ERR 'Authentication Timeout'"]
    assert raw.state is ClosedState.AUTHENTICATION_TIMEOUT


def test_connect_has_to_come_first() -> None:
    """Whatever else comes first closes."""
    for first in (b"PING", b"RS+ $G foo", line(b"INFO", INFO), b"RMSG $G foo 1\r\nx"):
        raw = accepted(a_server())
        raw.received()
        assert raw.send(first) == ["-ERR 'Authorization Violation'"]
        assert raw.state is ClosedState.AUTHENTICATION_VIOLATION


@pytest.mark.parametrize("said", [{"lang": "go"}, {"cluster": "A", "lnoc": True}])
def test_clients_and_routes_are_told_that_this_is_not_their_port(said: dict[str, Any]) -> None:
    """Their CONNECT names no gateway."""
    raw = accepted(a_server())
    raw.received()
    assert raw.send(line(b"CONNECT", said)) == ["-ERR 'attempted to connect to gateway port'"]
    assert raw.state is ClosedState.WRONG_PORT


def test_a_gateway_is_told_that_routes_and_clients_have_other_ports() -> None:
    """On the route port in so many words; on the client port it is no client."""
    from tests.cluster.raw import accepted as on_the_route_port

    raw = on_the_route_port(a_server())
    raw.received()
    assert raw.send(line(b"CONNECT", CONNECT)) == [
        "-ERR 'Rejecting connection from gateway \"B\" on the Route port'"
    ]


def test_unknown_clusters_may_be_rejected() -> None:
    """Those of ``gateways`` are not."""
    server = a_server(reject_unknown_cluster=True, to={"C": ["c1"]})
    raw = accepted(server)
    raw.received()
    assert raw.send(line(b"CONNECT", CONNECT)) == ["-ERR 'Connection to gateway \"A\" rejected'"]
    assert raw.state is ClosedState.WRONG_GATEWAY
    raw = accepted(server)
    raw.send(line(b"CONNECT", CONNECT, gateway="C"), line(b"INFO", INFO, gateway="C"))
    assert raw.state is None
    assert server.inbound() == ["x"]


def test_we_notice_that_we_came_to_another_port() -> None:
    """INFO of clients and routes names no gateway."""
    raw = dialled(a_server(to={"B": ["x"]}))
    without = {key: value for key, value in INFO.items() if key != "gateway"}
    assert raw.send(line(b"INFO", without)) == [
        "-ERR 'Attempt to connect to gateway \"B\" using wrong port'"
    ]
    assert raw.state is ClosedState.WRONG_PORT


def test_we_notice_that_we_came_to_another_cluster() -> None:
    """And say so in words that make sense over there; gossip does not come first."""
    for said in ({}, {"gateway_cmd": 1}):
        raw = dialled(a_server(to={"B": ["x"]}))
        assert raw.send(line(b"INFO", INFO, gateway="C", **said)) == [
            '-ERR \'Connection from "A" rejected, wanted to connect to "B", this is "C"\''
        ]
        assert raw.state is ClosedState.WRONG_GATEWAY


def test_two_servers_with_one_name_do_not_talk() -> None:
    """Ours, or that of another server of our cluster."""
    world = World()
    server = world.server("a", "A", to={"B": ["x"]})
    world.server("b", "A", "a")
    world.start()
    world.settle(1)
    for name in ("a", "b"):
        raw = accepted(server)
        raw.send(line(b"CONNECT", CONNECT), line(b"INFO", INFO, server_name=name))
        assert raw.state is ClosedState.DUPLICATE_SERVER_NAME
        raw = dialled(server)
        raw.send(line(b"INFO", INFO, server_name=name))
        assert raw.state is ClosedState.DUPLICATE_SERVER_NAME


def test_a_second_way_to_a_cluster_is_closed() -> None:
    """And not tried again."""
    server = a_server(to={"B": ["x"]})
    first, second = found(server), found(server)
    assert (first.state, second.state) == (None, ClosedState.WRONG_GATEWAY)
    assert second.protocol.no_reconnect
    assert server.outbound() == {"B": "x"}


@pytest.mark.parametrize(
    "argument",
    [b"", b"{", b"[]", b'{"gateway": 5}', b'{"gateway_cmd": true}', b"\xff", b"[" * 3000],
)
def test_what_cannot_be_read_closes_in_silence(argument: bytes) -> None:
    """CONNECT and INFO, either way."""
    server = a_server(to={"B": ["x"]})
    raw = dialled(server)
    assert raw.send(b"INFO " + argument) == []
    assert raw.state is ClosedState.PROTOCOL_VIOLATION
    if argument != b'{"gateway_cmd": true}':
        raw = accepted(server)
        raw.received()
        assert raw.send(b"CONNECT " + argument) == []
        assert raw.state is ClosedState.PROTOCOL_VIOLATION
    raw = accepted(server)
    raw.received()
    assert raw.send(line(b"CONNECT", CONNECT), b"INFO " + argument) == []
    assert raw.state is ClosedState.PROTOCOL_VIOLATION


def test_a_payload_has_to_be_base64() -> None:
    """As Go reads bytes in JSON."""
    raw = found(a_server(to={"B": ["x"]}))
    raw.send(line(b"INFO", {"gateway": "B", "gateway_cmd": 2, "gateway_cmd_payload": "%"}))
    assert raw.state is ClosedState.PROTOCOL_VIOLATION


def test_a_gateway_has_one_name() -> None:
    """The one in CONNECT was looked at: INFO must not have another."""
    raw = accepted(a_server())
    raw.send(line(b"CONNECT", CONNECT), line(b"INFO", INFO, gateway="C"))
    assert raw.state is ClosedState.PROTOCOL_VIOLATION


def test_connect_comes_once_and_from_who_came() -> None:
    """Otherwise it is a fault."""
    server = a_server(to={"B": ["x"]})
    for raw in (came(server), found(server)):
        raw.send(line(b"CONNECT", CONNECT))
        assert raw.state is ClosedState.PROTOCOL_VIOLATION


def test_what_a_cluster_says_later_is_news_of_its_servers() -> None:
    """They are where it is looked for, with those of the configuration; our members hear of it."""
    world = World()
    server = world.server("a", "A", to={"B": ["x"]})
    world.server("b", "A", "a", connect_retries=3)
    world.start()
    world.settle(0.5)
    raw = found(server)
    raw.send(line(b"INFO", INFO, gateway_urls=["y:7222", "no port", "z:7222"]))
    assert list(server.gateways.remotes["B"].urls) == ["x:7222", "y:7222", "z:7222"]
    raw.send(line(b"INFO", INFO, gateway_urls=["z:7222"]))
    assert list(server.gateways.remotes["B"].urls) == ["x:7222", "z:7222"]
    assert list(world.nodes["b"].gateways.remotes) == ["B"]


def test_commands_that_are_unknown_or_incomplete() -> None:
    """The former are ignored, the latter close."""
    raw = found(a_server(to={"B": ["x"]}))
    raw.send(line(b"INFO", {"gateway": "B", "gateway_cmd": 9}))
    assert raw.state is None
    for number, word in ((2, "start"), (3, "complete")):
        raw = found(a_server(to={"B": ["x"]}))
        raw.received()
        answer = raw.send(line(b"INFO", {"gateway": "B", "gateway_cmd": number}))
        assert answer == [f"-ERR 'Account absent from receive-all-subscriptions-{word} command'"]
        assert raw.state is ClosedState.PROTOCOL_VIOLATION


def test_headers_go_where_they_are_understood() -> None:
    """And back from where we do."""
    server = a_server(to={"B": ["x"]})
    link = found(server, INFO | {"headers": False}).protocol.link
    assert link is not None
    assert not link.peer.headers
    link = came(server, INFO | {"headers": True}).protocol.link
    assert link is not None
    assert link.peer.headers
