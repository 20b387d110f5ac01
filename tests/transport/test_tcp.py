"""Our TCP transport: Twisted's in every respect, with or without the router on its socket."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from pytest_twisted import blockon
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IHalfCloseableProtocol, ITCPTransport, ITLSTransport
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.python.failure import Failure
from zope.interface import implementer
from zope.interface.verify import verifyObject

from pubsub.interfaces import IRouter, LinkOptions, PeerKind, RouterSettings
from pubsub.router.python.backend import PythonBackend
from pubsub.transport.tcp import ServerConnection, listen_tcp
from pubsub.transport.tls import ServerTls
from tests.certs import Authority
from tests.patience import PATIENCE, until
from tests.router.recording import Recorder, native_backend
from tests.server.peer import Peer, connect

reactor: Any = installed


@implementer(IHalfCloseableProtocol)
class Side(Protocol):
    """The server's protocol: greets, then gives the socket to a link."""

    transport: Any

    def __init__(self, world: World) -> None:
        self.world = world
        self.received = b""
        #: fires with why the connection ended
        self.reason: Deferred[BaseException] = Deferred()
        self.half_closed = 0
        self.handler = Recorder("side", world.calls)
        # as the real handler: what the router does not write itself goes to the transport
        self.handler.on["transmit"] = lambda data: self.transport.write(data)
        self.bound: bool | None = None
        self.link: Any = None

    def connectionMade(self) -> None:
        self.transport.write(self.world.greeting)
        self.world.sides.append(self)
        if self.world.bind:
            self.bind()

    def bind(self) -> None:
        self.link = self.world.router.attach(self.handler, PeerKind.CLIENT, 1, "$G")
        self.handler.link = self.link
        self.link.options = LinkOptions(verbose=False, pedantic=False)
        self.bound = self.transport.native_link(self.link)

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def readConnectionLost(self) -> None:
        self.half_closed += 1
        self.transport.loseConnection()

    def writeConnectionLost(self) -> None:
        self.half_closed += 10

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.reason.callback(reason.value)


class World:
    """A listening port, the router behind it, and who came."""

    def __init__(self, router: IRouter) -> None:
        self.router = router
        self.greeting = b"INFO {}\r\n"
        self.bind = True
        self.sides: list[Side] = []
        self.calls: list[tuple[Any, ...]] = []
        self.peers: list[Peer] = []
        factory = Factory()
        factory.noisy = False
        factory.buildProtocol = lambda addr: Side(self)  # type: ignore[method-assign,assignment]
        self.port: Any = listen_tcp(reactor, 0, factory, "127.0.0.1", flush=router.flush)

    async def pair(self) -> tuple[Peer, Side]:
        """Both ends of a new connection."""
        count = len(self.sides)
        peer = await connect("127.0.0.1", self.port.getHost().port)
        self.peers.append(peer)
        await until(lambda: len(self.sides) > count)
        return peer, self.sides[-1]


def read_exactly(plain: socket.socket, count: int) -> bytes:
    """The next ``count`` bytes of a blocking socket."""
    text = bytearray()
    while len(text) < count:
        chunk = plain.recv(min(65536, count - len(text)))
        if not chunk:
            raise EOFError(f"{len(text)} of {count} bytes came")
        text += chunk
    return bytes(text)


@pytest.fixture
def world() -> Iterator[World]:
    """With the compiled router."""
    made = World(native_backend().create(RouterSettings(seed=1)))
    yield made
    blockon(made.port.stopListening())
    for peer in made.peers:
        if peer.transport is not None:
            peer.transport.abortConnection()
    for side in made.sides:
        if side.transport is not None and side.transport.connected:
            side.transport.abortConnection()
            blockon(side.reason)


@pytest_twisted.ensureDeferred
async def test_it_is_a_tcp_transport_that_can_begin_tls(world: World) -> None:
    peer, side = await world.pair()
    assert verifyObject(ITCPTransport, side.transport)
    assert ITLSTransport.providedBy(side.transport)
    assert isinstance(side.transport, ServerConnection)
    assert side.transport.getTcpNoDelay()
    assert side.transport.getPeer() == peer.transport.getHost()
    assert side.transport.getHost() == peer.transport.getPeer()
    assert str(peer.transport.getHost().port) in repr(side.transport)
    assert side.transport.logPrefix().endswith(",127.0.0.1")


@pytest_twisted.ensureDeferred
async def test_the_router_reads_and_writes_what_follows_the_greeting(world: World) -> None:
    """The greeting was in Twisted's buffer still when the router took over."""
    peer, side = await world.pair()
    assert side.bound is True
    peer.send(b"PING\r\nSUB a 1\r\nPUB a 2\r\nhi\r\n")
    assert await peer.until(b"hi\r\n") == b"INFO {}\r\nPONG\r\nMSG a 1 2\r\nhi\r\n"
    assert side.received == b""


@pytest_twisted.ensureDeferred
async def test_a_greeting_too_large_for_the_socket_still_comes_first(world: World) -> None:
    world.greeting = b"INFO {%s}\r\n" % (b" " * 8_000_000)
    peer, side = await world.pair()
    side.transport.write(b"second\r\n")
    side.link.write(b"third\r\n")
    side.link.flush()
    side.transport.writeSequence([b"fo", b"urth\r\n"])
    assert await peer.until(b"fourth\r\n") == (world.greeting + b"second\r\nthird\r\nfourth\r\n")


@pytest_twisted.ensureDeferred
async def test_a_router_that_does_not_bind_leaves_all_as_it_was() -> None:
    world = World(PythonBackend().create(RouterSettings(seed=1)))
    peer, side = await world.pair()
    assert side.bound is False
    peer.send(b"hello")
    assert await peer.until(b"\r\n") == world.greeting
    await until(lambda: side.received == b"hello")
    peer.transport.loseConnection()
    await side.reason
    await peer.closed()
    await world.port.stopListening()


@pytest_twisted.ensureDeferred
async def test_a_connection_that_is_closing_is_not_bound(world: World) -> None:
    world.bind = False
    peer, side = await world.pair()
    side.transport.loseConnection()
    side.bind()
    assert side.bound is False
    await peer.closed()


@pytest_twisted.ensureDeferred
async def test_closing_sends_what_is_queued_first(world: World) -> None:
    peer, side = await world.pair()
    side.link.write(bytes(5_000_000) + b"\r\n")
    side.link.flush()
    side.transport.loseConnection()
    assert len(await peer.closed()) == len(world.greeting) + 5_000_002
    assert isinstance(await side.reason, ConnectionDone)


@pytest_twisted.ensureDeferred
async def test_aborting_does_not(world: World) -> None:
    peer, side = await world.pair()
    peer.transport.pauseProducing()
    side.link.write(bytes(50_000_000))
    side.link.flush()
    assert side.link.pending_bytes > 0
    side.transport.abortConnection()
    await side.reason
    peer.transport.resumeProducing()
    assert len(await peer.closed()) < 50_000_000


@pytest_twisted.ensureDeferred
async def test_the_end_of_input_is_a_half_close(world: World) -> None:
    """What was published before it is delivered, and answered."""
    peer, side = await world.pair()
    peer.send(b"SUB a 1\r\nPUB a 2\r\nhi\r\n")
    peer.transport.loseWriteConnection()
    assert (await peer.closed()).endswith(b"MSG a 1 2\r\nhi\r\n")
    await side.reason
    assert side.half_closed == 1


@pytest_twisted.ensureDeferred
async def test_closing_our_half_sends_what_is_queued_first(world: World) -> None:
    """The other half stays open."""
    peer, side = await world.pair()
    side.link.write(bytes(3_000_000) + b"end\r\n")
    side.link.flush()
    side.transport.loseWriteConnection()
    assert (await peer.until(b"end\r\n")).endswith(b"end\r\n")
    await until(lambda: side.half_closed == 10)
    side.transport.write(b"nobody hears this")
    await peer.closed()
    await side.reason


@pytest_twisted.ensureDeferred
async def test_a_reset_is_a_lost_connection(world: World) -> None:
    peer, side = await world.pair()
    await peer.until(b"\r\n")
    peer.transport.abortConnection()
    assert isinstance(await side.reason, ConnectionLost)


@pytest_twisted.ensureDeferred
async def test_a_peer_that_is_gone_while_output_waits_is_a_lost_connection(world: World) -> None:
    peer, side = await world.pair()
    peer.transport.pauseProducing()
    side.link.write(bytes(20_000_000))
    side.link.flush()
    assert side.link.blocked_since > 0
    peer.transport.abortConnection()
    assert isinstance(await side.reason, ConnectionLost)


@pytest_twisted.ensureDeferred
async def test_a_paused_transport_reads_nothing_until_it_is_resumed(world: World) -> None:
    peer, side = await world.pair()
    await peer.until(b"\r\n")
    side.transport.pauseProducing()
    peer.send(b"PING\r\n")
    await deferLater(reactor, 0.02)
    assert peer.received == b""
    side.transport.resumeProducing()
    assert await peer.until(b"\r\n") == b"PONG\r\n"


@pytest_twisted.ensureDeferred
async def test_tls_on_a_bound_connection(world: World, tmp_path: Path) -> None:
    """The router gives the socket back: with what it could not write, and has not parsed."""
    ca = Authority(tmp_path)
    tls = ServerTls(ca.issue("server").options(), reactor)
    world.greeting = b""
    host, port = world.port.socket.getsockname()[:2]

    answered = threading.Event()

    def client() -> bytes:
        context = ssl.create_default_context(cafile=ca.cert_file)
        with socket.create_connection((host, port), timeout=PATIENCE) as plain:
            plain.sendall(b"PING\r\n")
            pong = read_exactly(plain, 6)
            answered.set()
            read_exactly(plain, 5_000_000)
            with context.wrap_socket(plain, server_hostname="localhost") as secret:
                secret.sendall(b"secret\r\n")
                return pong + secret.recv(100)

    answer = deferToThread(client)
    await until(answered.is_set)
    side = world.sides[0]
    side.link.write(bytes(5_000_000))
    side.link.flush()
    assert side.link.pending_bytes > 0
    side.transport.startTLS(tls)
    assert side.link.pending_bytes == 0
    assert side.transport.native_link(side.link) is False
    await until(lambda: side.received == b"secret\r\n")
    side.transport.write(b"yes\r\n")
    assert await answer == b"PONG\r\nyes\r\n"
    await side.reason


@pytest_twisted.ensureDeferred
async def test_without_a_flush_given_nothing_is_called_after_a_read() -> None:
    """As with our own reactor, which flushes once a turn."""
    router = native_backend().create(RouterSettings())
    world = World(router)
    del world.port.flush
    peer, _ = await world.pair()
    await peer.until(b"\r\n")
    peer.send(b"PING\r\n")
    await until(lambda: world.sides[0].link.pending_bytes > 0)
    router.flush()
    await peer.until(b"PONG\r\n")
    peer.transport.loseConnection()
    await world.sides[0].reason
    await world.port.stopListening()


def test_an_address_that_is_taken_cannot_be_listened_on() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(CannotListenError):
            listen_tcp(reactor, taken.getsockname()[1], Factory(), "127.0.0.1")


@pytest_twisted.ensureDeferred
async def test_ipv6_takes_ipv4_as_well() -> None:
    """As Go's listeners do."""
    factory = Factory.forProtocol(Protocol)
    factory.noisy = False
    port: Any = listen_tcp(reactor, 0, factory, "::")
    number = port.getHost().port
    with socket.create_connection(("127.0.0.1", number)), socket.create_connection(("::1", number)):
        await deferLater(reactor, 0.01)
    await port.stopListening()
