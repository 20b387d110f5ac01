"""Every contract a plugin or a layer of this server relies on.

A message takes this road::

    transport ──feed/fd──▶ ILink ──(match)──▶ ILink ──transmit/fd──▶ transport
                             │ control verbs, faults
                             ▼
                        ILinkHandler (pubsub.client.ClientProtocol)

* :class:`IRouterBackend` is the plugin, :class:`IRouter` the running router of one
  server, :class:`ILink` one peer's half inside it, :class:`ILinkHandler` what the
  router tells the rest of the server about that peer.
* :class:`IAuthenticator` decides who a peer is.
* :class:`ISubjectMapper`, :class:`IInterestListener`, :class:`IMessageHook` are asked
  or told by the router, off its fast path.

Subjects, replies, queue groups and subscription ids (sids) are ``bytes`` without
spaces, as they are on the wire. Times are seconds as ``float``; sizes are bytes.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from zope.interface import Attribute, Interface

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

    from pubsub.errors import ClientFault

__all__ = [
    "ConnectionAttempt",
    "IAuthenticator",
    "IAuthenticatorPlugin",
    "IInterestListener",
    "ILink",
    "ILinkHandler",
    "IMessageHook",
    "IRouter",
    "IRouterBackend",
    "ISubjectMapper",
    "IThreadedAuthenticator",
    "Identity",
    "LinkCounters",
    "LinkOptions",
    "PeerKind",
    "Permissions",
    "RouterSettings",
    "SubscriptionInfo",
    "TrafficCounters",
]

#: The account of everybody who was given no other (nats-server's global account).
GLOBAL_ACCOUNT = "$G"


class PeerKind(enum.IntEnum):
    """What is at the other end of a link."""

    CLIENT = 0
    ROUTE = 1
    GATEWAY = 2
    LEAF = 3
    #: a Python callable inside this process: each message goes to
    #: :meth:`ILinkHandler.message_received`
    INTERNAL = 4
    #: a stream: messages are collected and go to
    #: :meth:`ILinkHandler.batch_received` once a turn
    SINK = 5


@dataclass(frozen=True)
class RouterSettings:
    """The options a router obeys; assign a new one to ``IRouter.settings`` to reload."""

    max_control_line: int = 4096
    #: queued bytes at which a client is a slow consumer
    max_pending: int = 64 * 1024 * 1024
    #: tokens a client's subscription may have, 0 for any number
    max_sub_tokens: int = 0
    #: drop for a consumer above 75 % of max_pending, rather than hold its producers
    no_fast_producer_stall: bool = False
    #: False recomputes every match: nats-server's ``disable_sublist_cache``
    cache: bool = True
    #: the random choice among queue group members starts here; tests fix it
    seed: int = 0


@dataclass(frozen=True)
class LinkOptions:
    """What CONNECT and the identity decide about one peer.

    The defaults are those of a client that has not sent CONNECT
    (nats-server: verbose and pedantic are true when absent).
    """

    verbose: bool = True
    pedantic: bool = True
    echo: bool = True
    headers: bool = False
    no_responders: bool = False
    #: largest payload accepted from it, headers included; -1 for any
    max_payload: int = 1024 * 1024
    #: subscriptions it may hold; 0 or less for any number
    max_subscriptions: int = 0


class SubscriptionInfo(NamedTuple):
    """One subscription, as /connz and /subsz list it."""

    account: str
    cid: int
    sid: bytes
    subject: bytes
    queue: bytes
    delivered: int
    #: removed after that many deliveries, 0 for never
    max: int


class TrafficCounters(NamedTuple):
    """Messages and payload bytes (headers included, CRLF not)."""

    in_msgs: int
    in_bytes: int
    out_msgs: int
    out_bytes: int


class LinkCounters(NamedTuple):
    """What one link has done so far."""

    in_msgs: int
    in_bytes: int
    out_msgs: int
    out_bytes: int
    #: bytes queued and not yet handed to the kernel or the transport
    pending_bytes: int
    subscriptions: int
    #: how often its producers were held back for it
    stalls: int


class IRouterBackend(Interface):
    """A plugin that makes routers. Found with ``twisted.plugin.getPlugins``."""

    name = Attribute("str: what ``router:`` and ``--router`` call it")
    priority = Attribute("int: ``router: auto`` takes the highest that is available")

    def unavailable() -> str:
        """Why it cannot run here, in a sentence for the log; ``""`` if it can."""

    def create(settings: RouterSettings) -> IRouter:
        """A new router without peers.

        :raises pubsub.errors.BackendUnavailable: if it cannot run here.
        """


class IRouter(Interface):
    """Matches subjects and delivers messages for every account of one server."""

    name = Attribute("str: the backend's name")
    settings = Attribute("RouterSettings: assigning applies to all links at once")

    def attach(handler: ILinkHandler, kind: PeerKind, cid: int, account: str) -> ILink:
        """A new link with default :class:`LinkOptions`, bound to ``account``."""

    def publish(account: str, subject: bytes, reply: bytes, headers: bytes, payload: bytes) -> int:
        """Deliver a message of the server's own; how many links it went to.

        ``headers`` is a whole header block, ``NATS/1.0`` to blank line, or ``b""``.
        Its output is written at the next :meth:`flush`.
        """

    def flush() -> None:
        """Write out what is queued on every link. Called once per reactor turn."""

    def set_mapper(account: str, mapper: ISubjectMapper | None) -> None:
        """Map the subject of each message published by clients and leafs of ``account``."""

    def set_hook(hook: IMessageHook | None) -> None:
        """Ask ``hook`` about every message of every client; ``None`` costs nothing."""

    def add_interest_listener(listener: IInterestListener) -> None:
        """Tell ``listener`` of every change of interest from now on."""

    def accounts() -> Sequence[str]:
        """The names of all accounts that ever had a peer, a message or a mapper."""

    def account_counters(account: str) -> TrafficCounters:
        """What the clients of ``account`` have published and received."""

    def counters() -> TrafficCounters:
        """The same over all accounts."""

    def subscriptions(account: str | None = None) -> Iterable[SubscriptionInfo]:
        """Every subscription, by link and then in order of subscribing. Slow."""

    def matching(account: str, subject: bytes) -> Sequence[SubscriptionInfo]:
        """The subscriptions a message on ``subject`` would reach, queue members included."""

    def stats() -> Mapping[str, int | float]:
        """nats-server's ``/subsz`` figures over all accounts: num_subscriptions, num_cache,
        num_inserts, num_removes, num_matches, cache_hit_rate, max_fanout, avg_fanout."""


class ILink(Interface):
    """One peer's half inside the router: input buffer, parser, subscriptions, output.

    Input is either fed with :meth:`feed` or, for plain TCP and a backend that can,
    read from a file descriptor after :meth:`bind`. Output goes to
    :meth:`ILinkHandler.transmit` or that descriptor, in order, whoever queued it.
    """

    cid = Attribute("int: the connection id")
    kind = Attribute("PeerKind: what is at the other end")
    account = Attribute("str; assign to move it (its subscriptions go: clear them first)")
    options = Attribute("LinkOptions; assign to change")
    awaiting_connect = Attribute(
        "bool: True makes anything but CONNECT ask ILinkHandler.operation_before_connect"
    )
    announce_first_ping = Attribute(
        "bool: True makes the next PING call ILinkHandler.first_ping_received after its PONG"
    )
    trace = Attribute("bool: True reports every line to ILinkHandler.traced")
    closed = Attribute("bool: True once close() was called; nothing more goes in or out")
    last_activity = Attribute("float: when it last published, subscribed or unsubscribed; epoch")
    last_input = Attribute("float: when it last sent any of these or a PING; epoch")
    pending_bytes = Attribute("int: queued, not yet handed to the kernel or the transport")
    blocked_since = Attribute(
        "float: monotonic time since when the kernel or transport has accepted nothing, else 0.0"
    )

    def feed(data: bytes) -> None:
        """Parse input, in pieces of any size, and act on it. Flush afterwards."""

    def bind(fd: int, transport: Any) -> bool:
        """Take over reading and writing of a connected, non-blocking TCP socket.

        ``transport`` is a Twisted FileDescriptor whose doRead calls :meth:`read_ready`
        and whose doWrite calls :meth:`write_ready`. False if this backend does not.
        """

    def unbind() -> bytes:
        """Give the descriptor back (for startTLS); input read but not parsed comes back."""

    def read_ready() -> int:
        """The descriptor is readable: 0 go on, 1 end of file, -1 failed (errno is set)."""

    def write_ready() -> int:
        """The descriptor is writable: 0 all written, 1 some left, -1 failed."""

    def write(data: bytes) -> None:
        """Queue protocol bytes (INFO, PING, -ERR) in order with the messages."""

    def flush() -> None:
        """Write out what is queued on this link only."""

    def pause_input() -> None:
        """Keep what arrives without parsing it, e.g. while authentication is pending."""

    def resume_input() -> None:
        """Parse what was kept, and go on."""

    def pause_output() -> None:
        """The transport is full (IPushProducer): keep output here, counted as pending."""

    def resume_output() -> None:
        """The transport has room again: flush."""

    def close() -> None:
        """No more input is parsed, no more messages are queued; subscriptions are removed.

        What is queued may still be flushed. Counters stay readable. Idempotent.
        """

    def subscribe(subject: bytes, queue: bytes, sid: bytes) -> bool:
        """Subscribe without a SUB line (INTERNAL and SINK links); False if the subject is bad."""

    def unsubscribe(sid: bytes, maximum: int = 0) -> None:
        """As UNSUB does; unknown sids are ignored."""

    def publish(subject: bytes, reply: bytes, headers: bytes, payload: bytes) -> int:
        """Publish as this peer, echo rules included; how many links it went to."""

    def clear_subscriptions() -> None:
        """Drop all subscriptions (a second CONNECT)."""

    def subscriptions() -> Sequence[SubscriptionInfo]:
        """Its subscriptions in order of subscribing."""

    def counters() -> LinkCounters:
        """What it has done so far."""

    def set_permissions(
        publish: Callable[[bytes], bool] | None,
        subscribe: Callable[[bytes, bytes], bool] | None,
        deliver: Callable[[bytes], bool] | None,
    ) -> None:
        """Predicates for PUB subjects, SUB (subject, queue) and deliveries; None allows all.

        Answers for subjects are cached until the next call of this method.
        """


class ILinkHandler(Interface):
    """What the router tells about one peer. Called from inside ``feed``/``read_ready``."""

    def connect_received(argument: bytes) -> None:
        """CONNECT with its JSON. May call ``pause_input`` to decide later."""

    def info_received(argument: bytes) -> None:
        """INFO with its JSON: servers send it."""

    def error_received(argument: bytes) -> None:
        """-ERR from the peer."""

    def operation_before_connect() -> bool:
        """Something other than CONNECT came first: True to let it pass (no_auth_user).

        False is followed by :meth:`fault` with AuthorizationViolation.
        """

    def first_ping_received() -> None:
        """See :attr:`ILink.announce_first_ping`."""

    def pong_received() -> None:
        """PONG from the peer."""

    def fault(fault: ClientFault) -> None:
        """The peer did something wrong. Write ``fault.to_bytes()``; close if it closes."""

    def transmit(data: bytes) -> None:
        """Hand output to the transport (links that are not bound to a descriptor)."""

    def stall(seconds: float) -> None:
        """A consumer it publishes to cannot keep up: stop reading from it for that long."""

    def traced(direction: str, operation: str, argument: bytes) -> None:
        """``link.trace`` is on: ``"in"``/``"out"``, the verb or ``MSG_PAYLOAD``, what follows."""

    def message_received(
        sid: bytes, subject: bytes, reply: bytes, headers: bytes, payload: bytes
    ) -> None:
        """INTERNAL links: a message. Raising is logged; others still get theirs."""

    def batch_received(messages: Sequence[tuple[bytes, bytes, bytes, bytes, bytes]]) -> None:
        """SINK links: the same five fields for each message of a turn, in order."""


class ISubjectMapper(Interface):
    """The mappings of one account."""

    def map(subject: bytes) -> tuple[bytes, bool]:
        """The subject it becomes, and whether every message on it becomes the same.

        True lets the router remember the answer until the mapper is replaced.
        """


class IInterestListener(Interface):
    """Routes, gateways and leafs learn here what this server wants to hear."""

    def interest_changed(account: str, subject: bytes, queue: bytes, members: int) -> None:
        """``members`` subscriptions on ``subject`` (in group ``queue``) exist now.

        Plain subjects are told when the number becomes 1 and 0, queue groups at each change.
        """


class IMessageHook(Interface):
    """Sees the messages of clients before they are matched. Third-party code."""

    def publishing(
        link: ILink, subject: bytes, reply: bytes, headers: bytes, payload: bytes
    ) -> bool:
        """False drops the message (the hook may answer through ``link.write``)."""


@dataclass(frozen=True)
class ConnectionAttempt:
    """All an authenticator may know about who is connecting. Immutable."""

    #: the CONNECT fields as sent: ``user``, ``pass``, ``auth_token``, ``jwt``, ``nkey``, ``sig``…
    connect: Mapping[str, Any]
    #: ``"ip:port"`` or the path of a Unix socket, after the PROXY protocol
    peer: str
    kind: PeerKind = PeerKind.CLIENT
    #: STANDARD, WEBSOCKET, LEAFNODE, MQTT, IN_PROCESS…: nats-server's connection types
    connection_type: str = "STANDARD"
    #: what INFO challenged it with, ``b""`` if nothing
    nonce: bytes = b""
    #: its certificate, DER, ``b""`` if it showed none
    tls_certificate: bytes = b""


@dataclass(frozen=True)
class Permissions:
    """Subjects a user may use; ``None`` in allow means all. Entries may hold wildcards."""

    publish_allow: tuple[str, ...] | None = None
    publish_deny: tuple[str, ...] = ()
    subscribe_allow: tuple[str, ...] | None = None
    subscribe_deny: tuple[str, ...] = ()


@dataclass(frozen=True)
class Identity:
    """Who a peer is, once an authenticator says so."""

    user: str = ""
    account: str = GLOBAL_ACCOUNT
    permissions: Permissions | None = None
    #: epoch seconds after which it is disconnected, 0 for never
    expires: float = 0.0
    #: overrides by name: ``max_payload``, ``max_subscriptions``
    limits: Mapping[str, int] = field(default_factory=dict)


class IAuthenticator(Interface):
    """Says who a peer is, at once or later."""

    required = Attribute("bool: INFO says auth_required, and CONNECT must come first")

    def authenticate(attempt: ConnectionAttempt) -> Identity | Deferred[Identity | None] | None:
        """An identity; ``None`` if this authenticator does not know this kind of credentials.

        :raises pubsub.errors.AuthenticationFailed: it knows them, and they are wrong.
        """


class IThreadedAuthenticator(IAuthenticator):
    """An authenticator with slow work to do: it gets threads once, before it is asked."""

    def use_threads(defer_to_thread: Callable[..., Deferred[Any]]) -> None:
        """``defer_to_thread(function, *arguments)`` is Twisted's ``deferToThread``."""


class IAuthenticatorPlugin(Interface):
    """Makes authenticators from the configuration. Found with ``twisted.plugin.getPlugins``."""

    name = Attribute("str: what the configuration calls it")
    order = Attribute("int: built-in authenticators are asked in ascending order")

    def create(options: Any) -> IAuthenticator:
        """The authenticator for these :class:`pubsub.config.options.Options`.

        :raises pubsub.errors.NotConfigured: nothing in them concerns it.
        """
