"""One route: its transport, its limits, its end."""

from __future__ import annotations

from dataclasses import replace

from twisted.internet.interfaces import IHandshakeListener, IPushProducer
from twisted.logger import LogEvent, formatEvent, globalLogPublisher
from zope.interface.verify import verifyObject

from pubsub.cluster.protocol import RouteProtocol
from pubsub.config.options import TlsOptions
from pubsub.errors import ClosedState
from pubsub.interfaces import ILinkHandler
from tests.cluster.network import Network
from tests.cluster.raw import Raw, member, target


def test_it_provides_what_it_says() -> None:
    route = member(Network().node("a")).protocol
    for interface in (ILinkHandler, IPushProducer, IHandshakeListener):
        assert verifyObject(interface, route)
    route.stall(1.0)
    assert route.request_info(True) == b""
    assert not route.operation_before_connect()


def test_garbage_closes() -> None:
    raw = member(Network().node("a"))
    assert raw.send(b"GARBAGE") == ["-ERR 'Unknown Protocol Operation'"]
    assert raw.state is ClosedState.PROTOCOL_VIOLATION
    assert raw.transport.disconnecting


def test_a_slow_route_does_not_grow_without_bound() -> None:
    """It may hold four times what a client may; then it is closed, and nobody waits for it."""
    node = Network().node("a")
    raw = member(node)
    raw.send(b"RS+ $G foo")
    node.router.settings = replace(node.router.settings, max_pending=1000)
    raw.protocol.pauseProducing()
    client = node.client()
    for _ in range(30):
        client.send("PUB foo 100", "x" * 100)
    assert raw.state is None
    for _ in range(30):
        client.send("PUB foo 100", "x" * 100)
    assert raw.state is ClosedState.SLOW_CONSUMER_PENDING_BYTES
    assert raw.transport.disconnected


def test_output_goes_on_when_the_transport_has_room_again() -> None:
    node = Network().node("a")
    raw = member(node)
    raw.send(b"RS+ $G foo")
    raw.protocol.pauseProducing()
    node.client().send("PUB foo 1", "x")
    assert raw.received() == []
    raw.protocol.resumeProducing()
    assert raw.received() == ["RMSG $G foo 1", "x"]


def test_a_peer_that_does_not_close_is_dropped() -> None:
    network = Network()
    node = network.node("a")
    raw = member(node)
    raw.protocol.close(ClosedState.SERVER_SHUTDOWN)
    assert not raw.transport.disconnected
    network.settle(3)
    assert raw.transport.disconnected


def test_tls_comes_first_and_in_time() -> None:
    network = Network()
    tls = TlsOptions(verify=True, timeout=2.0)
    node = network.node("a", tls=tls)
    asked: list[object] = []
    node.context.serve_tls = lambda *arguments: asked.append("serve")
    node.context.join_tls = lambda transport, protocol, host: asked.append(host)
    accepted = Raw(node, RouteProtocol(node.members))
    dialled = Raw(node, RouteProtocol(node.members, target()))
    assert asked == ["serve", "x"]
    assert accepted.received() == dialled.received() == []
    accepted.protocol.handshakeCompleted()
    assert accepted.received()[0].startswith("INFO ")
    network.settle(2.5)
    assert dialled.state is ClosedState.TLS_HANDSHAKE_ERROR
    assert accepted.state is None


def test_only_pinned_certificates_are_accepted() -> None:
    network = Network()
    tls = TlsOptions(verify=True, pinned_certs=frozenset({"ab" * 32}))
    node = network.node("a", tls=tls)
    node.context.serve_tls = lambda *arguments: None
    raw = Raw(node, RouteProtocol(node.members))
    raw.protocol.handshakeCompleted()
    assert raw.state is ClosedState.TLS_HANDSHAKE_ERROR


def test_a_server_that_ends_accepts_nobody() -> None:
    node = Network().node("a")
    node.members.close_all()
    raw = Raw(node, RouteProtocol(node.members))
    assert raw.state is ClosedState.SERVER_SHUTDOWN
    assert raw.received() == []


def test_lines_are_traced() -> None:
    node = Network().node("a")
    node.context.options = replace(node.context.options, trace=True)
    events: list[LogEvent] = []
    globalLogPublisher.addObserver(events.append)
    try:
        raw = member(node)
        raw.send(b"RS+ $G foo", b"RMSG $G foo 2", b"hi", b"PING")
    finally:
        globalLogPublisher.removeObserver(events.append)
    lines = [formatEvent(event) for event in events if event.get("trace")]
    for end in ("<<- [RS+ $G foo]", "<<- [RMSG $G foo 2]", '<<- MSG_PAYLOAD: ["hi"]'):
        assert any(line.endswith(f"192.168.1.1:54321 - rid:1 - {end}") for line in lines), lines
