"""One account: a subject space of its own, with its subscriptions, links and totals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from pubsub.interfaces import ISubjectMapper, PeerKind, TrafficCounters
from pubsub.router.python.cache import ResultCache
from pubsub.router.python.index import Result, SubscriptionIndex
from pubsub.router.python.subscription import Subscription
from pubsub.router.subjects import has_wildcard

if TYPE_CHECKING:
    from pubsub.router.python.link import PythonLink

__all__ = ["MAX_MAPPED", "SYSTEM_ACCOUNT", "Account"]

#: The one account whose clients may publish below ``$NRG.``.
SYSTEM_ACCOUNT = "$SYS"

#: Remembered answers of a mapper: as many as results of matching.
MAX_MAPPED = 4096

#: Kinds whose subscriptions say what other servers want, not what this one wants.
_REMOTE = (PeerKind.ROUTE, PeerKind.GATEWAY)


class Account:
    """Everything the router knows by account.

    :ivar version: goes up whenever something changes that a prepared delivery
        (:mod:`pubsub.router.python.fast`) was made from.
    """

    __slots__ = (
        "_mapped",
        "_notify",
        "cache",
        "caching",
        "hits",
        "index",
        "is_system",
        "links",
        "mapper",
        "matches",
        "name",
        "past",
        "version",
    )

    def __init__(
        self, name: str, caching: bool, notify: Callable[[str, bytes, bytes, int], None]
    ) -> None:
        self.name = name
        self.is_system = name == SYSTEM_ACCOUNT
        self.version = 1
        self.index = SubscriptionIndex()
        self.cache = ResultCache()
        self.caching = caching
        self.matches = 0
        self.hits = 0
        self.mapper: ISubjectMapper | None = None
        self._mapped: dict[bytes, bytes] = {}
        self._notify = notify
        self.links: dict[PythonLink, TrafficCounters] = {}
        #: what clients that are gone have published and received
        self.past = TrafficCounters(0, 0, 0, 0)

    # --- subscriptions ------------------------------------------------------------------

    def insert(self, sub: Subscription) -> None:
        """Put a subscription in force and tell who wants to know."""
        members = self.index.insert(sub)
        self._changed(sub, members, told=members == 1)

    def remove(self, sub: Subscription) -> None:
        """The opposite of :meth:`insert`."""
        sub.active = False
        members = self.index.remove(sub)
        self._changed(sub, members, told=members == 0)

    def _changed(self, sub: Subscription, members: int, told: bool) -> None:
        self.version += 1
        if has_wildcard(sub.subject):
            self.cache.drop_pattern(sub.subject)
        else:
            self.cache.drop(sub.subject)
        if (told or sub.queue) and sub.link.kind not in _REMOTE:
            self._notify(self.name, sub.subject, sub.queue, members)

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

    # --- mapping ------------------------------------------------------------------------

    def set_mapper(self, mapper: ISubjectMapper | None) -> None:
        """Replace the mapper, and forget what the old one said."""
        self.version += 1
        self.mapper = mapper
        self._mapped.clear()

    def map(self, subject: bytes) -> bytes:
        """What the mapper makes of ``subject``."""
        mapped = self._mapped.get(subject)
        if mapped is None:
            assert self.mapper is not None
            mapped, cacheable = self.mapper.map(subject)
            if cacheable:
                if len(self._mapped) >= MAX_MAPPED:
                    del self._mapped[next(iter(self._mapped))]
                self._mapped[subject] = mapped
        return mapped

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


def _sum(one: TrafficCounters, other: TrafficCounters) -> TrafficCounters:
    return TrafficCounters(*(a + b for a, b in zip(one, other, strict=True)))


def _difference(one: TrafficCounters, other: TrafficCounters) -> TrafficCounters:
    return TrafficCounters(*(a - b for a, b in zip(one, other, strict=True)))
