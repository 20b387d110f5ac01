"""A TLS client of Python's own, and a protocol at the server's end, joined without sockets."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHandshakeListener
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from zope.interface import implementer

from pubsub.client.preamble import TlsDetails, loss_text
from pubsub.transport.tls import ServerTls


@implementer(IHandshakeListener)
class Recorder(Protocol):
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.received = b""
        self.handshakes = 0
        self.lost: str | None = None
        self.details = TlsDetails()

    def handshakeCompleted(self) -> None:
        self.handshakes += 1
        self.details = ServerTls.details(self.transport)

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Failure = Protocol.connectionLost.__defaults__[0]) -> None:  # type: ignore[index]
        self.lost = loss_text(reason)


class Closing(StringTransport):
    """A StringTransport that tells its protocol when it is closed."""

    protocol: Protocol

    def _lose(self) -> None:
        if not self.disconnected:
            self.disconnected = True
            self.protocol.connectionLost(Failure(ConnectionDone()))

    def loseConnection(self) -> None:
        super().loseConnection()
        self._lose()

    def abortConnection(self) -> None:
        super().abortConnection()
        self._lose()


@dataclass
class Conversation:
    """A Python TLS client talking to a :class:`ServerTls`, one step at a time."""

    tls: ServerTls
    clock: Clock
    context: ssl.SSLContext
    host: str = "localhost"
    server: Recorder = field(default_factory=Recorder)
    transport: Closing = field(default_factory=Closing)
    #: what the client's handshake failed with
    error: ssl.SSLError | None = None
    #: bytes handed over at a time, 0 for all there are
    step: int = 0

    def __post_init__(self) -> None:
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.client = self.context.wrap_bio(self._in, self._out, server_hostname=self.host)
        self.server.makeConnection(self.transport)
        self.transport.protocol = self.server
        self._started = False

    def handshake(self) -> Conversation:
        """Go on until both are content, or one is not."""
        for _ in range(10):
            try:
                self.client.do_handshake()
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError as error:
                self.error = error
            self.exchange()
            if self.error is not None:
                break
        return self

    def send(self, data: bytes) -> None:
        """The client says something."""
        self.client.write(data)
        self.exchange()

    def receive(self) -> bytes:
        """What the client heard."""
        self.exchange()
        try:
            return self.client.read(65536)
        except ssl.SSLWantReadError:
            return b""
        except ssl.SSLError as error:
            self.error = error
            return b""

    def exchange(self) -> None:
        """Carry what there is, both ways."""
        for _ in range(10):
            data = self._out.read()
            for piece in self._pieces(data):
                self._to_server(piece)
            self.clock.advance(0)
            answer = self.transport.value()
            self.transport.clear()
            self._in.write(answer)
            if not data and not answer:
                break

    def _pieces(self, data: bytes) -> list[bytes]:
        size = self.step or len(data) or 1
        return [data[index : index + size] for index in range(0, len(data), size)]

    def _to_server(self, data: bytes) -> None:
        if self.transport.disconnected:
            return
        if not self._started:
            self._started = True
            self.tls.start_tls(self.transport, self.server, data)
        else:
            self.transport.protocol.dataReceived(data)


def client_context(
    ca_file: str, *, certificate: tuple[str, str] | None = None, version: str = ""
) -> ssl.SSLContext:
    """A client that verifies; ``certificate`` is its own, ``version`` the only one it speaks."""
    context = ssl.create_default_context(cafile=ca_file)
    if certificate is not None:
        context.load_cert_chain(*certificate)
    if version:
        only = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[version]
        context.minimum_version = context.maximum_version = only
    return context
