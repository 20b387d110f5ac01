"""A server's client side without sockets: real router, real protocol, time by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import LogEvent, formatEvent, globalLogPublisher
from twisted.python.failure import Failure

from pubsub.auth.anonymous import AnonymousAuthenticator
from pubsub.client.context import ClientContext
from pubsub.client.factory import ClientFactory
from pubsub.client.protocol import ClientProtocol
from pubsub.client.registry import Registry
from pubsub.config.options import Options
from pubsub.interfaces import IAuthenticator, Identity, IRouter, RouterSettings
from pubsub.router.python.router import PythonRouter
from pubsub.wire.info import InfoRenderer, ServerInfo
from tests.client.fakes import NOW, Knowing


class Peer:
    """One client, as it is seen from outside: what it sends, what it gets."""

    def __init__(self, protocol: ClientProtocol, transport: StringTransport, pieces: int) -> None:
        self.protocol = protocol
        self.transport = transport
        self._pieces = pieces

    def send(self, data: bytes) -> bytes:
        """Send ``data``, all at once or in pieces; what came back since the last call."""
        size = self._pieces or len(data) or 1
        for start in range(0, len(data), size):
            self.protocol.dataReceived(data[start : start + size])
        return self.received()

    def received(self) -> bytes:
        """What it got since the last call."""
        data: bytes = self.transport.value()
        self.transport.clear()
        return data

    @property
    def closing(self) -> bool:
        """The server closed the connection and lets the last bytes out."""
        return self.transport.disconnecting and not self.transport.disconnected

    @property
    def aborted(self) -> bool:
        """The server dropped the connection."""
        return self.transport.disconnected

    @property
    def paused(self) -> bool:
        """The server does not read from it."""
        return self.transport.producerState == "paused"

    def lost(self, error: Exception | None = None) -> None:
        """The connection is gone."""
        self.protocol.connectionLost(Failure(error or ConnectionDone()))


class Server:
    """What the protocols of one server share, made for tests."""

    def __init__(self, pieces: int = 0) -> None:
        self.pieces = pieces
        self.clock = Clock()
        self.clock.rightNow = NOW
        self.start(Options())

    def start(
        self, options: Options, authenticator: IAuthenticator | None = None, **settings: Any
    ) -> Server:
        """Begin anew with these options, their accounts and their users."""
        self.router = self.make_router(RouterSettings(seed=1, **settings))
        authenticator = authenticator or AnonymousAuthenticator()
        self.context = ClientContext(
            options=options,
            router=self.router,
            clock=self.clock,
            authenticator=authenticator,
            info=self.info(options, auth_required=authenticator.required),
            registry=Registry(options.max_closed_clients),
            wall=self.clock.seconds,
            monotonic=self.clock.seconds,
        )
        self.context.accounts.replace_all(options.accounts)
        self.context.users.replace_all(options.users)
        self.context.random.random = lambda: 0.0  # type: ignore[method-assign]
        self.factory = ClientFactory(self.context)
        return self

    def make_router(self, settings: RouterSettings) -> IRouter:
        """The readable one, on our time; a test may put another in its place."""
        return PythonRouter(settings, self.clock.seconds, self.clock.seconds)

    @staticmethod
    def info(options: Options, **fields: Any) -> InfoRenderer:
        """INFO with short texts."""
        info = ServerInfo("ID", "test", "2.15.0", "py", "h", 4222, options.max_payload)
        return InfoRenderer(replace(info, **fields))

    def accept(self, transport: StringTransport | None = None) -> Peer:
        """Somebody connects; INFO has not been looked at."""
        transport = transport or StringTransport(peerAddress=IPv4Address("TCP", "1.2.3.4", 5678))
        protocol = self.factory.buildProtocol(None)
        protocol.makeConnection(transport)
        return Peer(protocol, transport, self.pieces)

    def somebody(self, identity: Identity, connect: bytes = b'{"verbose":false}') -> Peer:
        """Somebody connected and is this; what there was to read is read."""
        before = self.context.authenticator
        self.context.authenticator = Knowing(identity)
        peer = self.connect(connect)
        self.context.authenticator = before
        peer.received()
        return peer

    def connect(self, connect: bytes = b"{}") -> Peer:
        """Somebody connected, sent CONNECT, and read all there was to read."""
        peer = self.accept()
        peer.send(b"CONNECT " + connect + b"\r\n")
        return peer


@pytest.fixture(params=[0, 1], ids=["whole", "bytewise"])
def server(request: pytest.FixtureRequest) -> Server:
    """A server whose clients send everything at once, or one byte at a time."""
    return Server(request.param)


@pytest.fixture
def make_server() -> Callable[[], Server]:
    """For tests about what clients do not send."""
    return Server


@pytest.fixture
def log() -> Iterator[list[str]]:
    """The lines logged during the test."""
    lines: list[str] = []

    def observe(event: LogEvent) -> None:
        if str(event.get("log_namespace", "")).startswith("pubsub."):
            lines.append(formatEvent(event))

    globalLogPublisher.addObserver(observe)
    yield lines
    globalLogPublisher.removeObserver(observe)
