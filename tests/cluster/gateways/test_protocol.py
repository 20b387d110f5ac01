"""The life of a gateway: TLS, PING and PONG, what is too slow, and what is garbage."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure
from zope.interface.verify import verifyObject

from pubsub.client.preamble_types import TlsDetails
from pubsub.config.options import GatewayUrl, TlsOptions
from pubsub.errors import ClosedState, SlowConsumer
from pubsub.interfaces import ILinkHandler, PeerKind
from pubsub.transport.tls import CertificateRefused
from tests.cluster.gateways.raw import (
    CONNECT,
    INFO,
    OLD_INFO,
    a_server,
    accepted,
    came,
    command,
    dialled,
    found,
)
from tests.cluster.gateways.world import Server
from tests.cluster.raw import Raw, line


def pings(raw: Raw, seconds: float) -> int:
    """How many come in that time, each answered."""
    count = 0
    raw.transport.clear()
    for _ in range(int(seconds * 5)):
        raw.node.network.clock.advance(0.2)
        if b"PING\r\n" in raw.transport.value():
            count += 1
            raw.transport.clear()
            raw.protocol.dataReceived(b"PONG\r\n")
    return count


def test_it_is_what_links_talk_to() -> None:
    """ILinkHandler."""
    raw = accepted(a_server())
    assert verifyObject(ILinkHandler, raw.protocol)
    link = raw.protocol.link
    assert link is not None
    assert link.kind is PeerKind.GATEWAY
    raw.protocol.interest_missing("$G", b"foo")
    dialled(a_server(to={"B": ["x"]})).protocol.interest_missing("$G", b"foo")


# PING and PONG


def test_pings_come_every_15_seconds_and_the_first_soon() -> None:
    """Either way, and the round trip is measured."""
    server = a_server(to={"B": ["x"]})
    for introduced in (came, found):
        raw = introduced(server)
        assert pings(raw, 1.4) == 1
        assert 0 < raw.protocol.rtt < 1
        assert pings(raw, 61) == 4


def test_nothing_is_asked_before_it_can_be_understood() -> None:
    """Who has not introduced itself cannot answer; who came has the time to do so."""
    server = a_server(to={"B": ["x"]}, timeout=10.0)
    raw = accepted(server)
    assert pings(raw, 3) == 0
    raw.send(line(b"CONNECT", CONNECT))
    assert pings(raw, 1.4) == 1
    assert pings(dialled(server), 5) == 0


def test_who_never_introduces_itself_is_stale() -> None:
    """When as many PINGs could have gone unanswered as may."""
    raw = dialled(a_server(to={"B": ["x"]}))
    for _ in range(46):
        raw.node.network.clock.advance(1)
    assert raw.received() == ["-ERR 'Stale Connection'"]
    assert raw.state is ClosedState.STALE_CONNECTION


def test_who_answers_no_more_is_stale() -> None:
    """And counted."""
    server = a_server()
    raw = came(server)
    for _ in range(60):
        raw.node.network.clock.advance(1)
    assert raw.received()[-1] == "-ERR 'Stale Connection'"
    assert raw.state is ClosedState.STALE_CONNECTION
    assert server.gateways.stale_connections == 1


# what is too slow


def test_who_accepts_nothing_for_too_long_is_closed() -> None:
    """``write_deadline`` of the block, or of all connections."""
    server = a_server(write_deadline=1.0)
    raw = came(server)
    raw.protocol.pauseProducing()
    server.client().send("SUB foo 1")
    server.network.settle(0.1)
    link = raw.protocol.link
    assert link is not None
    since = link.blocked_since
    assert since
    server.gateway_context.monotonic = lambda: since + 1.5
    server.network.settle(1)
    assert raw.state is ClosedState.SLOW_CONSUMER_WRITE_DEADLINE
    assert server.gateways.slow_consumers == 1


def test_who_reads_too_little_is_closed_when_too_much_waits() -> None:
    """The router says when it is too much."""
    server = a_server()
    raw = came(server)
    raw.protocol.fault(SlowConsumer())
    assert raw.state is ClosedState.SLOW_CONSUMER_PENDING_BYTES


# TLS


class Certificate:
    """What a server showed."""

    spki_sha256 = "ab"


def encrypted(**settings: Any) -> tuple[Server, list[Any]]:
    """A server whose gateways are encrypted, and what it began."""
    server = a_server(tls=TlsOptions(**settings), to={"B": ["10.0.0.1", "b"]})
    begun: list[Any] = []
    context = server.gateway_context
    context.serve_tls = lambda transport, protocol: begun.append("server")
    context.join_tls = lambda transport, protocol, tls, name: begun.append(name)
    context.tls_details = lambda transport: TlsDetails(peer_certificates=(Certificate(),))  # type: ignore[arg-type]
    return server, begun


def test_tls_comes_before_everything_else() -> None:
    """Either way; the certificate has the name of the cluster's first server that has one."""
    server, begun = encrypted()
    came_, went = accepted(server), dialled(server)
    went.protocol.url = GatewayUrl("10.0.0.1", 1)
    assert (came_.received(), went.received()) == ([], [])
    assert begun == ["server", "x"]
    came_.protocol.handshakeCompleted()
    assert came_.received()[0].startswith("INFO ")
    went.protocol.handshakeCompleted()
    connect, _ = went.send(line(b"INFO", INFO))
    assert '"tls_required":true' in connect


def test_a_handshake_has_to_end_in_time() -> None:
    """As configured."""
    server, _ = encrypted(timeout=1.0)
    raw = accepted(server)
    server.network.settle(1.1)
    assert raw.state is ClosedState.TLS_HANDSHAKE_ERROR


@pytest.mark.parametrize(("pin", "state"), [("ab", None), ("cd", ClosedState.TLS_HANDSHAKE_ERROR)])
def test_certificates_may_be_pinned(pin: str, state: ClosedState | None) -> None:
    """Others are refused."""
    server, _ = encrypted(pinned_certs=frozenset([pin]))
    raw = accepted(server)
    raw.protocol.handshakeCompleted()
    assert raw.state is state


def test_a_reload_may_pin_others() -> None:
    """Who has another certificate is closed."""
    server, _ = encrypted(pinned_certs=frozenset(["ab"]))
    raw = accepted(server)
    raw.protocol.handshakeCompleted()
    options = server.gateway_context.options
    old = options.gateway
    from dataclasses import replace

    server.gateways.reloaded(old)
    assert raw.state is None
    pinned = replace(old, tls=TlsOptions(pinned_certs=frozenset(["cd"])))
    server.gateway_context.options = replace(options, gateway=pinned)
    server.gateways.reloaded(old)
    assert raw.state is ClosedState.TLS_HANDSHAKE_ERROR


def test_a_name_that_did_not_help_is_not_tried_again() -> None:
    """The certificate may be that of an address (nats-server: resetTLSName); or the network was
    the trouble, and then the name is tried again."""
    server, _ = encrypted()
    remote = server.gateways.remotes["B"]
    assert remote.tls_name == "b"
    for failure, name in (
        (ConnectionDone(), "b"),
        (CertificateRefused("tls: expired"), "b"),
        (CertificateRefused("x509: certificate is not for b"), ""),
    ):
        raw = dialled(server)
        raw.protocol.url = GatewayUrl("10.0.0.1", 1)
        raw.protocol.connectionLost(Failure(failure))
        assert remote.tls_name == name
        assert raw.state is ClosedState.TLS_HANDSHAKE_ERROR


# the end


def test_an_error_of_the_other_server_ends_the_gateway() -> None:
    """It is logged."""
    raw = found(a_server(to={"B": ["x"]}))
    raw.send(b"-ERR 'no'")
    assert raw.state is ClosedState.PARSE_ERROR


@pytest.mark.parametrize("text", [b"PUB foo 1\r\nx", b"SUB foo 1", b"LS+ o $G foo", b"nonsense"])
def test_what_is_not_said_on_gateways_closes(text: bytes) -> None:
    """Clients and leafs say such things."""
    raw = came(a_server())
    raw.send(text)
    assert raw.state is not None


def test_oversized_lines_close() -> None:
    """Either way."""
    server = a_server(to={"B": ["x"]})
    for raw in (came(server), found(server)):
        raw.send(b"RS+ $G " + b"x" * 200_000)
        assert raw.state is ClosedState.MAX_CONTROL_LINE_EXCEEDED


#: what servers say, in any order, and what they do not
LINES = st.sampled_from(
    [
        line(b"CONNECT", CONNECT),
        line(b"INFO", INFO),
        line(b"INFO", OLD_INFO),
        line(b"INFO", INFO, gateway="C", gateway_cmd=1),
        command(2),
        command(3),
        command(2, None),
        b"A+ $G",
        b"A- $G",
        b"A-",
        b"RS+ $G foo",
        b"RS- $G foo",
        b"RS+ $G foo q 1",
        b"RS- $G foo q",
        b"RMSG $G foo 1\r\nx",
        b"RMSG $G foo + r q 1\r\nx",
        b"RMSG $G _GR_.aaaaaa.bbbbbb.r 1\r\nx",
        b"HMSG $G foo 12 13\r\nNATS/1.0\r\n\r\nx",
        b"PING",
        b"PONG",
        b"\xff\x00",
        b"",
    ]
)


@given(lines=st.lists(LINES, max_size=12), came_first=st.booleans(), step=st.sampled_from([0, 1]))
@settings(max_examples=150, deadline=None)
def test_whatever_comes_the_server_lives(lines: list[bytes], came_first: bool, step: int) -> None:
    """And when the gateway is gone nothing is left of it."""
    server = a_server(to={"B": ["x"]})
    client = server.client()
    client.send("SUB foo 1", "SUB foo q 2")
    raw = accepted(server, step) if came_first else dialled(server, step=step)
    for each in lines:
        if raw.state is None:
            raw.send(each)
    client.send("PUB foo 1", "y", "PUB bar 1", "y")
    raw.protocol.connectionLost(Failure(ConnectionDone()))
    gateways = server.gateways
    assert (gateways.open, gateways.outbound, gateways.inbound) == ({}, {}, {})
    assert {each.cid for each in server.router.subscriptions()} <= {client.link.cid}
    client.received()
    client.send("PUB foo 1", "z")
    assert client.received()[-1] == "z"
