"""One peer's half inside the router: its state, its subscriptions, its output."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from twisted.logger import Logger
from zope.interface import implementer

from pubsub.interfaces import (
    ILink,
    ILinkHandler,
    LinkCounters,
    LinkOptions,
    PeerKind,
    ResponsePermission,
    ServerPeer,
    SubscriptionInfo,
    TrafficCounters,
)
from pubsub.router.introduction import describe_requester
from pubsub.router.python import parser
from pubsub.router.python.account import Account
from pubsub.router.python.hearing import hear, unhear
from pubsub.router.python.message import Message
from pubsub.router.python.owing import lost
from pubsub.router.python.permissions import Decisions, Replies
from pubsub.router.python.prefixes import MappedReplies
from pubsub.router.python.publish import publish_as
from pubsub.router.python.shadows import add_shadows, drop_shadows
from pubsub.router.python.subscription import SERVERS, Heard, HeardKey, Subscription
from pubsub.router.subjects import is_valid_pattern

if TYPE_CHECKING:
    from pubsub.router.python.fast import Plan, Route
    from pubsub.router.python.router import PythonRouter

__all__ = ["PythonLink"]

#: What no versions are.
_NEVER = (0, 0)


@implementer(ILink)
class PythonLink:
    """See :class:`~pubsub.interfaces.ILink`.

    The other modules of this package share its state. Beyond what the interface names:

    :ivar home: the account it is in.
    :ivar state: where its parser stands, with ``verb``, ``kept`` (the unfinished verb or
        argument), ``message`` and ``body`` (the unfinished payload).
    :ivar out: pieces of queued output, ``pending_bytes`` long in all.
    :ivar queued: it is in ``router.dirty``.
    :ivar plans: prepared deliveries by control line (``routes``: by subject), made when
        ``home.version`` and ``gateways.version`` were ``plans_version``; ``ordinary`` says
        whether it may use any.
    :ivar stalled: it was told to stall during this feed.
    :ivar language: what each verb is followed by, by its first byte.
    :ivar is_server: there is a server at the other end.
    :ivar pinned: the account it is for, if it is for one only and its lines do not name it.
    :ivar heard: what the server at the other end wants to hear.
    :ivar abroad: how many of its subscriptions have shadows, by the account they are in.
    :ivar mapped: replies that were shown to it without the way back.
    """

    _log = Logger()

    __slots__ = (
        "_introductions", "_options", "_peer", "_trace", "abroad", "announce_first_ping",
        "awaiting_connect", "backlog", "batch", "blocked_since", "body", "cid", "closed",
        "handler", "heard", "home", "in_bytes", "in_msgs", "input_paused", "is_server",
        "kept", "kind", "language", "last_activity", "last_input", "mapped", "may_deliver",
        "may_publish", "may_subscribe", "message", "ordinary", "out", "out_bytes",
        "out_msgs", "output_paused", "parsing", "pending_bytes", "pinned", "plans",
        "plans_version", "queued", "replies", "router", "routes", "stalled", "stalls",
        "state", "subs", "verb",
    )  # fmt: skip

    def __init__(
        self, router: PythonRouter, handler: ILinkHandler, kind: PeerKind, cid: int, home: Account
    ) -> None:
        self.router = router
        self.handler = handler
        self.kind = kind
        self.is_server = kind in SERVERS
        self.cid = cid
        self.home = home
        self._peer = ServerPeer()
        self.pinned: Account | None = None
        self._options = LinkOptions()
        self._trace = False
        self.awaiting_connect = False
        self.announce_first_ping = False
        self.closed = False
        self.last_activity = self.last_input = router.clock()
        self._start_input()
        self._start_output()
        self.may_publish: Decisions | None = None
        self.may_subscribe: Callable[[bytes, bytes], bool] | None = None
        self.may_deliver: Decisions | None = None
        self.replies: Replies | None = None
        self._introductions: dict[tuple[bool, bool, str], bytes] = {}
        self.subs: dict[bytes, Subscription] = {}
        self.heard: dict[HeardKey, Heard] = {}
        self.abroad: Counter[Account] = Counter()
        self.mapped: MappedReplies | None = None
        home.enter(self)

    def _start_input(self) -> None:
        self.language = parser.LANGUAGES[self.kind]
        self.state = parser.START
        self.verb = b""
        self.kept = b""
        self.message: Message | None = None
        self.body = bytearray()
        self.backlog: deque[bytes] = deque()
        self.parsing = False
        self.input_paused = False
        self.stalled = False
        self.plans: dict[bytes, Plan] = {}
        self.routes: dict[bytes, Route] = {}
        self.plans_version = _NEVER
        self.ordinary = False
        self.in_msgs = 0
        self.in_bytes = 0

    def _start_output(self) -> None:
        self.out: list[bytes] = []
        self.pending_bytes = 0
        self.blocked_since = 0.0
        self.output_paused = False
        self.queued = False
        self.batch: list[tuple[bytes, bytes, bytes, bytes, bytes]] = []
        self.out_msgs = 0
        self.out_bytes = 0
        self.stalls = 0

    # --- what others may change ---------------------------------------------------------

    @property
    def account(self) -> str:
        """Assign to move it: subscriptions do not move along, they go."""
        return self.home.name

    @account.setter
    def account(self, name: str) -> None:
        if name == self.home.name or self.closed:
            return
        self.clear_subscriptions()
        self.forget_request_info()
        self.home.leave(self)
        self.home = self.router.home(name)
        self.home.enter(self)
        self.plans_version = _NEVER

    @property
    def options(self) -> LinkOptions:
        """What CONNECT and the identity decided; assign to change."""
        return self._options

    @options.setter
    def options(self, options: LinkOptions) -> None:
        self._options = options
        self._changed()

    @property
    def peer(self) -> ServerPeer:
        """What is known of the server at the other end; assign to change."""
        return self._peer

    @peer.setter
    def peer(self, peer: ServerPeer) -> None:
        self._peer = peer
        self.pinned = self.router.home(peer.account) if peer.account else None
        self.router.peer_changed(self)

    @property
    def trace(self) -> bool:
        """Whether every line is reported to :meth:`ILinkHandler.traced`."""
        return self._trace

    @trace.setter
    def trace(self, trace: bool) -> None:
        self._trace = trace
        self._changed()

    def set_permissions(
        self,
        publish: Callable[[bytes], bool] | None,
        subscribe: Callable[[bytes, bytes], bool] | None,
        deliver: Callable[[bytes, bytes], bool] | None,
        responses: ResponsePermission | None = None,
    ) -> None:
        """Predicates for PUB subjects, SUB and deliveries (subject, queue); None allows all."""
        decisions = self.router.decisions
        self.may_publish = decisions(publish) if publish is not None else None
        self.may_subscribe = subscribe
        self.may_deliver = decisions(deliver) if deliver is not None else None
        self.replies = None
        if responses is not None:
            self.replies = Replies(responses, self.router.monotonic)
        self._changed()

    def expect_answer(self, reply: bytes) -> None:
        """A message with that reply is delivered: it may be allowed to answer."""
        if self.replies is None or self.may_publish is None or not reply:
            return
        if not self.may_publish.ask(reply):
            self.replies.remember(reply)

    def map_reply(self, reply: bytes) -> bytes:
        """A whole reply is shown to it; the part that is shown. Its own ones lead back."""
        if self.mapped is None:
            self.mapped = MappedReplies(self.router.monotonic)
        subject = self.mapped.remember(reply)
        if subject in self.routes or b" " + subject in self.routes:
            self.plans_version = _NEVER
        return subject

    def request_info(self, detailed: bool, located: bool, service: str) -> bytes:
        """What its handler says about it to imported services; asked once.

        :param located: its place is told in any case.
        :param service: the account whose service asks another one on its behalf.
        """
        kind = (detailed, located, service)
        info = self._introductions.get(kind)
        if info is None:
            try:
                info = describe_requester(self.handler.request_info, *kind)
            except Exception:  # noqa: BLE001 (the request is worth more)
                self._log.failure("Describing requester {cid} failed", cid=self.cid)
                info = b""
            self._introductions[kind] = info
        return info

    def forget_request_info(self) -> None:
        """Ask the handler again: what it said is outdated."""
        self._introductions.clear()

    def _changed(self) -> None:
        """What was prepared for deliveries to it is outdated."""
        self.home.version += 1
        for account in self.abroad:
            account.version += 1

    # --- input --------------------------------------------------------------------------

    def feed(self, data: bytes) -> None:
        """Parse input, in pieces of any size, and act on it."""
        if self.closed:
            return
        if self.parsing or self.input_paused:
            self.backlog.append(bytes(data))
            return
        parser.feed(self, bytes(data))

    def pause_input(self) -> None:
        """Keep what arrives without parsing it."""
        self.input_paused = True

    def resume_input(self) -> None:
        """Parse what was kept, and go on."""
        self.input_paused = False
        if self.backlog and not self.parsing and not self.closed:
            parser.feed(self, self.backlog.popleft())

    def bind(self, fd: int, transport: Any) -> bool:
        """This backend leaves descriptors to the transport."""
        return False

    def unbind(self) -> bytes:
        """It is never bound: nothing was read here."""
        return b""

    def read_ready(self) -> int:
        """It is never bound: an error."""
        return -1

    def write_ready(self) -> int:
        """It is never bound: an error."""
        return -1

    # --- output -------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Queue protocol bytes in order with the messages."""
        if self.closed:
            return
        self.out.append(data)
        self.pending_bytes += len(data)
        self.mark()

    def mark(self) -> None:
        """There is output: take part in the next flush."""
        if not self.queued:
            self.queued = True
            self.router.dirty.append(self)

    def flush(self) -> None:
        """Write out what is queued on this link only."""
        self.queued = False
        if self.batch:
            batch, self.batch = self.batch, []
            try:
                self.handler.batch_received(batch)
            except Exception:  # noqa: BLE001 (anybody's code; the others still get theirs)
                self._log.failure("A handler failed on a batch of {count}", count=len(batch))
        if self.pending_bytes and not self.output_paused:
            data = b"".join(self.out)
            self.out.clear()
            self.pending_bytes = 0
            self.handler.transmit(data)

    def pause_output(self) -> None:
        """The transport is full: keep output here, counted as pending."""
        if not self.output_paused:
            self.output_paused = True
            self.blocked_since = self.router.monotonic()

    def resume_output(self) -> None:
        """The transport has room again: flush."""
        self.output_paused = False
        self.blocked_since = 0.0
        self.flush()

    # --- subscriptions ------------------------------------------------------------------

    def subscribe(self, subject: bytes, queue: bytes, sid: bytes) -> bool:
        """Subscribe without a SUB line; False if the subject is bad."""
        if self.closed or sid in self.subs:
            return not self.closed
        if not is_valid_pattern(subject):
            return False
        sub = Subscription(self, self.home, subject, queue, sid, self.router.next_serial())
        self.subs[sid] = sub
        self.home.insert(sub)
        if self.home.imports is not None and sub.active:
            add_shadows(self.router, self.home.imports, sub)
        return True

    def unsubscribe(self, sid: bytes, maximum: int = 0) -> None:
        """As UNSUB does; unknown sids are ignored."""
        sub = self.subs.get(sid)
        if sub is None:
            return
        if maximum > sub.total:
            sub.limit(maximum)
            self._changed()
        else:
            self.remove(sub)

    def remove(self, sub: Subscription) -> None:
        """Take a subscription out of force, once, and its shadows."""
        if sub.active:
            if self._trace and not isinstance(sub, Heard):
                self.handler.traced("both", "DELSUB", sub.sid)
            drop_shadows(sub)
            if sub.active:  # else somebody who was told was quicker
                if isinstance(sub, Heard):
                    del self.heard[sub.key]
                else:
                    del self.subs[sub.sid]
                home = sub.home
                home.remove(sub)
                if home.owed:
                    lost(home, sub.subject)

    def hear(self, account: str, subject: bytes, queue: bytes, weight: int, origin: bytes) -> bool:
        """The server at the other end wants to hear that; False if the subject is bad."""
        return hear(self, account, subject, queue, weight, origin)

    def unhear(self, account: str, subject: bytes, queue: bytes, origin: bytes) -> None:
        """It does not any more."""
        unhear(self, account, subject, queue, origin)

    def own(self, home: Account | None = None) -> list[Subscription]:
        """All its subscriptions, shadows left out; those in one account if it is given."""
        subs = list(self.subs.values())
        if self.heard:
            subs = sorted([*subs, *self.heard.values()], key=attrgetter("serial"))
        return [sub for sub in subs if home is None or sub.home is home]

    def clear_subscriptions(self) -> None:
        """Drop all subscriptions."""
        for sub in self.own():
            self.remove(sub)

    def subscriptions(self) -> Sequence[SubscriptionInfo]:
        """In order of subscribing."""
        return [sub.info() for sub in self.own()]

    # --- publishing, figures, the end ---------------------------------------------------

    def publish(self, subject: bytes, reply: bytes, headers: bytes, payload: bytes) -> int:
        """Publish as this peer, echo rules included; how many links it went to."""
        if self.closed:
            return 0
        if not self.parsing:
            self.stalled = False
        message = Message.of(subject, reply, headers, payload)
        return publish_as(self, message, headers + payload)

    def traffic(self) -> TrafficCounters:
        """What it has published and received."""
        return TrafficCounters(self.in_msgs, self.in_bytes, self.out_msgs, self.out_bytes)

    def counters(self) -> LinkCounters:
        """What it has done so far."""
        return LinkCounters(
            *self.traffic(), self.pending_bytes, len(self.subs) + len(self.heard), self.stalls
        )

    def close(self) -> None:
        """Stop: nothing more comes in, nothing is queued; what is queued may be flushed."""
        if self.closed:
            return
        self.closed = True
        self.clear_subscriptions()
        self.home.leave(self)
        self.router.detach(self)
        self.backlog.clear()
        self.plans.clear()
        self.routes.clear()
        self.kept = b""
        self.body = bytearray()
