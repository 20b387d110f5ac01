"""Plain TCP: Twisted's own transport, whose socket the router may read and write itself.

:class:`ServerConnection` is a ``twisted.internet.tcp.Server`` in every respect: close,
abort, half-close, pause, addresses and ``startTLS`` work as ever. :meth:`native_link`
lets a router backend that can (``ILink.bind``) take over the descriptor; from then on
bytes go from the kernel to the router and back without a Python call per message.
``startTLS`` ends that, and Twisted's path takes over again.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

from twisted.internet import address, main, tcp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from twisted.internet.interfaces import IListeningPort, IProtocol, IProtocolFactory

    from pubsub.interfaces import ILink

__all__ = ["ListeningPort", "ServerConnection", "listen_tcp", "watch"]

#: Connections the kernel may hold for us between two accepts: a fleet that reconnects
#: at once after a restart must not be refused (nats-server: the system's maximum).
BACKLOG = 4096

#: Of a connection that is watched: seconds before the first probe of an idle one, and between two.
_IDLE = 10
_BETWEEN_PROBES = 2


def watch(connection: socket.socket, unacknowledged: float) -> None:
    """Let the kernel end a connection whose other end cannot be reached any more.

    Left to itself, TCP waits after an outage for as long again as that lasted, up to two minutes.

    :param unacknowledged: seconds that what was sent may stay so.
    """
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_USER_TIMEOUT", int(unacknowledged * 1000)),
        ("TCP_KEEPIDLE", _IDLE),
        ("TCP_KEEPINTVL", _BETWEEN_PROBES),
    ):
        option = getattr(socket, name, None)
        # not every system has them
        if option is not None:
            connection.setsockopt(socket.IPPROTO_TCP, option, value)


class NativeConnection(tcp.Connection):
    """A connection whose socket the router may read and write itself."""

    _link: ILink | None = None

    def flush_router(self) -> None:
        """Called after each read of a socket the router reads itself."""
        raise NotImplementedError

    def native_link(self, link: ILink) -> bool:
        """Let ``link`` read and write the socket from now on; False if it cannot."""
        if not self.connected or self.disconnecting or getattr(self, "TLS", False):
            return False
        leftover = self._take_buffered()
        if not link.bind(self.fileno(), self):
            if leftover:
                self.write(leftover)
            return False
        self._link = link
        if leftover:
            link.write(leftover)
            link.flush()
        return True

    def _take_buffered(self) -> bytes:
        """What was written before and Twisted has not sent yet."""
        pending = self.dataBuffer[self.offset :] + b"".join(self._tempDataBuffer)
        self.dataBuffer = b""
        self.offset = 0
        self._tempDataBuffer = []
        self._tempDataLen = 0
        return pending

    def doRead(self) -> Any:
        """The reactor found the socket readable."""
        link = self._link
        if link is None:
            return super().doRead()
        outcome = link.read_ready()
        # Also at the end of input: what it published before it left goes out.
        self.flush_router()
        if outcome == 0:
            return None
        return main.CONNECTION_DONE if outcome == 1 else main.CONNECTION_LOST

    def doWrite(self) -> Any:
        """The reactor found the socket writable."""
        link = self._link
        if link is None:
            return super().doWrite()  # type: ignore[no-untyped-call]
        outcome = link.write_ready()
        if outcome < 0:
            return main.CONNECTION_LOST
        if outcome == 0:
            self.stopWriting()  # type: ignore[no-untyped-call]
            if self.disconnecting:
                return self._postLoseConnection()  # type: ignore[no-untyped-call]
            if self._writeDisconnecting:
                self._writeDisconnected = True
                return self._closeWriteConnection()
        return None

    def write(self, data: bytes) -> None:
        """Send protocol bytes, in order with what the router sends."""
        if self._link is None:
            super().write(data)  # type: ignore[no-untyped-call]
        elif data and self.connected and not self._writeDisconnected:
            self._link.write(data)
            self._link.flush()

    def writeSequence(self, iovec: Iterable[bytes]) -> None:
        """Send several pieces of protocol bytes."""
        self.write(b"".join(iovec))

    def startTLS(self, *args: Any, **kwargs: Any) -> None:
        """Begin TLS; the router gives the descriptor back first."""
        rest = self._release()
        super().startTLS(*args, **kwargs)  # type: ignore[no-untyped-call]
        if rest:
            # read already, and the beginning of the handshake
            self.protocol.dataReceived(rest)

    def _release(self) -> bytes:
        """Take the socket back from the router: Twisted's path from here on.

        What the router could not write yet goes into our buffer, before whatever comes.

        :returns: what the router has read and not parsed.
        """
        link, self._link = self._link, None
        if link is None:
            return b""
        rest = link.unbind()
        link.flush()
        return rest

    def connectionLost(self, reason: Any) -> None:
        """The connection is gone: give the descriptor back before its number is reused."""
        link = self._link
        if link is not None:
            self._link = None
            link.unbind()
        super().connectionLost(reason)


class ServerConnection(NativeConnection, tcp.Server):
    """An accepted TCP connection."""

    def __init__(
        self,
        sock: socket.socket,
        protocol: IProtocol,
        client: tuple[Any, ...],
        server: ListeningPort,
        sessionno: int,
        reactor: Any,
    ) -> None:
        # As tcp.Server does, but for the two texts it makes of each connection: idle
        # ones by the ten thousand would keep them for nothing.
        tcp.Connection.__init__(self, sock, protocol, reactor)
        if len(client) != 2:
            self._addressType = address.IPv6Address
        self.server: ListeningPort = server
        self.client = client
        self.sessionno = sessionno
        self.hostname = client[0]
        # Small answers must not wait for the peer's delayed acknowledgement.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if server.watched is not None:
            watch(sock, server.watched)
        self.startReading()  # type: ignore[no-untyped-call]
        self.connected = 1

    def flush_router(self) -> None:
        """Its port knows the router."""
        self.server.flush()

    def __repr__(self) -> str:
        """Who is at the other end."""
        return f"<ServerConnection #{self.sessionno} from {self.client[0]}:{self.client[1]}>"

    def logPrefix(self) -> str:
        """What Twisted's log calls this connection."""
        return f"client,{self.sessionno},{self.hostname}"


class ListeningPort(tcp.Port):
    """A listening TCP socket whose connections are :class:`ServerConnection`."""

    # Twisted's stub promises a tcp.Server of any port; ours wants one of its own ports
    transport = ServerConnection  # type: ignore[assignment]

    #: see :func:`watch`
    watched: float | None = None

    def flush(self) -> None:
        """Called after each read of a connection the router reads itself."""

    def createInternetSocket(self) -> socket.socket:
        """As Twisted's, but "::" takes IPv4 as well, as it does for nats-server."""
        made: socket.socket = super().createInternetSocket()  # type: ignore[no-untyped-call]
        if self.addressFamily == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        return made


def listen_tcp(
    reactor: Any,
    port: int,
    factory: IProtocolFactory,
    interface: str = "",
    backlog: int = BACKLOG,
    flush: Callable[[], None] | None = None,
    watched: float | None = None,
) -> IListeningPort:
    """Listen on ``interface``:``port`` (0 for any free port).

    :param flush: the router's flush, called after each read of a connection the router
        reads itself. (Our own reactor does that once a turn instead.)
    :param watched: seconds that what is sent may stay unacknowledged; ``None`` for the system's.
    :raises twisted.internet.error.CannotListenError: the address is taken or not ours.
    """
    listening = ListeningPort(port, factory, backlog, interface, reactor)
    if flush is not None:
        listening.flush = flush  # type: ignore[method-assign]
    listening.watched = watched
    listening.startListening()
    return listening
