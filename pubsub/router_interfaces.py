"""The contracts of a router: what it offers, and whom it asks and tells.

:mod:`pubsub.interfaces` shows them to everybody, beside those of the rest of the server. Whoever
routes needs nothing of accounts, authenticators or the server: nothing of that is imported here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from zope.interface import Attribute, Interface

from pubsub.values.identity import ResponsePermission
from pubsub.values.links import (
    GatewayNames,
    LinkCounters,
    PeerKind,
    RouterSettings,
    SubscriptionInfo,
    TrafficCounters,
)
from pubsub.values.services import ServiceRoute, ShadowSubscription

if TYPE_CHECKING:
    from pubsub.errors import ClientFault

__all__ = [
    "IInterestListener",
    "ILink",
    "ILinkHandler",
    "IMessageHook",
    "IRouter",
    "IRouterBackend",
    "IServiceObserver",
    "IServiceTracker",
    "IStreamImports",
    "ISubjectMapper",
    "ISubscriptionListener",
]


class IRouterBackend(Interface):
    """A plugin that makes routers. Found with ``twisted.plugin.getPlugins``."""

    name = Attribute("str: what ``router:`` and ``--router`` call it")
    priority = Attribute("int: ``router: auto`` takes the highest that is available")

    def unavailable() -> str:
        """Why it cannot run here, in a sentence for the log; ``""`` if it can."""

    def create(settings: RouterSettings) -> IRouter:
        """A new router without peers. Raises BackendUnavailable if it cannot run here."""


class IRouter(Interface):
    """Matches subjects and delivers messages for every account of one server."""

    name = Attribute("str: the backend's name")
    settings = Attribute("RouterSettings: assigning applies to all links at once")
    system_account = Attribute('str: who may publish what is reserved for servers; "$SYS"')

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

    def set_stream_imports(account: str, imports: IStreamImports | None) -> None:
        """Let subscriptions of ``account`` hear streams of others.

        The subscriptions that exist are asked about anew, those to come when they are made.
        """

    def set_service_imports(account: str, routes: Sequence[ServiceRoute]) -> None:
        """Let messages of ``account`` reach services of others; replaces what was set before.

        Requests that are waiting for an answer still get it.
        """

    def expire_responses() -> int:
        """Forget requests to imported services whose time is over, or whose asker is gone;
        how many. Called about once a second, and costs as much as there are requests waiting.
        """

    def set_hook(hook: IMessageHook | None) -> None:
        """Ask ``hook`` about every message of every client; ``None`` costs nothing."""

    def set_tracker(tracker: IServiceTracker | None) -> None:
        """Measure services together with other servers; ``None``: each for itself."""

    def add_interest_listener(listener: IInterestListener) -> None:
        """Tell ``listener`` of every change of interest from now on."""

    def add_subscription_listener(listener: ISubscriptionListener) -> None:
        """Tell ``listener`` of every subscription that comes and goes from now on."""

    def use_gateways(names: GatewayNames, links: Sequence[ILink]) -> None:
        """Send to other clusters over these GATEWAY links, the nearest first; called anew when
        that changes. With ``names``, replies to recent subscriptions are mapped (``_GR_.``)."""

    def accounts() -> Sequence[str]:
        """The names of all accounts that ever had a peer, a message or a mapper."""

    def account_counters(account: str) -> TrafficCounters:
        """What the clients of ``account`` have published and received."""

    def linked_counters(account: str, kind: PeerKind) -> TrafficCounters:
        """What ROUTE, GATEWAY or LEAF links have brought for ``account``, and been sent."""

    def counters() -> TrafficCounters:
        """What the clients of all accounts have published and received."""

    def subscription_count(account: str) -> int:
        """How many stand in the index of ``account``, those for imports included. Quick."""

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
    peer = Attribute("ServerPeer of a ROUTE, GATEWAY or LEAF link; assign to change")
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

    def hear(account: str, subject: bytes, queue: bytes, weight: int, origin: bytes) -> bool:
        """The server at the other end wants to hear that (RS+, LS+); False if the subject is bad.

        Hearing the same again only changes the weight, the number of members of a queue group
        there. ``origin``: the cluster of the leaf it is for (LS+ on routes), else ``b""``.
        Only ROUTE, GATEWAY and LEAF links.
        """

    def unhear(account: str, subject: bytes, queue: bytes, origin: bytes) -> None:
        """It does not any more (RS-, LS-). What was not heard is ignored."""

    def clear_subscriptions() -> None:
        """Drop all subscriptions (a second CONNECT)."""

    def subscriptions() -> Sequence[SubscriptionInfo]:
        """Its subscriptions in order of subscribing."""

    def counters() -> LinkCounters:
        """What it has done so far."""

    def set_permissions(
        publish: Callable[[bytes], bool] | None,
        subscribe: Callable[[bytes, bytes], bool] | None,
        deliver: Callable[[bytes, bytes], bool] | None,
        responses: ResponsePermission | None = None,
    ) -> None:
        """Predicates for PUB subjects, SUB and deliveries (subject, queue); None allows all.

        ``responses``: it may also publish to the reply subjects of what is delivered to it.
        Answers for a subject are cached as long as a link has the same predicate (the same
        object): links of one user should share theirs.
        """

    def forget_request_info() -> None:
        """Ask :meth:`ILinkHandler.request_info` again: what it said is outdated."""


class ILinkHandler(Interface):
    """What the router tells about one peer. Called from inside ``feed``/``read_ready``."""

    def connect_received(argument: bytes) -> None:
        """CONNECT with its JSON. May call ``pause_input`` to decide later."""

    def info_received(argument: bytes) -> None:
        """INFO with its JSON: servers send it."""

    def interest_received(verb: bytes, argument: bytes) -> None:
        """``RS+``, ``RS-``, ``LS+``, ``LS-``, ``A+`` or ``A-`` (upper case) from a server, with
        what follows it; the handler calls ``link.hear`` and ``link.unhear``."""

    def interest_missing(account: str, subject: bytes) -> None:
        """A message came over a GATEWAY link with ``peer.optimistic`` that no plain
        subscription of this cluster wants. Told for each such message."""

    def error_received(argument: bytes) -> None:
        """-ERR from the peer."""

    def operation_before_connect() -> bool:
        """Something other than CONNECT came first: True to let it pass (no_auth_user).

        It may call ``pause_input`` and return True to decide later. False is followed by
        :meth:`fault` with AuthorizationViolation.
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

    def request_info(detailed: bool) -> bytes:
        """nats-server's ClientInfo as JSON, for ``Nats-Request-Info`` of requests to imported
        services; ``detailed`` if the import shares who asks. ``b""`` for no such header.
        """

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


class IStreamImports(Interface):
    """The streams one account imports."""

    def shadows(subject: bytes) -> Sequence[ShadowSubscription]:
        """What a subscription on ``subject``, which may hold wildcards, hears elsewhere."""


class IServiceObserver(Interface):
    """Measures the requests to one imported service: latency tracking."""

    def requested(link: ILink | None, reply: bytes, headers: bytes) -> Any:
        """A request; what is returned is given to the other methods, ``None``: not measured.

        ``link`` is the asker's, ``None`` if the server itself asks. Without ``reply`` there
        will be no answer, and no other method is called.
        """

    def answered(token: Any, link: ILink | None, reply: bytes) -> None:
        """The first answer to a measured request arrived, from ``link``.

        ``reply`` is where: the reply the service was given.
        """

    def unanswered(token: Any, reason: str) -> None:
        """There will be none: ``"no responders"``, ``"timeout"`` or ``"interest lost"``."""


class IServiceTracker(Interface):
    """Told of measured requests that came from another server, and of their answers.

    Their replies begin with ``_R_.`` and end with ``.T``. Nobody else's cost a call.
    """

    mark = Attribute("bytes: ends the replies of requests measured here, .<server>.T or nothing")

    def requested(link: ILink, account: str, subject: bytes, reply: bytes) -> None:
        """The client behind ``link``, in ``account``, gets such a request."""

    def answered(link: ILink, reply: bytes) -> None:
        """The client behind ``link`` publishes on such a reply."""


class IInterestListener(Interface):
    """Routes, gateways and leafs learn here what this server wants to hear."""

    def interest_changed(account: str, subject: bytes, queue: bytes, members: int) -> None:
        """``members`` subscriptions on ``subject`` (in group ``queue``) exist now.

        Plain subjects are told when the number becomes 1 and 0, queue groups at each change.
        """


class ISubscriptionListener(Interface):
    """Routes, gateways and leafs learn here what they have to tell other servers."""

    def subscription_changed(
        link: ILink | None, account: str, subject: bytes, queue: bytes, change: int, origin: bytes
    ) -> None:
        """``change`` more (or less) subscriptions on ``subject`` in group ``queue``.

        ``link``: whose; ``None`` for the router's own that hear answers (``_R_.…``). Shadows of
        imported streams are told with the exporting account; imports of services are not told.
        ``change`` is a difference of weights where ``link`` is that of a server; ``origin`` the
        cluster of the leaf such interest is for. Called after the change.
        """


class IMessageHook(Interface):
    """Sees the messages of clients before they are matched. Third-party code."""

    def publishing(
        link: ILink, subject: bytes, reply: bytes, headers: bytes, payload: bytes
    ) -> bool:
        """False drops the message (the hook may answer through ``link.write``)."""
