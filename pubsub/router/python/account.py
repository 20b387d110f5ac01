"""One account: a subject space of its own, with its subscriptions, links and totals."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from pubsub.interfaces import IStreamImports, ISubjectMapper, PeerKind, TrafficCounters
from pubsub.router.python.cache import ResultCache
from pubsub.router.python.index import Result, SubscriptionIndex
from pubsub.router.python.mapping import Mapping
from pubsub.router.python.prefixes import MappedReplies
from pubsub.router.python.subscription import SERVERS, Entry, Subscription
from pubsub.router.subjects import has_wildcard

if TYPE_CHECKING:
    from pubsub.router.python.gateways import Wish
    from pubsub.router.python.link import PythonLink
    from pubsub.router.python.owing import Pending
    from pubsub.router.python.services import ServiceImport

__all__ = ["Account"]


class Account:
    """Everything the router knows by account.

    :ivar version: goes up whenever something changes that a prepared delivery
        (:mod:`pubsub.router.python.fast`) was made from.
    :ivar imports: the streams it imports, ``services`` the services.
    :ivar waiting: requests of other accounts to its services, by the reply they were given;
        all these begin with ``reply_prefix``.
    :ivar owed: its own requests to services of others, by the reply that was asked for; of
        several the last (:mod:`pubsub.router.python.owing`).
    :ivar distant: what servers of other clusters want to hear, ``wishes`` what that means for
        each subject, as of ``wishes_version``.
    :ivar timed: gateways are in use: it counts when subscriptions are made; ``newest`` was last.
    :ivar mapped: replies that were shown to the server itself without the way back.
    """

    __slots__ = (
        "_monotonic", "_notify", "_tell", "cache", "caching", "distant", "hits", "imports", "index",
        "is_system", "linked", "links", "mapped", "mapping", "matches", "name", "newest", "owed",
        "past", "reply_prefix", "services", "timed", "version", "waiting", "wire_name", "wishes",
        "wishes_version",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        caching: bool,
        notify: Callable[[str, bytes, bytes, int], None],
        tell: Callable[[Entry, int], None],
        monotonic: Callable[[], float],
    ) -> None:
        self.name = name
        #: as it stands in the lines of servers
        self.wire_name = name.encode("utf-8", "surrogateescape")
        #: the one account whose clients may publish below ``$NRG.``
        self.is_system = False
        self.version = 1
        self.index = SubscriptionIndex()
        self.cache: ResultCache[Result] = ResultCache()
        self.distant = SubscriptionIndex()
        self.wishes: ResultCache[tuple[Wish, ...]] = ResultCache()
        self.wishes_version = 0
        self.timed = False
        self.newest = -math.inf
        self.mapped: MappedReplies | None = None
        self.caching = caching
        self.matches = 0
        self.hits = 0
        self.mapping: Mapping | None = None
        self.imports: IStreamImports | None = None
        self.services: list[ServiceImport] = []
        self.reply_prefix = b""
        self.waiting: dict[bytes, Pending] = {}
        self.owed: dict[bytes, Pending] = {}
        self._notify = notify
        self._tell = tell
        self._monotonic = monotonic
        self.links: dict[PythonLink, TrafficCounters] = {}
        #: what clients that are gone have published and received
        self.past = TrafficCounters(0, 0, 0, 0)
        #: messages and bytes that other servers brought, and those that were sent to them
        self.linked = {kind: [0, 0, 0, 0] for kind in SERVERS}

    # --- subscriptions ------------------------------------------------------------------

    def insert(self, entry: Entry) -> None:
        """Put it in force and tell who wants to know."""
        if self.timed and entry.local:
            entry.since = self.newest = self._monotonic()
        members = self._index_of(entry).insert(entry)
        self._changed(entry)
        self._tell(entry, entry.weight)
        if (members == 1 or entry.queue) and entry.told:
            self._notify(self.name, entry.subject, entry.queue, members)

    def remove(self, entry: Entry) -> None:
        """The opposite of :meth:`insert`."""
        entry.active = False
        members = self._index_of(entry).remove(entry)
        self._changed(entry)
        self._tell(entry, -entry.weight)
        if (members == 0 or entry.queue) and entry.told:
            self._notify(self.name, entry.subject, entry.queue, members)

    def _changed(self, entry: Entry) -> None:
        self.version += 1
        cache: ResultCache[Any] = self.wishes if _is_distant(entry) else self.cache
        if has_wildcard(entry.subject):
            cache.drop_pattern(entry.subject)
        else:
            cache.drop(entry.subject)

    def _index_of(self, entry: Entry) -> SubscriptionIndex:
        return self.distant if _is_distant(entry) else self.index

    def map_reply(self, reply: bytes) -> bytes:
        """A whole reply is shown to the server itself; the part that is shown."""
        if self.mapped is None:
            self.mapped = MappedReplies(self._monotonic)
        return self.mapped.remember(reply)

    # --- matching -----------------------------------------------------------------------

    def find(self, subject: bytes) -> Result:
        """Everybody a message on ``subject`` reaches; not counted as a match."""
        result = self.cache.results.get(subject)
        if result is None:
            result = self.index.match(subject)
            if self.caching:
                self.cache.keep(subject, result)
        return result

    def match(self, subject: bytes) -> Result:
        """Everybody a message on ``subject`` reaches, counted."""
        self.matches += 1
        self.hits += subject in self.cache.results
        return self.find(subject)

    def set_caching(self, caching: bool) -> None:
        """Whether results are kept."""
        self.version += 1
        self.caching = caching
        if not caching:
            self.cache.clear()
            self.wishes.clear()

    def set_mapper(self, mapper: ISubjectMapper | None) -> None:
        """Replace the mapper, and forget what the old one said."""
        self.version += 1
        self.mapping = Mapping(mapper) if mapper is not None else None

    # --- links and totals ---------------------------------------------------------------

    def enter(self, link: PythonLink) -> None:
        """``link`` belongs to this account from now on."""
        self.links[link] = link.traffic()

    def leave(self, link: PythonLink) -> None:
        """``link`` is gone; what it did here stays counted."""
        self.version += 1
        done = _difference(link.traffic(), self.links.pop(link))
        if link.kind == PeerKind.CLIENT:
            self.past = _sum(self.past, done)

    def counters(self) -> TrafficCounters:
        """What its clients have published and received, gone ones included."""
        total = self.past
        for done in self._traffic():
            total = _sum(total, done)
        return total

    def _traffic(self) -> Iterator[TrafficCounters]:
        for link, before in self.links.items():
            if link.kind == PeerKind.CLIENT:
                yield _difference(link.traffic(), before)


def _is_distant(entry: Entry) -> bool:
    return isinstance(entry, Subscription) and entry.link.kind == PeerKind.GATEWAY


def _sum(one: TrafficCounters, other: TrafficCounters) -> TrafficCounters:
    return TrafficCounters(*(a + b for a, b in zip(one, other, strict=True)))


def _difference(one: TrafficCounters, other: TrafficCounters) -> TrafficCounters:
    return TrafficCounters(*(a - b for a, b in zip(one, other, strict=True)))
