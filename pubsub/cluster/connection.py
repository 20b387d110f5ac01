"""A connection to another server, whoever opened it: what routes and gateways have in common.

It goes through these states, each one way::

    handshake (TLS) ──▶ greeting ──▶ member ──▶ closed ──▶ lost
          │                │                      ▲
          └────────────────┴──────────────────────┘

* handshake: if so configured, TLS comes before everything else;
* greeting: it has a link in the router; CONNECT and INFO are exchanged;
* member: the other server is known, and in a table; interest and messages go over it;
* closed: we know why it ends. Interest of the other server is forgotten, and if we have to
  come back to it, that is planned;
* lost: the transport is gone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar
from typing import Protocol as Structure

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHandshakeListener, IPushProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure
from zope.interface import implementer

from pubsub.client import tracing
from pubsub.client.faultlog import FaultLog
from pubsub.client.preamble_types import TlsDetails, loss_text
from pubsub.client.streaming import StreamEnd
from pubsub.errors import (
    AuthenticationTimeout,
    ClientFault,
    ClosedState,
    SlowConsumer,
    StaleConnection,
)
from pubsub.interfaces import (
    GLOBAL_ACCOUNT,
    ILink,
    ILinkHandler,
    LinkOptions,
    PeerKind,
    ServerPeer,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from random import Random

    from twisted.internet.defer import Deferred

    from pubsub.client.deadlines import Deadline, Deadlines
    from pubsub.config.options import Options, TlsOptions
    from pubsub.interfaces import IRouter

__all__ = ["ConnectionContext", "ConnectionTable", "ServerConnection", "auth_timeout"]

_log = Logger()

#: seconds a peer has to take what it was last sent
_LINGER = 2.0
#: nats-server does not flush when it closes for these
_WITHOUT_FLUSH = frozenset(
    {
        ClosedState.READ_ERROR,
        ClosedState.WRITE_ERROR,
        ClosedState.SLOW_CONSUMER_PENDING_BYTES,
        ClosedState.SLOW_CONSUMER_WRITE_DEADLINE,
        ClosedState.TLS_HANDSHAKE_ERROR,
    }
)

#: Bytes handed to the link at a time: 100,000 subscriptions are a few megabytes.
_PIECE = 64 * 1024

_LINK_OPTIONS = LinkOptions(
    verbose=False, pedantic=False, echo=True, headers=True, max_payload=-1, max_subscriptions=0
)


class ConnectionContext(Structure):
    """What a connection needs of its server: part of ClusterContext and GatewayContext."""

    options: Options

    @property
    def router(self) -> IRouter:
        """Where its link is."""

    @property
    def deadlines(self) -> Deadlines:
        """What has to come."""

    @property
    def faults(self) -> FaultLog:
        """The log of what peers do."""

    @property
    def next_cid(self) -> Callable[[], int]:
        """Makes the id of a connection."""

    @property
    def serve_tls(self) -> Callable[[Any, Any], None]:
        """Begins TLS as server."""

    @property
    def tls_details(self) -> Callable[[Any], TlsDetails]:
        """What TLS has found out."""

    @property
    def defer_to_thread(self) -> Callable[..., Deferred[Any]]:
        """Twisted's."""

    @property
    def wall(self) -> Callable[[], float]:
        """Epoch seconds."""

    @property
    def monotonic(self) -> Callable[[], float]:
        """To measure with."""

    @property
    def random(self) -> Random:
        """Spreads what would come all at once."""


class ConnectionTable(Structure):
    """The table all connections of one sort are in."""

    closing: bool
    slow_consumers: int
    stale_connections: int

    def connected(self, connection: Any) -> None:
        """A transport exists."""

    def remove(self, connection: Any) -> None:
        """It is closed: it is in no table any more."""

    def closed(self, connection: Any) -> None:
        """It is closed and out of the table: come back, if we have to."""

    def lost(self) -> None:
        """One of the transports is gone."""

    def flush_soon(self) -> None:
        """Something was written outside of a turn's reading: see that it goes out."""


@implementer(ILinkHandler, IPushProducer, IHandshakeListener)
class ServerConnection(StreamEnd, Protocol):
    """A connection to another server.

    :param dialled: we opened it.
    :ivar no_reconnect: whatever happens, we do not come back.
    :ivar said: user and password in its CONNECT; a reload may ask for others.
    :ivar rtt: seconds to the other server and back, 0.0 before that was measured.
    """

    kind: ClassVar[PeerKind]
    #: how log lines call its id
    tag: ClassVar[str]
    #: and how they call it: ``route``
    noun: ClassVar[str]
    #: likewise in nats-server's words for errors, and for its end
    title: ClassVar[str]
    ending: ClassVar[str]

    transport: Any
    link: ILink | None

    def __init__(
        self, context: ConnectionContext, table: ConnectionTable, *, dialled: bool
    ) -> None:
        self.server: ConnectionContext = context
        self.table: ConnectionTable = table
        self.connected = 0
        self.transport = None
        self.cid = 0
        self.host = ""
        self.port = 0
        self.start = 0.0
        self.link = None
        self.native = False
        self.tls = TlsDetails()
        self.dialled = dialled
        self.no_reconnect = False
        self.said = ("", "")
        self.rtt = 0.0
        self.ping_sent = 0.0
        self.pings_out = 0
        self.auth_deadline: Deadline | None = None
        self.ping_deadline: Deadline | None = None
        self.linger_deadline: Deadline | None = None
        self.closed_state: ClosedState | None = None

    # what its sort decides

    def tls_options(self) -> TlsOptions | None:
        """The ``tls`` block that is for this connection."""
        raise NotImplementedError

    def pinned_certs(self) -> frozenset[str]:
        """The certificates other servers may have; any if there are none."""
        raise NotImplementedError

    def join_tls(self) -> None:
        """Begin TLS as the client."""
        raise NotImplementedError

    def first_peer(self) -> ServerPeer:
        """What is known of the other server before it said anything."""
        return ServerPeer()

    def greet(self) -> None:
        """The link is there: say what can be said, and plan what has to come."""
        raise NotImplementedError

    def longest_interval(self) -> float:
        """Seconds between two PINGs at most."""
        raise NotImplementedError

    def ping_options(self) -> tuple[float, int]:
        """Seconds between two PINGs, and how many may be unanswered."""
        options = self.server.options
        return options.ping_interval, options.ping_max

    # its life

    def connectionMade(self) -> None:
        """Connected: TLS first, if so configured."""
        context = self.server
        self.cid = context.next_cid()
        self.start = context.wall()
        peer = self.transport.getPeer()
        self.host = getattr(peer, "host", "")
        self.port = getattr(peer, "port", 0)
        self.table.connected(self)
        if self.table.closing:
            self.no_reconnect = True
            self.close(ClosedState.SERVER_SHUTDOWN)
            return
        tls = self.tls_options()
        if tls is None:
            self._attach()
            return
        self.auth_deadline = context.deadlines.add(tls.timeout, _handshake_timeout, self)
        if self.dialled:
            self.join_tls()
        else:
            context.serve_tls(self.transport, self)

    def handshakeCompleted(self) -> None:
        """The TLS layer is up (IHandshakeListener)."""
        if self.closed_state is not None:
            return
        self.server.deadlines.cancel(self.auth_deadline)
        self.auth_deadline = None
        self.tls = self.server.tls_details(self.transport)
        pins = self.pinned_certs()
        shown = self.tls.peer_certificates
        if pins and (not shown or shown[0].spki_sha256 not in pins):
            self.log(LogLevel.error, "TLS handshake error: certificate not pinned")
            self.close(ClosedState.TLS_HANDSHAKE_ERROR)
            return
        self._attach()

    def _attach(self) -> None:
        context = self.server
        link = context.router.attach(self, self.kind, self.cid, GLOBAL_ACCOUNT)
        self.link = link
        link.options = _LINK_OPTIONS
        link.peer = self.first_peer()
        link.awaiting_connect = not self.dialled
        link.trace = context.options.trace or context.options.trace_verbose
        native_link = getattr(self.transport, "native_link", None)
        self.native = native_link is not None and native_link(link)
        if not self.native:
            self.transport.registerProducer(self, True)
        self.greet()

    def dataReceived(self, data: bytes) -> None:
        """Bytes from a transport the router does not read itself."""
        if self.link is not None:
            self.link.feed(data)
            self.server.router.flush()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The transport is gone, whoever closed it."""
        self.connected = 0
        if self.closed_state is None and self.link is None:
            text = loss_text(reason) if self.tls_options() is not None else ""
            if text:
                self.log(LogLevel.error, f"TLS {self.noun} handshake error: {text}")
            self.close(ClosedState.TLS_HANDSHAKE_ERROR)
        elif self.closed_state is None:
            done = reason.check(ConnectionDone) is not None
            self.close(ClosedState.CLIENT_CLOSED if done else ClosedState.READ_ERROR)
        self.server.deadlines.cancel(self.linger_deadline)
        self.linger_deadline = None
        self.link = None
        self.table.lost()

    # what the router tells (ILinkHandler)

    def connect_received(self, argument: bytes) -> None:
        """CONNECT: who came to us."""
        raise NotImplementedError

    def info_received(self, argument: bytes) -> None:
        """INFO: the other server's own, or that of a third one."""
        raise NotImplementedError

    def interest_received(self, verb: bytes, argument: bytes) -> None:
        """It wants to hear something, or no longer."""
        raise NotImplementedError

    def interest_missing(self, account: str, subject: bytes) -> None:
        """It sent what nobody wants: only gateways are asked for that."""

    def error_received(self, argument: bytes) -> None:
        """-ERR: the other server does not want us."""
        text = argument.decode("utf-8", "backslashreplace")
        self.log(LogLevel.error, f"{self.title} Error {text}")
        self.close(ClosedState.PARSE_ERROR)

    def operation_before_connect(self) -> bool:
        """Servers say CONNECT first."""
        return False

    def first_ping_received(self) -> None:
        """Of no meaning here."""

    def pong_received(self) -> None:
        """PONG."""
        raise NotImplementedError

    def fault(self, fault: ClientFault) -> None:
        """It did something wrong: say so, and close it if that is what follows."""
        if self.closed_state is not None:
            return
        self._count(fault)
        self.log(LogLevel.error, self._described(fault))
        data = fault.to_bytes()
        if data and self.link is not None:
            self.link.write(data)
        if fault.closed_state is not None:
            self.close(fault.closed_state)

    def _described(self, fault: ClientFault) -> str:
        if isinstance(fault, SlowConsumer) and self.link is not None:
            waiting = self.link.pending_bytes
            return f"Slow Consumer Detected: {waiting} bytes wait for the {self.noun}"
        return fault.detail or fault.wire

    def _count(self, fault: ClientFault) -> None:
        if isinstance(fault, SlowConsumer):
            self.table.slow_consumers += 1
        elif isinstance(fault, StaleConnection):
            self.table.stale_connections += 1

    def blocked_too_long(self, limit: float) -> None:
        """It has accepted nothing for ``limit`` seconds (Sweepable)."""
        waiting = self.link.pending_bytes if self.link is not None else 0
        self.table.slow_consumers += 1
        self.log(
            LogLevel.warn,
            f"Slow Consumer Detected: WriteDeadline of {limit:g}s exceeded with"
            f" {waiting} total bytes.",
        )
        self.close(ClosedState.SLOW_CONSUMER_WRITE_DEADLINE)

    def transmit(self, data: bytes) -> None:
        """Output for a transport the router does not write to itself."""
        self.transport.write(data)

    def stall(self, seconds: float) -> None:
        """A slow reader must not slow the traffic of everybody else: servers are not stalled."""

    def request_info(self, detailed: bool) -> bytes:
        """Who asks is said by the server the asker is connected to."""
        return b""

    def traced(self, direction: str, operation: str, argument: bytes) -> None:
        """A line to or from the other server, for the trace log."""
        options = self.server.options
        if operation == "MSG_PAYLOAD":
            text = tracing.payload_line(
                direction, argument, options.max_traced_msg_len, options.trace_headers
            )
        else:
            text = tracing.trace_line(direction, operation, argument)
        if text:
            _log.debug("{peer} - {text}", trace=True, peer=self.label(), text=text, cid=self.cid)

    # sending

    def send(self, data: bytes) -> None:
        """Queue protocol bytes behind what is queued; the table sees to it that they go."""
        if self.link is not None and data:
            self.link.write(data)
            self.table.flush_soon()

    def send_all(self, lines: Iterable[bytes]) -> None:
        """Queue many of them."""
        pieces: list[bytes] = []
        size = 0
        for line in lines:
            pieces.append(line)
            size += len(line)
            if size > _PIECE:
                self.send(b"".join(pieces))
                pieces.clear()
                size = 0
        self.send(b"".join(pieces))

    # closing

    def close(self, state: ClosedState) -> None:
        """End it for that reason. Idempotent: the first reason counts."""
        if self.closed_state is not None:
            return
        self.closed_state = state
        deadlines, link = self.server.deadlines, self.link
        deadlines.cancel(self.auth_deadline)
        deadlines.cancel(self.ping_deadline)
        self.auth_deadline = self.ping_deadline = None
        self.log(LogLevel.info, f"{self.ending} connection closed: {state.value}", once=True)
        self.table.remove(self)
        if link is not None:
            if not self.native and self.connected:
                self.transport.unregisterProducer()
                link.resume_output()
            if self.connected and state not in _WITHOUT_FLUSH:
                link.flush()
            link.close()
        if self.connected and state in _WITHOUT_FLUSH:
            self.transport.abortConnection()
        elif self.connected:
            self.transport.loseConnection()
            self.linger_deadline = deadlines.add(_LINGER, _linger_over, self)
        self.table.closed(self)

    def abort(self) -> None:
        """Drop the transport, whatever it still holds."""
        if self.connected:
            self.transport.abortConnection()

    # what is known about it

    def label(self) -> str:
        """How its log lines begin."""
        if not self.host:
            return f"pipe - {self.tag}:{self.cid}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port} - {self.tag}:{self.cid}"

    def log(self, level: LogLevel, text: str, *, once: bool = False) -> None:
        """A line about it, unless there were too many; ``once``: there is one of the kind.

        Debug lines cost nothing when nobody reads them, and have no limit when somebody does.
        """
        if level is LogLevel.debug:
            wanted = self.server.options.debug
        else:
            wanted = self.server.faults.admits(self.cid, once=once)
        if wanted:
            _log.emit(level, "{peer} - {text}", peer=self.label(), text=text, cid=self.cid)


def _handshake_timeout(connection: ServerConnection) -> None:
    connection.auth_deadline = None
    connection.log(LogLevel.error, f"TLS {connection.noun} handshake error: timeout")
    connection.close(ClosedState.TLS_HANDSHAKE_ERROR)


def auth_timeout(connection: ServerConnection) -> None:
    """It did not say CONNECT in time."""
    connection.auth_deadline = None
    connection.fault(AuthenticationTimeout())


def _linger_over(connection: ServerConnection) -> None:
    connection.linger_deadline = None
    connection.abort()
