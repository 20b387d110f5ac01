"""One route: a connection to another server of the cluster, whoever opened it.

A route goes through these states, each one way::

    handshake (TLS) ──▶ greeting ──▶ member ──▶ closed ──▶ lost
          │                │                      ▲
          └────────────────┴──────────────────────┘

* handshake: with ``cluster { tls }`` TLS comes before everything else;
* greeting: it has a link in the router; CONNECT and INFO are exchanged
  (:mod:`pubsub.cluster.handshake`);
* member: it is in the table of :class:`~pubsub.cluster.members.Members`, which may refuse it as a
  duplicate; interest goes both ways, and messages where there is interest;
* closed: we know why it ends. Interest of the other server is forgotten, and if we have to
  come back to it, that is planned (:mod:`pubsub.cluster.solicit`);
* lost: the transport is gone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHandshakeListener, IPushProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure
from zope.interface import implementer

from pubsub.client import tracing
from pubsub.client.preamble_types import TlsDetails, loss_text
from pubsub.client.streaming import StreamEnd
from pubsub.cluster import handshake, keepalive, obeying
from pubsub.cluster.messages import RouteInfo
from pubsub.config.options import RouteUrl
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
    from pubsub.client.deadlines import Deadline
    from pubsub.cluster.members import Members
    from pubsub.cluster.solicit import Target

__all__ = ["RouteProtocol"]

_log = Logger()

#: A route may have so many times max_pending waiting for it: it carries the traffic of many
#: clients, and closing it loses all that waits. nats-server has no bound at all.
_PENDING_FACTOR = 4
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

_LINK_OPTIONS = LinkOptions(
    verbose=False, pedantic=False, echo=True, headers=True, max_payload=-1, max_subscriptions=0
)


@implementer(ILinkHandler, IPushProducer, IHandshakeListener)
class RouteProtocol(StreamEnd, Protocol):
    """A route. Made by :class:`pubsub.cluster.factory.RouteFactory`.

    :param members: the table of all routes.
    :param target: where we connect to; ``None`` if the other server came to us.
    :ivar solicited: we have to come back when it ends.
    :ivar explicit: the other server is one of ``routes``.
    :ivar url: where the other server is, as soon as that is known.
    :ivar retry: it won over another connection that we would have come back with.
    :ivar info: what the other server said in its INFO, ``None`` before that.
    :ivar pool_idx: its place among the connections to that server, -1 if it has none.
    :ivar no_pool: the other server has no pools: this one carries all accounts.
    :ivar account: it is for this account only, ``""`` for many.
    """

    transport: Any
    link: ILink | None

    def __init__(self, members: Members, target: Target | None = None) -> None:
        self.members = members
        self.context = members.context
        self.connected = 0
        self.transport = None
        self.cid = 0
        self.host = ""
        self.port = 0
        self.start = 0.0
        self.link = None
        self.native = False
        self.tls = TlsDetails()
        self.dialled = target is not None
        self.solicited = target is not None
        self.explicit = target is not None and target.explicit
        self.url: RouteUrl | None = target.url if target is not None else None
        self.account = target.account if target is not None else ""
        self.gossip_mode = target.gossip_mode if target is not None else 0
        self.retry = False
        self.no_reconnect = False
        self.info: RouteInfo | None = None
        self.remote_id = ""
        self.remote_name = ""
        self.lnoc = True
        self.lnocu = True
        self.connect_urls: tuple[str, ...] = ()
        self.pool_idx = -1
        self.no_pool = False
        #: the next connection of the pool is opened when this one has answered a PING
        self.next_target: Target | None = None
        self.heard = obeying.Heard()
        self.rtt = 0.0
        self.ping_sent = 0.0
        self.pings_out = 0
        self.auth_deadline: Deadline | None = None
        self.ping_deadline: Deadline | None = None
        self.linger_deadline: Deadline | None = None
        self.closed_state: ClosedState | None = None

    # its life

    def connectionMade(self) -> None:
        """Connected: TLS first, if so configured."""
        context = self.context
        self.cid = context.next_cid()
        self.start = context.wall()
        peer = self.transport.getPeer()
        self.host = getattr(peer, "host", "")
        self.port = getattr(peer, "port", 0)
        self.members.connected(self)
        if self.members.closing:
            self.no_reconnect = True
            self.close(ClosedState.SERVER_SHUTDOWN)
            return
        tls = context.options.cluster.tls
        if tls is None:
            self._greet()
            return
        self.auth_deadline = context.deadlines.add(tls.timeout, _handshake_timeout, self)
        if not self.dialled:
            context.serve_tls(self.transport, self)
        elif self.url is not None:
            context.join_tls(self.transport, self, self.url.host)

    def handshakeCompleted(self) -> None:
        """The TLS layer is up (IHandshakeListener)."""
        self.context.deadlines.cancel(self.auth_deadline)
        self.auth_deadline = None
        self.tls = self.context.tls_details(self.transport)
        tls = self.context.options.cluster.tls
        pins = tls.pinned_certs if tls is not None else frozenset()
        shown = self.tls.peer_certificates
        if pins and (not shown or shown[0].spki_sha256 not in pins):
            self.log(LogLevel.error, "TLS handshake error: certificate not pinned")
            self.close(ClosedState.TLS_HANDSHAKE_ERROR)
            return
        self._greet()

    def _greet(self) -> None:
        context = self.context
        link = context.router.attach(self, PeerKind.ROUTE, self.cid, GLOBAL_ACCOUNT)
        self.link = link
        link.options = _LINK_OPTIONS
        link.peer = ServerPeer(account=self.account)
        link.awaiting_connect = not self.dialled
        link.trace = context.options.trace or context.options.trace_verbose
        native_link = getattr(self.transport, "native_link", None)
        self.native = native_link is not None and native_link(link)
        if not self.native:
            self.transport.registerProducer(self, True)
        self.log(LogLevel.info, "Route connection created")
        handshake.greet(self)
        keepalive.plan_first_ping(self)

    def dataReceived(self, data: bytes) -> None:
        """Bytes from a transport the router does not read itself."""
        if self.link is not None:
            self.link.feed(data)
            self.context.router.flush()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The transport is gone, whoever closed it."""
        self.connected = 0
        if self.closed_state is None and self.link is None:
            text = loss_text(reason) if self.context.options.cluster.tls else ""
            if text:
                self.log(LogLevel.error, f"TLS route handshake error: {text}")
            self.close(ClosedState.TLS_HANDSHAKE_ERROR)
        elif self.closed_state is None:
            done = reason.check(ConnectionDone) is not None
            self.close(ClosedState.CLIENT_CLOSED if done else ClosedState.READ_ERROR)
        self.context.deadlines.cancel(self.linger_deadline)
        self.linger_deadline = None
        self.link = None
        self.members.lost()

    # what the router tells (ILinkHandler)

    def connect_received(self, argument: bytes) -> None:
        """CONNECT: who came to us."""
        handshake.connect_received(self, argument)

    def info_received(self, argument: bytes) -> None:
        """INFO: the other server's own, or that of a third one."""
        handshake.info_received(self, argument)

    def interest_received(self, verb: bytes, argument: bytes) -> None:
        """It wants to hear something, or no longer."""
        obeying.interest_received(self, verb, argument)

    def error_received(self, argument: bytes) -> None:
        """-ERR: the other server does not want us."""
        text = argument.decode("utf-8", "backslashreplace")
        self.log(LogLevel.error, f"Route Error {text}")
        self.close(ClosedState.PARSE_ERROR)

    def operation_before_connect(self) -> bool:
        """Servers say CONNECT first."""
        return False

    def first_ping_received(self) -> None:
        """Of no meaning here."""

    def pong_received(self) -> None:
        """PONG."""
        keepalive.pong_received(self)

    def fault(self, fault: ClientFault) -> None:
        """It did something wrong: say so, and close it if that is what follows."""
        if self.closed_state is not None:
            return
        if isinstance(fault, SlowConsumer) and not self._too_much_waits():
            return
        self._count(fault)
        self.log(LogLevel.error, self._described(fault))
        data = fault.to_bytes()
        if data and self.link is not None:
            self.link.write(data)
        if fault.closed_state is not None:
            self.close(fault.closed_state)

    def _too_much_waits(self) -> bool:
        most = self.context.options.max_pending * _PENDING_FACTOR
        return self.link is not None and self.link.pending_bytes > most

    def _described(self, fault: ClientFault) -> str:
        if isinstance(fault, SlowConsumer) and self.link is not None:
            return f"Slow Consumer Detected: {self.link.pending_bytes} bytes wait for the route"
        return fault.detail or fault.wire

    def _count(self, fault: ClientFault) -> None:
        if isinstance(fault, SlowConsumer):
            self.members.slow_consumers += 1
        elif isinstance(fault, StaleConnection):
            self.members.stale_connections += 1

    def blocked_too_long(self, limit: float) -> None:
        """It has accepted nothing for ``limit`` seconds (Sweepable)."""
        waiting = self.link.pending_bytes if self.link is not None else 0
        self.members.slow_consumers += 1
        self.log(
            LogLevel.warn,
            f"Slow Consumer Detected: WriteDeadline of {limit:g}s exceeded"
            f" with {waiting} total bytes.",
        )
        self.close(ClosedState.SLOW_CONSUMER_WRITE_DEADLINE)

    def transmit(self, data: bytes) -> None:
        """Output for a transport the router does not write to itself."""
        self.transport.write(data)

    def stall(self, seconds: float) -> None:
        """A slow reader must not slow the traffic of everybody else: routes are not stalled."""

    def request_info(self, detailed: bool) -> bytes:
        """Who asks is said by the server the asker is connected to."""
        return b""

    def traced(self, direction: str, operation: str, argument: bytes) -> None:
        """A line to or from the other server, for the trace log."""
        options = self.context.options
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
        """Queue protocol bytes behind what is queued; the members see to it that they go."""
        if self.link is not None and data:
            self.link.write(data)
            self.members.flush_soon()

    # closing

    def close(self, state: ClosedState) -> None:
        """End the route for that reason. Idempotent: the first reason counts."""
        if self.closed_state is not None:
            return
        self.closed_state = state
        deadlines, link = self.context.deadlines, self.link
        deadlines.cancel(self.auth_deadline)
        deadlines.cancel(self.ping_deadline)
        self.auth_deadline = self.ping_deadline = None
        self.log(LogLevel.info, f"Router connection closed: {state.value}")
        self.members.remove(self)
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
        self.members.closed(self)

    def abort(self) -> None:
        """Drop the transport, whatever it still holds."""
        if self.connected:
            self.transport.abortConnection()

    # what is known about it

    def label(self) -> str:
        """How its log lines begin."""
        if not self.host:
            return f"pipe - rid:{self.cid}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port} - rid:{self.cid}"

    def log(self, level: LogLevel, text: str) -> None:
        """A line about this route; debug lines cost nothing when nobody reads them."""
        if level is not LogLevel.debug or self.context.options.debug:
            _log.emit(level, "{peer} - {text}", peer=self.label(), text=text, cid=self.cid)


def _handshake_timeout(route: RouteProtocol) -> None:
    route.auth_deadline = None
    route.log(LogLevel.error, "TLS route handshake error: timeout")
    route.close(ClosedState.TLS_HANDSHAKE_ERROR)


def auth_timeout(route: RouteProtocol) -> None:
    """It did not say CONNECT in time."""
    route.auth_deadline = None
    route.fault(AuthenticationTimeout())


def _linger_over(route: RouteProtocol) -> None:
    route.linger_deadline = None
    route.abort()
