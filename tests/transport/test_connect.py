"""Outgoing connections, with real sockets."""

from __future__ import annotations

import socket
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionRefusedError as Refused
from twisted.internet.error import DNSLookupError, UserError
from twisted.internet.protocol import Factory, Protocol

from pubsub.transport.connect import ClientConnection, connect_tcp
from pubsub.transport.listen import bind_tcp
from tests.patience import until


class Talker(Protocol):
    """Says its name, and waits for what comes."""

    def __init__(self) -> None:
        self.made: Deferred[None] = Deferred()
        self.heard: Deferred[bytes] = Deferred()
        self.lost: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        self.made.callback(None)

    def dataReceived(self, data: bytes) -> None:
        if not self.heard.called:
            self.heard.callback(data)

    def connectionLost(self, reason: Any = None) -> None:
        self.lost.callback(None)


class Talkers(Factory):
    """Remembers whom it made."""

    noisy = False

    def __init__(self) -> None:
        self.made: list[Talker] = []

    def buildProtocol(self, addr: Any) -> Talker:
        self.made.append(Talker())
        return self.made[-1]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest_twisted.inlineCallbacks
def test_it_connects_by_address_and_by_name(host: str) -> Any:
    """Bytes go both ways, over a transport the router could read itself."""
    servers = Talkers()
    listening, address = bind_tcp(reactor, "test", "127.0.0.1", 0, servers)
    client = yield connect_tcp(
        reactor, host, address.port, Talkers(), flush=lambda: None,
        choose=lambda found: "127.0.0.1",
    )  # fmt: skip
    yield client.made
    assert isinstance(client.transport, ClientConnection)
    client.transport.flush_router()
    client.transport.write(b"hello")
    yield until(lambda: servers.made)
    assert (yield servers.made[0].heard) == b"hello"
    servers.made[0].transport.write(b"you")
    assert (yield client.heard) == b"you"
    client.transport.loseConnection()
    yield client.lost
    yield servers.made[0].lost
    yield listening.stopListening()


def _turn() -> Deferred[None]:
    later: Deferred[None] = Deferred()
    reactor.callLater(0, later.callback, None)  # type: ignore[attr-defined]
    return later


@pytest_twisted.inlineCallbacks
def test_nobody_there_is_an_error() -> Any:
    listening, address = bind_tcp(reactor, "test", "127.0.0.1", 0, Talkers())
    yield listening.stopListening()
    with pytest.raises(Refused):
        yield connect_tcp(reactor, "127.0.0.1", address.port, Talkers())


@pytest_twisted.inlineCallbacks
def test_an_unknown_name_is_an_error() -> Any:
    with pytest.raises(DNSLookupError):
        yield connect_tcp(reactor, "nowhere.invalid", 1, Talkers())


@pytest_twisted.inlineCallbacks
def test_it_can_be_given_up() -> Any:
    """While connecting, and while looking the name up."""
    servers = Talkers()
    listening, address = bind_tcp(reactor, "test", "127.0.0.1", 0, servers)
    for host in ("127.0.0.1", "localhost"):
        made = Talkers()
        connecting = connect_tcp(reactor, host, address.port, made)
        connecting.cancel()
        with pytest.raises((CancelledError, UserError)):
            yield connecting
        yield _turn()
        assert made.made == []
    yield listening.stopListening()
    for server in servers.made:
        server.transport.abortConnection()
        yield server.lost


def _kept_alive(talker: Any) -> bool:
    handle = talker.transport.getHandle()
    return bool(handle.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="Linux has it")
@pytest_twisted.inlineCallbacks
def test_a_watched_connection_does_not_wait_for_ever() -> Any:
    """The kernel ends it when nothing gets there, and looks whether it is there at all."""
    listening, address = bind_tcp(reactor, "test", "127.0.0.1", 0, Talkers())
    for watched in (False, True):
        client = yield connect_tcp(reactor, "127.0.0.1", address.port, Talkers(), watched=watched)
        yield client.made
        handle = client.transport.getHandle()
        assert _kept_alive(client) is watched
        timeout = handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
        assert timeout == (5000 if watched else 0)
        client.transport.loseConnection()
        yield client.lost
    yield listening.stopListening()


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="Linux has it")
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
@pytest.mark.parametrize("watched", [None, 7.5])
@pytest_twisted.inlineCallbacks
def test_accepted_connections_may_be_watched_too(host: str, watched: float | None) -> Any:
    """Of one address, and of all."""
    servers = Talkers()
    listening, address = bind_tcp(reactor, "test", host, 0, servers, watched=watched)
    client = yield connect_tcp(reactor, "127.0.0.1", address.port, Talkers())
    yield client.made
    while not servers.made:
        yield _turn()
    (server,) = servers.made
    yield server.made
    assert _kept_alive(server) is bool(watched)
    handle = server.transport.getHandle()
    assert handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == (
        7500 if watched else 0
    )
    client.transport.loseConnection()
    yield client.lost
    yield server.lost
    yield listening.stopListening()
