"""One client connection: what its link in the router and its transport want done.

A connection goes through these states, each one way::

    preamble ──▶ ready ──▶ connected ──▶ closed ──▶ lost
        │          │                       ▲
        └──────────┴───────────────────────┘

* preamble: TLS or a PROXY header comes first (:mod:`pubsub.client.preamble`);
* ready: it has a link, INFO was sent (:meth:`ClientProtocol.ready`);
* connected: CONNECT was accepted (:mod:`pubsub.client.connecting`), and the client is somebody
  (:mod:`pubsub.client.becoming`);
* closed: we know why it ends, nothing more is read, the last bytes may still be on their way
  (:mod:`pubsub.client.closing`);
* lost: the transport is gone.

There may be tens of thousands: an idle one is this object, its link and its transport.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import (
    IHalfCloseableProtocol,
    IHandshakeListener,
    IPushProducer,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure
from zope.interface import implementer

from pubsub.client import becoming, closing, connecting, describing, keepalive, tracing
from pubsub.client.context import ClientContext, link_options
from pubsub.client.faultlog import describe_fault
from pubsub.client.preamble import Preamble, PreambleSettings, TlsDetails
from pubsub.client.registry import ConnectionInfo
from pubsub.client.request_info import request_info
from pubsub.client.streaming import StreamEnd
from pubsub.errors import (
    AuthenticationTimeout,
    AuthorizationViolation,
    ClientFault,
    ClosedState,
    MalformedArguments,
    MaximumConnectionsExceeded,
    SlowConsumer,
    StaleConnection,
)
from pubsub.interfaces import GLOBAL_ACCOUNT, Identity, ILink, ILinkHandler, PeerKind
from pubsub.wire.connect import DEFAULT_CONNECT, ConnectError, ConnectOptions, decode_json_object

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

    from pubsub.client.deadlines import Deadline
    from pubsub.values.accounts import AccountOptions

__all__ = ["ClientProtocol"]

_NOBODY = Identity()
_NO_TLS = TlsDetails()

# not one for each connection
_log = Logger()


@implementer(ILinkHandler, IPushProducer, IHalfCloseableProtocol, IHandshakeListener)
class ClientProtocol(StreamEnd, Protocol):
    """A client of this server. Made by :class:`pubsub.client.factory.ClientFactory`.

    :ivar cid: the connection's id.
    :ivar link: its half in the router, ``None`` while the preamble lasts.
    :ivar connect: what CONNECT said; the defaults before it.
    :ivar identity: who it is; nobody before CONNECT.
    :ivar closed_state: why it ended, ``None`` while it is open.
    """

    # The base class has a __dict__, which costs nothing as long as nothing is put there:
    # its own attributes have slots here, too.
    __slots__ = (
        "announced",
        "auth_deadline",
        "authenticating",
        "cid",
        "closed_state",
        "connect",
        "connect_seen",
        "connected",
        "context",
        "factory",
        "first_pong",
        "host",
        "identity",
        "in_process",
        "last_connect",
        "linger_deadline",
        "link",
        "listed",
        "named",
        "native",
        "nonce",
        "paused",
        "ping_deadline",
        "ping_sent",
        "pings_out",
        "port",
        "preamble",
        "rtt",
        "start",
        "tls",
        "tls_first",
        "transport",
    )

    #: reasons for not reading, bits of ``paused``
    AUTHENTICATING = 1
    STALLED = 2
    HELD = 4
    #: of these also nothing is served that was read already
    _UNSERVED = AUTHENTICATING | HELD

    transport: Any
    link: ILink | None

    def __init__(self, context: ClientContext, *, in_process: bool = False) -> None:
        self.context = context
        self.in_process = in_process
        self.connected = 0
        self.transport = None
        self.factory = None
        self.cid = 0
        self.host = ""
        self.port = 0
        self.nonce = b""
        self.start = 0.0
        self.last_connect = 0.0
        self.rtt = 0.0
        self.ping_sent = 0.0
        self.pings_out = 0
        self.paused = 0
        self.link = None
        self.preamble: Preamble | None = None
        self.native = False
        self.tls: TlsDetails = _NO_TLS
        self.tls_first = False
        self.connect: ConnectOptions = DEFAULT_CONNECT
        self.identity: Identity = _NOBODY
        self.connect_seen = False
        #: CONNECT was accepted: names in log lines can be trusted
        self.named = False
        #: the first PING after CONNECT was answered: INFO may come at any time
        self.first_pong = False
        #: its identity is one of the lists' users: it goes when the user goes
        self.listed = False
        #: an observer was told that it is there
        self.announced = False
        self.authenticating: Deferred[Any] | None = None
        self.auth_deadline: Deadline | None = None
        self.ping_deadline: Deadline | None = None
        self.linger_deadline: Deadline | None = None
        self.closed_state: ClosedState | None = None

    # its life

    def connectionMade(self) -> None:
        """A connection was accepted: INFO, unless something has to come before it."""
        context = self.context
        registry, options = context.registry, context.options
        self.cid = registry.next_cid()
        registry.totals.connections += 1
        registry.alive += 1
        self.start = context.wall()
        peer = self.transport.getPeer()
        self.host = getattr(peer, "host", "")
        self.port = getattr(peer, "port", 0)
        if not registry.accepting:
            self.closed_state = ClosedState.SERVER_SHUTDOWN
            closing.abort(self)
            return
        self.debug("Client connection created")
        self.nonce = context.nonce().encode()
        settings = PreambleSettings.from_options(
            options, in_process=self.in_process, peer=self.address()
        )
        if registry.is_full(options.max_connections):
            if not settings.tls_first:
                self.send_info(None, not options.proxy_protocol)
            self.fault(MaximumConnectionsExceeded())
            return
        registry.opened(self)
        context.sweep.start()
        if settings.needed:
            self.preamble = Preamble(settings, self, context.clock, context.allow_handshake)
            self.preamble.start()
        else:
            self._attach()
            self.send_info(None, True)
            self._be_ready()

    def dataReceived(self, data: bytes) -> None:
        """Bytes from a transport the router does not read itself."""
        if self.link is not None:
            self.link.feed(data)
            self.context.router.flush()
        elif self.preamble is not None:
            self.preamble.data_received(data)

    def handshakeCompleted(self) -> None:
        """The TLS layer is up (IHandshakeListener)."""
        if self.preamble is not None:
            self.preamble.handshake_completed(self.context.tls_details(self.transport))

    def readConnectionLost(self) -> None:
        """The peer sends no more (IHalfCloseableProtocol): what it was promised still goes out."""
        if self.preamble is not None:
            self.preamble.connection_lost(None)
        self.close(ClosedState.CLIENT_CLOSED)

    def writeConnectionLost(self) -> None:
        """We never close our half alone (IHalfCloseableProtocol)."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The transport is gone, whoever closed it."""
        self.connected = 0
        if self.closed_state is None and self.preamble is not None:
            self.preamble.connection_lost(reason)
        if self.closed_state is None:
            done = reason.check(ConnectionDone) is not None
            self.close(ClosedState.CLIENT_CLOSED if done else ClosedState.READ_ERROR)
        closing.settle(self)
        self.preamble = None
        # They know each other: without this only the garbage collector would free them.
        self.link = None
        self.context.registry.lost()

    # the preamble's driver (IPreambleDriver)

    def send_info(self, tls_required: bool | None, client_ip: bool) -> None:
        """Send the first INFO."""
        self.send_now(
            self.context.info.render(
                self.cid,
                self.host if client_ip else "",
                self.context.options.max_payload,
                nonce=self.nonce.decode(),
                auth_required=False if self.context.anybody else None,
                tls_required=tls_required,
                tls_available=True if tls_required is False else None,
            )
        )

    def start_tls(self, pending: bytes) -> None:
        """Put TLS under this connection; ``pending`` is what was read of it already."""
        self.context.start_tls(self.transport, self, pending)

    def peer_known(self, host: str, port: int) -> None:
        """The PROXY header says who is there."""
        self.host, self.port = host, port

    def ready(self, rest: bytes) -> None:
        """The preamble is over; ``rest`` was read already."""
        preamble = self.preamble
        if preamble is not None:
            self.tls = preamble.tls_details or _NO_TLS
            self.tls_first = preamble.tls_first
        self.preamble = None
        self._attach()
        self._be_ready()
        if rest and self.link is not None:
            self.link.feed(rest)
            self.context.router.flush()

    def failed(
        self, fault: ClientFault | None, state: ClosedState, log: str, level: LogLevel
    ) -> None:
        """The preamble came to a bad end."""
        if log and level is LogLevel.debug:
            self.debug(log)
        elif log:
            self.context.faults.emit(level, self.label(), log, self.cid)
        if fault is not None:
            self.fault(fault)
        self.close(state)

    def _attach(self) -> None:
        """Get a link, and let the router take the socket over if it can."""
        context, options = self.context, self.context.options
        link = context.router.attach(self, PeerKind.CLIENT, self.cid, GLOBAL_ACCOUNT)
        self.link = link
        link.options = link_options(
            True, True, True, False, False, options.max_payload, options.max_subscriptions
        )
        link.awaiting_connect = context.required
        link.trace = options.trace or options.trace_verbose
        native_link = getattr(self.transport, "native_link", None)
        self.native = native_link is not None and native_link(link)
        if not self.native:
            # so that the transport's buffer stays small, and what waits is counted here
            self.transport.registerProducer(self, True)

    def _be_ready(self) -> None:
        context = self.context
        if self.closed_state is not None:
            return
        if context.required:
            timeout = context.options.authorization.timeout
            self.auth_deadline = context.deadlines.add(timeout, _auth_timeout, self)
        else:
            # It may never send CONNECT, and is somebody all the same.
            context.accounts.register(self, _NOBODY)
        keepalive.plan_ping(self)

    # what the router tells (ILinkHandler)

    def connect_received(self, argument: bytes) -> None:
        """CONNECT."""
        connecting.connect_received(self, argument)

    def info_received(self, argument: bytes) -> None:
        """INFO: clients have nothing to say in it, but it has to be readable."""
        try:
            decode_json_object(argument)
        except ConnectError as error:
            self.fault(MalformedArguments(str(error)))

    def interest_received(self, verb: bytes, argument: bytes) -> None:
        """Only servers tell what they want to hear in that way."""

    def error_received(self, argument: bytes) -> None:
        """-ERR: the client's trouble is logged, and it is closed."""
        text = argument.decode("utf-8", "backslashreplace")
        self.context.faults.emit(LogLevel.error, self.label(), f"Client Error {text}", self.cid)
        self.close(ClosedState.PARSE_ERROR)

    def operation_before_connect(self) -> bool:
        """Something came before CONNECT, which authentication needs, or a ``no_auth_user``."""
        return connecting.operation_before_connect(self)

    def first_ping_received(self) -> None:
        """The first PING after CONNECT was answered: INFO says who the client became."""
        self.first_pong = True
        if self.connect.protocol >= connecting.ASYNC_INFO and self.link is not None:
            self.link.write(self._info(connect_info=True))

    def pong_received(self) -> None:
        """PONG."""
        keepalive.pong_received(self)

    def fault(self, fault: ClientFault) -> None:
        """It did something wrong: log it, tell it, close it if that is what follows."""
        if self.closed_state is not None:
            return
        level, text = describe_fault(fault, self)
        if level is LogLevel.debug:
            self.debug(text)
        else:
            self.context.faults.emit(level, self.label(), text, self.cid)
        self._count(fault)
        data = fault.to_bytes()
        if data:
            if self.link is not None and self.link.trace:
                self.traced("out", "-ERR", fault.wire.encode("utf-8", "surrogateescape"))
            self.send(data)
        if fault.closed_state is not None:
            self.close(fault.closed_state)
        observer = self.context.observer
        if observer is not None and isinstance(fault, AuthorizationViolation) and fault.wire:
            # last, so that it does not hear itself what is told of it
            observer.client_refused(self, fault)

    def transmit(self, data: bytes) -> None:
        """Output for a transport the router does not write to itself."""
        self.transport.write(data)

    def stall(self, seconds: float) -> None:
        """Somebody it publishes to cannot keep up."""
        self.context.registry.totals.stalls += 1
        if not self.paused & self.STALLED and self.closed_state is None:
            self.pause_input(self.STALLED)
            self.context.deadlines.add(seconds, _stall_over, self)

    def hold(self, seconds: float) -> None:
        """Serve it nothing more for that long, not even what was read already."""
        if not self.paused & self.HELD and self.closed_state is None:
            self.pause_input(self.HELD)
            self.context.deadlines.add(seconds, _hold_over, self)

    def request_info(self, detailed: bool) -> bytes:
        """Who asks, for services of other accounts."""
        return request_info(self, detailed)

    def traced(self, direction: str, operation: str, argument: bytes) -> None:
        """A line to or from the client, for the trace log."""
        if operation == "MSG_PAYLOAD":
            options = self.context.options
            text = tracing.payload_line(
                direction, argument, options.max_traced_msg_len, options.trace_headers
            )
        else:
            text = tracing.trace_line(direction, operation, argument)
        if text:
            _log.debug("{peer} - {text}", trace=True, peer=self.label(), text=text, cid=self.cid)

    # sending, reading and not reading

    def send(self, data: bytes) -> None:
        """Queue protocol bytes behind what is queued; the end of the turn flushes them."""
        if self.link is not None:
            self.link.write(data)
        else:
            self.transport.write(data)

    def send_now(self, data: bytes) -> None:
        """Send protocol bytes from outside of a read, where nobody else flushes."""
        self.send(data)
        if self.link is not None:
            self.link.flush()

    def send_async_info(self, *, ldm: bool = False) -> bool:
        """INFO between other things, if this client understands that; whether it does."""
        if (
            self.closed_state is not None
            or not self.first_pong
            or self.connect.protocol < connecting.ASYNC_INFO
        ):
            return False
        self.send_now(self._info(ldm=ldm))
        return True

    def _info(self, *, connect_info: bool = False, ldm: bool = False) -> bytes:
        link, info = self.link, self.context.info
        assert link is not None
        # What an in-process client was told about TLS at first still holds.
        optional = self.in_process and info.info.tls_required and not self.tls_first
        return info.render(
            self.cid,
            self.host,
            link.options.max_payload,
            tls_required=False if optional else None,
            tls_available=True if optional else None,
            ldm=ldm,
            connect_info=connect_info,
            remote_account=link.account if connect_info else "",
            acc_is_sys=connect_info and link.account == self.context.system_account,
        )

    def pause_input(self, reason: int) -> None:
        """Read no more for that reason, until :meth:`resume_input` is told the same."""
        if self.link is not None and reason & self._UNSERVED:
            # a stalled publisher may still be served what was read already
            self.link.pause_input()
        if not self.paused:
            self.transport.pauseProducing()
        self.paused |= reason

    def resume_input(self, reason: int) -> None:
        """That reason for not reading is gone."""
        if not self.paused & reason or self.closed_state is not None:
            return
        self.paused &= ~reason
        served = bool(reason & self._UNSERVED) and not self.paused & self._UNSERVED
        if self.link is not None and served:
            self.link.resume_input()
        if not self.paused and self.closed_state is None:
            self.transport.resumeProducing()
        self.context.router.flush()

    # its account (IAccountMember)

    def account_changed(self, account: AccountOptions) -> None:
        """Its account is another now, or its limits are."""
        becoming.account_changed(self, account)

    # closing

    def close(self, state: ClosedState) -> None:
        """End the connection for that reason. Idempotent: the first reason counts."""
        if self.closed_state is None:
            closing.close(self, state)

    def _count(self, fault: ClientFault) -> None:
        totals = self.context.registry.totals
        if isinstance(fault, SlowConsumer):
            totals.slow_consumers += 1
        elif isinstance(fault, StaleConnection):
            totals.stale_connections += 1
        elif isinstance(fault, AuthorizationViolation):
            totals.authentication_failures += 1

    # what is known about it

    def address(self) -> str:
        """Where it comes from, ``ip:port``."""
        return describing.address(self)

    def label(self) -> str:
        """How its log lines begin."""
        return describing.label(self)

    def describe(self) -> ConnectionInfo:
        """Everything /connz can show, as it is now."""
        return describing.describe(self)

    def certificate(self) -> bytes:
        """The certificate it showed, DER; ``b""`` without one."""
        shown = self.tls.peer_certificates
        return shown[0].der if shown else b""

    def debug(self, text: str) -> None:
        """A debug line about this connection; costs nothing when nobody reads those."""
        if self.context.options.debug:
            _log.debug("{peer} - {text}", peer=self.label(), text=text, cid=self.cid)


def _auth_timeout(client: ClientProtocol) -> None:
    client.auth_deadline = None
    client.fault(AuthenticationTimeout())


def _hold_over(client: ClientProtocol) -> None:
    client.resume_input(client.HELD)


def _stall_over(client: ClientProtocol) -> None:
    client.resume_input(client.STALLED)
