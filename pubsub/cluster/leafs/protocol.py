"""One leaf node link: accepted from a leaf node, or made to a hub.

Both kinds go through these states, each one way::

    preamble ──▶ greeting ──▶ joining ──▶ linked ──▶ closed ──▶ lost
       │            │            │                     ▲
       └────────────┴────────────┴─────────────────────┘

* preamble (accepted only): TLS, if it comes before or after INFO (:mod:`pubsub.client.preamble`);
* greeting: the accepting end has sent INFO and waits for CONNECT, the other one waits for INFO;
* joining: CONNECT is on its way or being looked at (:mod:`pubsub.cluster.leafs.accepting`,
  :mod:`pubsub.cluster.leafs.soliciting`);
* linked: it is in its account, and interest is told (:mod:`pubsub.cluster.leafs.interest`);
* closed: we know why it ends; lost: the transport is gone.

Facts: nats-server's ``leafnode.go``.
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
from pubsub.client.context import link_options
from pubsub.client.preamble import Preamble, PreambleSettings, TlsDetails
from pubsub.client.registry import NO_COUNTERS, ConnectionInfo
from pubsub.client.streaming import StreamEnd
from pubsub.cluster.leafs import accepting, hearing, keepalive, soliciting
from pubsub.cluster.leafs.messages import LeafConnect, new_nonce
from pubsub.cluster.leafs.permissions import LeafPermissions
from pubsub.cluster.leafs.request_info import request_info
from pubsub.errors import (
    AuthorizationViolation,
    ClientFault,
    ClosedState,
    LinkRefused,
    PublishPermissionViolation,
    SlowConsumer,
    StaleConnection,
    UnknownProtocolOperation,
)
from pubsub.interfaces import Identity, ILink, ILinkHandler, PeerKind, ServerPeer
from pubsub.wire.connect import DEFAULT_CONNECT, ConnectOptions

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

    from pubsub.client.deadlines import Deadline
    from pubsub.cluster.leafs.context import LeafContext
    from pubsub.cluster.leafs.messages import LeafInfo
    from pubsub.cluster.leafs.remote import LeafRemote
    from pubsub.values.accounts import AccountOptions

__all__ = ["LeafProtocol"]

#: Seconds the other end has to take what it was last sent.
LINGER = 2.0
#: what is not worth waiting for: nothing gets there, or too much would
_WITHOUT_FLUSH = frozenset(
    {
        ClosedState.READ_ERROR,
        ClosedState.WRITE_ERROR,
        ClosedState.SLOW_CONSUMER_PENDING_BYTES,
        ClosedState.SLOW_CONSUMER_WRITE_DEADLINE,
        ClosedState.TLS_HANDSHAKE_ERROR,
    }
)

_log = Logger()


@implementer(ILinkHandler, IPushProducer, IHandshakeListener)
class LeafProtocol(StreamEnd, Protocol):
    """A leaf node link. Made by :class:`pubsub.cluster.leafs.factory.LeafFactory`.

    :param remote: what it was made for, ``None`` if it was accepted.
    :ivar spoke: the other end is our hub.
    :ivar remote_server: the other end's name; ``remote_cluster``: that of its cluster.
    :ivar account: ours, ``""`` before it is known.
    :ivar linked: it is in its account.
    :ivar closed_state: why it ended, ``None`` while it is open.
    """

    transport: Any
    link: ILink | None

    def __init__(self, context: LeafContext, remote: LeafRemote | None = None) -> None:
        self.context = context
        self.remote = remote
        self.link = None
        self.cid = 0
        self.host = ""
        self.port = 0
        self.start = 0.0
        self.rtt = 0.0
        self.ping_sent = 0.0
        self.pings_out = 0
        self.nonce = ""
        self.tls = TlsDetails()
        self.preamble: Preamble | None = None
        #: of a link we made: bytes before the first INFO is complete, and that INFO
        self.greeting: bytes | None = b"" if remote is not None else None
        self.info: LeafInfo | None = None
        self.connect: ConnectOptions = DEFAULT_CONNECT
        self.leaf_connect = LeafConnect()
        self.connect_seen = False
        self.identity = Identity()
        self.account = remote.options.account if remote is not None else ""
        if remote is not None:
            self.identity = Identity(account=self.account)
        self.remote_server = ""
        self.remote_account = ""
        self.remote_cluster = b""
        self.compression = ""
        self.headers = False
        self.spoke = remote is not None and not remote.options.hub
        self.isolated = context.options.isolate_leafnode_interest or (
            remote is not None and remote.options.isolate_leafnode_interest
        )
        self.permissions = LeafPermissions()
        self.linked = False
        self.announced = False
        self.refused = False
        self.authenticating: Deferred[Any] | None = None
        self.deadline: Deadline | None = None
        self.ping_deadline: Deadline | None = None
        self.linger_deadline: Deadline | None = None
        self.closed_state: ClosedState | None = None
        self.native = False
        self.paused = False

    # its life

    def connectionMade(self) -> None:
        """The transport is there."""
        client = self.context.client
        client.registry.alive += 1
        self.cid = client.registry.next_cid()
        self.start = client.wall()
        peer = self.transport.getPeer()
        self.host, self.port = getattr(peer, "host", ""), getattr(peer, "port", 0)
        if self.remote is not None:
            self.remote.leaf = self
        if not client.registry.accepting:
            self.closed_state = ClosedState.SERVER_SHUTDOWN
            self.transport.abortConnection()
            return
        self.context.coming[self.cid] = self
        self.log(f"Leafnode connection created{self._for_account()}", once=True)
        if self.remote is not None:
            soliciting.begin(self)
        else:
            self._greet()

    def _greet(self) -> None:
        """INFO, before or after TLS."""
        tls, client = self.context.options.tls, self.context.client
        self.nonce = new_nonce()
        if tls is None:
            self.send_info(None, False)
            self.ready(b"")
            return
        settings = PreambleSettings(
            tls=True,
            tls_timeout=tls.timeout,
            handshake_first=tls.handshake_first,
            pinned_certs=tls.pinned_certs,
            peer=self.address(),
        )
        self.preamble = Preamble(settings, self, client.clock)
        self.preamble.start()

    def dataReceived(self, data: bytes) -> None:
        """Bytes from a transport the router does not read itself."""
        if self.link is not None:
            self.link.feed(data)
            self.context.client.router.flush()
        elif self.preamble is not None:
            self.preamble.data_received(data)
        elif self.greeting is not None and self.closed_state is None:
            soliciting.greeting_received(self, data)

    def handshakeCompleted(self) -> None:
        """The TLS layer is up (IHandshakeListener)."""
        details = self.context.tls_details(self.transport)
        if self.preamble is not None:
            self.preamble.handshake_completed(details)
        elif self.remote is not None and self.closed_state is None:
            self.tls = details
            soliciting.handshake_completed(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The transport is gone, whoever closed it."""
        self.connected = 0
        if self.closed_state is None and self.preamble is not None:
            self.preamble.connection_lost(reason)
        if self.closed_state is None:
            done = reason.check(ConnectionDone) is not None
            self.close(ClosedState.CLIENT_CLOSED if done else ClosedState.READ_ERROR)
        self.context.client.deadlines.cancel(self.linger_deadline)
        self.linger_deadline = None
        self.preamble = None
        self.link = None
        self.context.client.registry.lost()
        if self.remote is not None:
            self.remote.lost(self)

    def attach(self, rest: bytes) -> None:
        """Get a link, let the router take the socket over if it can, and go on reading."""
        client = self.context.client
        account = self.account or "$G"
        link = client.router.attach(self, PeerKind.LEAF, self.cid, account)
        self.link = link
        self.apply_peer()
        link.trace = client.options.trace or client.options.trace_verbose
        link.awaiting_connect = self.remote is None
        native_link = getattr(self.transport, "native_link", None)
        self.native = native_link is not None and bool(native_link(link))
        if not self.native:
            self.transport.registerProducer(self, True)
        if self.remote is not None:
            soliciting.send_connect(self)
        if rest and self.closed_state is None:
            link.feed(rest)
        client.router.flush()

    def apply_peer(self) -> None:
        """Make the link obey what is known of the other end."""
        link = self.link
        assert link is not None
        options = self.context.client.options
        account = self.context.client.accounts.find(self.account)
        limits = account.limits if account is not None else None
        payload = options.max_payload
        if limits is not None and limits.max_payload >= 0:
            payload = min(payload, limits.max_payload)
        link.options = link_options(False, False, False, self.headers, False, payload, 0)
        link.peer = ServerPeer(
            account=self.account or "$G",
            headers=self.headers,
            origin=self.remote_cluster.decode("utf-8", "surrogateescape"),
            spoke=self.spoke,
            isolated=self.isolated,
        )
        permissions = self.permissions
        link.set_permissions(permissions.receive, None, permissions.deliver, permissions.responses)

    # the preamble's driver (IPreambleDriver)

    def send_info(self, tls_required: bool | None, client_ip: bool) -> None:
        """The first INFO of the accepting end."""
        self.send(accepting.first_info(self))

    def start_tls(self, pending: bytes) -> None:
        """Put TLS under this connection."""
        self.context.serve_tls(self.transport, self, pending)

    def peer_known(self, host: str, port: int) -> None:
        """There are no PROXY headers on this port."""

    def ready(self, rest: bytes) -> None:
        """The accepting end waits for CONNECT now; ``rest`` was read already."""
        if self.preamble is not None:
            self.tls = self.preamble.tls_details or self.tls
        self.preamble = None
        timeout = self.context.options.timeout
        self.deadline = self.context.client.deadlines.add(timeout, accepting.timed_out, self)
        self.attach(rest)

    def failed(
        self, fault: ClientFault | None, state: ClosedState, log: str, level: LogLevel
    ) -> None:
        """The preamble came to a bad end."""
        if log:
            self.log(log, level)
        if fault is not None:
            self.fault(fault)
        self.close(state)

    # what the router tells (ILinkHandler)

    def connect_received(self, argument: bytes) -> None:
        """CONNECT of a leaf node."""
        if self.remote is None and not self.connect_seen:
            accepting.connect_received(self, argument)

    def info_received(self, argument: bytes) -> None:
        """INFO: the accepting end has no use for it."""
        if self.remote is not None:
            soliciting.info_received(self, argument)

    def interest_received(self, verb: bytes, argument: bytes) -> None:
        """The other end wants to hear more, or less."""
        hearing.interest_received(self, verb, argument)

    def error_received(self, argument: bytes) -> None:
        """The other end is not content."""
        hearing.error_received(self, argument)

    def operation_before_connect(self) -> bool:
        """A leaf node begins with CONNECT."""
        return False

    def first_ping_received(self) -> None:
        """Nothing follows the first PING of a leaf node."""

    def pong_received(self) -> None:
        """PONG."""
        keepalive.pong_received(self)

    def fault(self, fault: ClientFault) -> None:
        """It did something wrong: log it, tell it, close it if that is what follows."""
        if self.closed_state is not None:
            return
        if isinstance(fault, PublishPermissionViolation):
            hearing.message_refused(self, fault)
            return
        text = fault.detail or fault.wire
        if isinstance(fault, AuthorizationViolation):
            text = fault.detail or "authentication error"
        elif isinstance(fault, SlowConsumer):
            self.context.figures.slow_consumers += 1
            text = f"Slow Consumer Detected: MaxPending of {self._max_pending()} Exceeded"
        elif isinstance(fault, StaleConnection):
            self.context.figures.stale_connections += 1
        elif isinstance(fault, UnknownProtocolOperation):
            text = f"Leafnode parser ERROR: {text}"
        self.log(text, LogLevel.error)
        data = fault.to_bytes()
        if data:
            self.send(data)
        if fault.closed_state is not None:
            self.close(fault.closed_state)
        observer: Any = self.context.client.observer
        if observer is not None and isinstance(fault, AuthorizationViolation) and fault.wire:
            observer.client_refused(self, fault)

    def refuse(self, text: str, state: ClosedState = ClosedState.PROTOCOL_VIOLATION) -> None:
        """Tell the other end why, and close."""
        self.fault(LinkRefused(text, state))

    def transmit(self, data: bytes) -> None:
        """Output for a transport the router does not write to itself."""
        self.transport.write(data)

    def stall(self, seconds: float) -> None:
        """Other servers are not held back: they have other things to send, too."""

    def request_info(self, detailed: bool) -> bytes:
        """Who asks: this link, whatever the other end says of its clients."""
        return request_info(self, detailed)

    def traced(self, direction: str, operation: str, argument: bytes) -> None:
        """A line to or from the other end, for the trace log."""
        options = self.context.client.options
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
        """Queue protocol bytes behind what is queued, to be flushed soon."""
        if self.link is not None:
            self.link.write(data)
            self.context.flush_soon()
        else:
            self.transport.write(data)

    def tell(self, line: bytes) -> None:
        """Interest (IListeningLeaf)."""
        if line and self.closed_state is None:
            self.send(line)
            if self.link is not None and self.link.trace:
                for each in line.splitlines():
                    verb, _, argument = each.partition(b" ")
                    self.traced("out", verb.decode(), argument)

    # its account

    def join(self) -> ClientFault | None:
        """Be one of its account's leafs; why it cannot, ``None`` if it is."""
        context = self.context
        fault = context.members.register(
            self, self.identity, context.client.accounts.find(self.account)
        )
        if fault is not None:
            return fault
        context.coming.pop(self.cid, None)
        context.linked[self.cid] = self
        self.linked = True
        return None

    def account_changed(self, account: AccountOptions) -> None:
        """Its account is another now (IAccountMember)."""
        if self.link is not None and self.closed_state is None:
            self.apply_peer()

    def announce(self) -> None:
        """Tell the system account, and other clusters, that it is there."""
        if self.remote is None or self.remote.options.hub:
            self.context.account_linked(self.account)
        observer: Any = self.context.client.observer
        if observer is not None:
            self.announced = True
            observer.client_connected(self)

    # closing

    def give_up(self) -> None:
        """Something of ours failed."""
        self.close(ClosedState.PROTOCOL_VIOLATION)

    def close(self, state: ClosedState) -> None:
        """End the link for that reason. Idempotent: the first reason counts."""
        if self.closed_state is not None:
            return
        self.closed_state = state
        context, link = self.context, self.link
        deadlines = context.client.deadlines
        deadlines.cancel(self.deadline)
        deadlines.cancel(self.ping_deadline)
        self.deadline = self.ping_deadline = None
        if self.preamble is not None:
            self.preamble.cancel()
        name = f" - Remote: {self.remote_server}" if self.remote_server else ""
        self.log(f"Leafnode connection closed: {state.value}{name}", once=True)
        context.coming.pop(self.cid, None)
        context.linked.pop(self.cid, None)
        context.members.unregister(self)
        if self.linked:
            context.interest.leave(self, self.account)
        observer: Any = context.client.observer
        if self.announced and observer is not None:
            observer.client_disconnected(self)
        authenticating, self.authenticating = self.authenticating, None
        if authenticating is not None:
            authenticating.cancel()
        self._end(link, state)

    def _end(self, link: ILink | None, state: ClosedState) -> None:
        if link is not None and self.connected and state not in _WITHOUT_FLUSH:
            if not self.native:
                self.transport.unregisterProducer()
                link.resume_output()
            link.flush()
        if link is not None:
            link.close()
            self.context.figures.gone(link.counters())
        if not self.connected:
            return
        if state in _WITHOUT_FLUSH:
            self.transport.abortConnection()
            return
        self.transport.loseConnection()
        deadlines = self.context.client.deadlines
        self.linger_deadline = deadlines.add(LINGER, _linger_over, self)

    # what is known about it

    def _max_pending(self) -> int:
        return self.context.client.options.max_pending

    def _for_account(self) -> str:
        return f" for account: {self.account}" if self.account else ""

    def address(self) -> str:
        """``127.0.0.1:1234``."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def label(self) -> str:
        """What the log calls it."""
        return f"{self.address()} - lid:{self.cid}"

    def log(self, text: str, level: LogLevel = LogLevel.info, *, once: bool = False) -> None:
        """A line about it, unless there were too many; ``once``: there is one of the kind."""
        if self.context.faults.admits(self.cid, once=once):
            _log.emit(level, "{peer} - {text}", peer=self.label(), text=text, cid=self.cid)

    def debug(self, text: str) -> None:
        """A line for the debug log."""
        if self.context.client.options.debug:
            _log.debug("{peer} - {text}", peer=self.label(), text=text, cid=self.cid)

    def describe(self) -> ConnectionInfo:
        """What events and /leafz show of it."""
        link = self.link
        return ConnectionInfo(
            cid=self.cid,
            ip=self.host,
            port=self.port,
            start=self.start,
            last_activity=link.last_activity if link is not None else self.start,
            rtt=self.rtt,
            counters=link.counters() if link is not None else NO_COUNTERS,
            name=self.remote_server,
            user=self.identity.user,
            account=self.account,
            tls=self.tls,
            kind="Leafnode",
            reason=self.closed_state,
        )


def _linger_over(leaf: LeafProtocol) -> None:
    leaf.linger_deadline = None
    if leaf.connected:
        leaf.transport.abortConnection()
