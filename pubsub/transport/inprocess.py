"""Clients inside this process: connections without a network (nats-server: ``InProcessConn``).

Two ways, for a factory made with ``in_process=True``:

* :func:`connect_in_process` joins a Twisted protocol to the server by two
  :class:`PipeTransport`, memory to memory, in the same reactor;
* :func:`connect_in_process_socket` returns a connected ``socket.socket`` for a client that
  lives in another thread or event loop.

Either way the peer is called ``pipe`` and has no address.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from twisted.internet import tcp
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import (
    IAddress,
    IConsumer,
    IProtocol,
    IProtocolFactory,
    IPushProducer,
    IReactorTime,
    ITransport,
)
from twisted.python.failure import Failure
from zope.interface import implementer

__all__ = [
    "InProcessRefused",
    "PipeAddress",
    "PipeTransport",
    "connect_in_process",
    "connect_in_process_socket",
]

#: Bytes in one direction at which the writer's producer is paused: Twisted's own figure
#: for sockets (``FileDescriptor.bufferSize``), so protocols behave alike on both.
BUFFER_SIZE = 64 * 1024


class InProcessRefused(ConnectionLost):
    """The server's factory made no protocol."""


@implementer(IAddress)
class PipeAddress:
    """Where in-process connections come from."""

    def __repr__(self) -> str:
        return "pipe"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PipeAddress)

    def __hash__(self) -> int:
        return hash("pipe")


@implementer(ITransport, IConsumer, IPushProducer)
class PipeTransport:
    """One end of an in-memory connection; :func:`connect_in_process` makes both.

    What one end writes the other's protocol gets in a later turn of the reactor, never from
    inside ``write``, so neither side is ever called back by itself.

    :ivar protocol: who gets the data; TLS puts itself in between here.
    :ivar pending_bytes: written and not yet delivered.
    """

    disconnecting = False
    connected = True

    def __init__(self, clock: IReactorTime, buffer_size: int = BUFFER_SIZE) -> None:
        self._clock = clock
        self._buffer_size = buffer_size
        self.protocol: Any = None
        self._peer: PipeTransport = self
        self._queue: deque[bytes] = deque()
        self.pending_bytes = 0
        self._scheduled = False
        self._aborted = False
        #: this end's protocol does not want data now
        self._paused = False
        self._producer: Any = None
        self._streaming = False
        self._producer_paused = False

    def join(self, peer: PipeTransport) -> None:
        """Make ``peer`` the other end."""
        self._peer, peer._peer = peer, self

    # ITransport

    def write(self, data: bytes) -> None:
        """Send ``data`` to the other end."""
        if not self.connected or self._aborted or not data:
            return
        if self.disconnecting and self._producer is None:
            return
        self._queue.append(bytes(data))
        self.pending_bytes += len(data)
        full = self.pending_bytes > self._buffer_size
        if full and self._producer is not None and self._streaming and not self._producer_paused:
            self._producer_paused = True
            self._producer.pauseProducing()
        self._schedule()

    def writeSequence(self, data: Iterable[bytes]) -> None:
        """Send several pieces."""
        self.write(b"".join(data))

    def loseConnection(self) -> None:
        """Close once all that was written is delivered and no producer is left."""
        if self.connected and not self.disconnecting:
            self.disconnecting = True
            self._schedule()

    def abortConnection(self) -> None:
        """Close now; what is on its way, either way, is lost."""
        if not self.connected or self._aborted:
            return
        for end, reason in ((self, ConnectionAborted()), (self._peer, ConnectionLost())):
            end.disconnecting = end._aborted = True
            end._drop()
            self._later(end._lost, Failure(reason))

    def getPeer(self) -> PipeAddress:
        """The other end."""
        return PipeAddress()

    def getHost(self) -> PipeAddress:
        """This end."""
        return PipeAddress()

    # IConsumer: who writes here may be held back

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Hold ``producer`` back while the other end does not read.

        :raises RuntimeError: there is one already.
        """
        if self._producer is not None:
            raise RuntimeError(f"{self._producer!r} is registered already")
        if not self.connected:
            producer.stopProducing()
            return
        self._producer, self._streaming, self._producer_paused = producer, streaming, False
        if not streaming:
            producer.resumeProducing()

    def unregisterProducer(self) -> None:
        """Forget the producer; a close that waited for it goes on."""
        self._producer = None
        self._schedule()

    # IPushProducer: this end's protocol may hold the other end back

    def pauseProducing(self) -> None:
        """Deliver nothing to this end for now."""
        self._paused = True

    def resumeProducing(self) -> None:
        """Deliver again."""
        self._paused = False
        self._peer._schedule()

    def stopProducing(self) -> None:
        """Close."""
        self.loseConnection()

    # moving data

    def _later(self, call: Callable[..., None], *arguments: object) -> None:
        self._clock.callLater(0, call, *arguments)

    def _schedule(self) -> None:
        if not self._scheduled and self.connected:
            self._scheduled = True
            self._later(self._deliver)

    def _deliver(self) -> None:
        """Hand over what was written so far; what comes of it waits for the next turn."""
        self._scheduled = False
        peer = self._peer
        if not self.connected or self._aborted or (peer._paused and self._queue):
            return
        data = b"".join(self._queue)
        self._drop()
        # like a socket, an end that closes hears no more
        if data and peer.connected and not peer.disconnecting:
            peer.protocol.dataReceived(data)
        if self.connected and not self._queue and not self._aborted:
            self._drained()

    def _drained(self) -> None:
        """There is room again, or nothing left to wait for."""
        producer = self._producer
        if producer is not None:
            if self._producer_paused or not self._streaming:
                self._producer_paused = False
                producer.resumeProducing()
        elif self.disconnecting:
            peer = self._peer
            self._lost(Failure(ConnectionDone()))
            peer._drop()
            self._later(peer._lost, Failure(ConnectionDone()))

    def _drop(self) -> None:
        self._queue.clear()
        self.pending_bytes = 0

    def _lost(self, reason: Failure) -> None:
        if not self.connected:
            return
        self.connected = False
        self.disconnecting = True
        self._drop()
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.stopProducing()
        protocol, self.protocol = self.protocol, None
        protocol.connectionLost(reason)


def connect_in_process(
    factory: IProtocolFactory,
    client: IProtocol,
    clock: IReactorTime,
    buffer_size: int = BUFFER_SIZE,
) -> PipeTransport:
    """Join ``client`` to a new protocol of the server's ``factory``.

    Both get ``makeConnection`` before this returns, the client first: the server greets.

    :param clock: the reactor, or a test's clock.
    :param buffer_size: bytes one way that pause the writer's producer.
    :returns: the client's transport.
    :raises InProcessRefused: the factory made no protocol.
    """
    server = factory.buildProtocol(PipeAddress())
    if server is None:
        raise InProcessRefused("the server accepts no connections")
    near, far = PipeTransport(clock, buffer_size), PipeTransport(clock, buffer_size)
    near.join(far)
    near.protocol, far.protocol = client, server
    client.makeConnection(near)
    server.makeConnection(far)
    return near


class PipeConnection(tcp.Server):
    """The server's end of a socket pair: all of it but the addresses is as over TCP."""

    repstr = "<server's end of an in-process socket>"

    def getPeer(self) -> Any:
        """The other end."""
        return PipeAddress()

    def getHost(self) -> Any:
        """This end."""
        return PipeAddress()


def connect_in_process_socket(factory: IProtocolFactory, reactor: Any) -> socket.socket:
    """Join a new protocol of ``factory`` to a socket, and return the socket's other end.

    Call it in the reactor's thread (``blockingCallFromThread`` from others). What is
    returned is a blocking socket, the caller's to use anywhere and to close.

    :raises InProcessRefused: the factory made no protocol.
    """
    ours, theirs = socket.socketpair()
    try:
        ours.setblocking(False)
        protocol = factory.buildProtocol(PipeAddress())
        if protocol is None:
            raise InProcessRefused("the server accepts no connections")
        nowhere: Any = (None, None)
        no_port: Any = None
        connection = PipeConnection(ours, protocol, nowhere, no_port, 0, reactor)
        protocol.makeConnection(connection)
    except BaseException:
        ours.close()
        theirs.close()
        raise
    return theirs
