"""The router: its accounts, its links, and one flush for all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter

from twisted.logger import Logger
from zope.interface import implementer

from pubsub.interfaces import (
    GatewayNames,
    IInterestListener,
    ILink,
    ILinkHandler,
    IMessageHook,
    IRouter,
    IServiceTracker,
    IStreamImports,
    ISubjectMapper,
    ISubscriptionListener,
    PeerKind,
    RouterSettings,
    ServiceRoute,
    SubscriptionInfo,
    TrafficCounters,
)
from pubsub.router.python.account import Account
from pubsub.router.python.delivery import distribute
from pubsub.router.python.draw import Draw
from pubsub.router.python.gateways import Gateways
from pubsub.router.python.interned import Interned
from pubsub.router.python.link import PythonLink
from pubsub.router.python.mapping import Mapping as SubjectMapping
from pubsub.router.python.message import Message
from pubsub.router.python.owing import expire
from pubsub.router.python.permissions import Decisions
from pubsub.router.python.returning import answer, whole_reply
from pubsub.router.python.services import ServiceImport
from pubsub.router.python.shadows import add_shadows, drop_shadows
from pubsub.router.python.stats import stats
from pubsub.router.python.subscription import SERVERS, Entry, Heard, Subscription
from pubsub.router.subjects import is_valid_pattern

__all__ = ["PythonRouter"]

_NOTHING = TrafficCounters(0, 0, 0, 0)


@implementer(IRouter)
class PythonRouter:
    """See :class:`~pubsub.interfaces.IRouter`.

    :param clock: seconds since the epoch.
    :param monotonic: seconds that never go back.

    :ivar decisions: makes the memory of a predicate, one for all links that have it.
    :ivar mappings: the same for the mappers of imported streams.
    :ivar routes: the links to other servers of this cluster, ``hubs`` those to servers this
        one is a leaf of, ``gateways`` those to other clusters.
    """

    _log = Logger()
    name = "python"

    def __init__(
        self,
        settings: RouterSettings,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self.clock = clock
        self.monotonic = monotonic
        self.draw = Draw(settings.seed)
        self.decisions: Interned[Callable[..., bool], Decisions] = Interned(Decisions)
        self.mappings: Interned[ISubjectMapper, SubjectMapping] = Interned(SubjectMapping)
        self.hook: IMessageHook | None = None
        self.tracker: IServiceTracker | None = None
        #: links with output, in the order in which they got it
        self.dirty: list[PythonLink] = []
        self._accounts: dict[str, Account] = {}
        #: where messages for accounts go in which nobody here is, or ever was
        self.nobody = Account("", settings.cache, self._notify, self.tell, self.monotonic)
        self._system_account = "$SYS"
        self._links: dict[PythonLink, None] = {}
        self.routes: dict[PythonLink, None] = {}
        self.hubs: dict[PythonLink, None] = {}
        self.gateways = Gateways()
        self._listeners: list[IInterestListener] = []
        self._subscription_listeners: list[ISubscriptionListener] = []
        self._serial = 0
        self._flushing = False

    # --- settings -----------------------------------------------------------------------

    @property
    def settings(self) -> RouterSettings:
        """Assigning applies to all links at once; only the seed is that of the beginning."""
        return self._settings

    @settings.setter
    def settings(self, settings: RouterSettings) -> None:
        self._settings = settings
        for account in self._accounts.values():
            account.set_caching(settings.cache)

    @property
    def system_account(self) -> str:
        """Who may publish what is reserved for servers."""
        return self._system_account

    @system_account.setter
    def system_account(self, name: str) -> None:
        self._system_account = name
        for account in self._accounts.values():
            account.is_system = account.name == name
            account.version += 1

    def set_mapper(self, account: str, mapper: ISubjectMapper | None) -> None:
        """See :meth:`IRouter.set_mapper <pubsub.interfaces.IRouter.set_mapper>`."""
        self.home(account).set_mapper(mapper)

    def set_stream_imports(self, account: str, imports: IStreamImports | None) -> None:
        """See :meth:`IRouter.set_stream_imports <pubsub.interfaces.IRouter.set_stream_imports>`."""
        home = self.home(account)
        home.imports = imports
        for link in sorted(home.links, key=attrgetter("cid")):
            for sub in link.own(home):
                drop_shadows(sub)
                if imports is not None and sub.active:
                    add_shadows(self, imports, sub)

    def set_service_imports(self, account: str, routes: Sequence[ServiceRoute]) -> None:
        """See :meth:`IRouter.set_service_imports <pubsub.interfaces.IRouter.set_service_imports>`.

        :raises ValueError: a route's subject is none.
        """
        home = self.home(account)
        for route in routes:
            if not is_valid_pattern(route.subject):
                raise ValueError(f"{route.subject!r} is no subject a service can be imported on")
        for old in home.services:
            home.remove(old)
        home.services = [
            ServiceImport(home, self.home(route.account), route, self.next_serial())
            for route in routes
        ]
        for new in home.services:
            home.insert(new)

    def expire_responses(self) -> int:
        """See :meth:`IRouter.expire_responses <pubsub.interfaces.IRouter.expire_responses>`."""
        now = self.monotonic()
        return sum(expire(account, now) for account in list(self._accounts.values()))

    def set_hook(self, hook: IMessageHook | None) -> None:
        """See :meth:`IRouter.set_hook <pubsub.interfaces.IRouter.set_hook>`."""
        self.hook = hook
        for account in self._accounts.values():
            account.version += 1

    def set_tracker(self, tracker: IServiceTracker | None) -> None:
        """See :meth:`IRouter.set_tracker <pubsub.interfaces.IRouter.set_tracker>`."""
        self.tracker = tracker

    def add_interest_listener(self, listener: IInterestListener) -> None:
        """Tell ``listener`` of every change of interest from now on."""
        self._listeners.append(listener)

    def _notify(self, account: str, subject: bytes, queue: bytes, members: int) -> None:
        for listener in self._listeners:
            try:
                listener.interest_changed(account, subject, queue, members)
            except Exception:  # noqa: BLE001 (anybody's code; the others are still told)
                self._log.failure("An interest listener failed on {subject!r}", subject=subject)

    def add_subscription_listener(self, listener: ISubscriptionListener) -> None:
        """Tell ``listener`` of every subscription that comes and goes from now on."""
        self._subscription_listeners.append(listener)

    def tell(self, entry: Entry, change: int) -> None:
        """``entry`` came, went, or stands for more or fewer members."""
        if not self._subscription_listeners:
            return
        link: PythonLink | None = None
        if isinstance(entry, Subscription):
            link = entry.link
        elif entry.silent:
            return
        origin = entry.origin if isinstance(entry, Heard) else b""
        account, subject, queue = entry.home.name, entry.subject, entry.queue
        for listener in self._subscription_listeners:
            try:
                listener.subscription_changed(link, account, subject, queue, change, origin)
            except Exception:  # noqa: BLE001 (anybody's code; the others are still told)
                self._log.failure("A subscription listener failed on {subject!r}", subject=subject)

    # --- links --------------------------------------------------------------------------

    def attach(self, handler: ILinkHandler, kind: PeerKind, cid: int, account: str) -> ILink:
        """A new link with default options, bound to ``account``."""
        link = PythonLink(self, handler, kind, cid, self.home(account))
        self._links[link] = None
        if kind == PeerKind.ROUTE:
            self.routes[link] = None
        return link

    def detach(self, link: PythonLink) -> None:
        """``link`` was closed."""
        for links in (self._links, self.routes, self.hubs):
            links.pop(link, None)

    def use_gateways(self, names: GatewayNames, links: Sequence[ILink]) -> None:
        """See :meth:`IRouter.use_gateways <pubsub.interfaces.IRouter.use_gateways>`."""
        self.gateways.use(names, [link for link in links if isinstance(link, PythonLink)])
        for account in self._accounts.values():
            account.timed = True

    def peer_changed(self, link: PythonLink) -> None:
        """What is known of the server at the other end has changed."""
        if link.kind == PeerKind.GATEWAY:
            self.gateways.version += 1
        if link.kind == PeerKind.LEAF and not link.closed:
            self.hubs.pop(link, None)
            if link.peer.spoke:
                self.hubs[link] = None

    def home(self, name: str) -> Account:
        """The account of that name, made if it is new."""
        account = self._accounts.get(name)
        if account is None:
            account = Account(name, self._settings.cache, self._notify, self.tell, self.monotonic)
            self._accounts[name] = account
            account.is_system = name == self._system_account
            account.timed = self.gateways.names is not None
        return account

    def known(self, name: str) -> Account:
        """The account of that name, that of nobody if there is none: servers may name any."""
        return self._accounts.get(name, self.nobody)

    def next_serial(self) -> int:
        """The place of a new subscription in the order of all."""
        self._serial += 1
        return self._serial

    # --- messages -----------------------------------------------------------------------

    def publish(
        self, account: str, subject: bytes, reply: bytes, headers: bytes, payload: bytes
    ) -> int:
        """Deliver a message of the server's own; how many links it went to."""
        home, message = self.home(account), Message.of(subject, reply, headers, payload)
        whole = whole_reply(home, subject)
        if whole is not None:
            message.subject = whole
            return answer(self, home, None, message, headers + payload)
        return distribute(self, home, None, message, headers + payload)

    def flush(self) -> None:
        """Write out what is queued on every link, and what that brings about in turn."""
        if self._flushing:
            return
        self._flushing = True
        try:
            while self.dirty:
                dirty, self.dirty = self.dirty, []
                for link in dirty:
                    self._flush_link(link)
        finally:
            self._flushing = False

    def _flush_link(self, link: PythonLink) -> None:
        try:
            link.flush()
        except Exception:  # noqa: BLE001 (one transport's trouble is not the others')
            self._log.failure("Writing to {cid} failed", cid=link.cid)

    # --- figures ------------------------------------------------------------------------

    def accounts(self) -> Sequence[str]:
        """The names of all accounts that ever had a peer, a message or a mapper."""
        return list(self._accounts)

    def account_counters(self, account: str) -> TrafficCounters:
        """What the clients of ``account`` have published and received."""
        known = self._accounts.get(account)
        return known.counters() if known is not None else _NOTHING

    def linked_counters(self, account: str, kind: PeerKind) -> TrafficCounters:
        """What ROUTE, GATEWAY or LEAF links have brought for ``account``, and been sent."""
        if kind not in SERVERS:
            raise ValueError(f"{kind!r} is no kind of link to a server")
        known = self._accounts.get(account)
        return TrafficCounters(*known.linked[kind]) if known is not None else _NOTHING

    def subscription_count(self, account: str) -> int:
        """How many stand in the index of ``account``, those for imports included."""
        known = self._accounts.get(account)
        return known.index.count if known is not None else 0

    def counters(self) -> TrafficCounters:
        """The same over all accounts."""
        rows = [account.counters() for account in self._accounts.values()]
        return TrafficCounters(*(sum(column) for column in zip((0, 0, 0, 0), *rows, strict=True)))

    def subscriptions(self, account: str | None = None) -> Iterable[SubscriptionInfo]:
        """Every subscription, by link and then in order of subscribing."""
        return list(self._subscriptions(account))

    def _subscriptions(self, account: str | None) -> Iterator[SubscriptionInfo]:
        for link in self._links:
            if link.kind == PeerKind.GATEWAY:
                # Nothing of this cluster's: it is not counted either.
                continue
            for info in link.subscriptions():
                if account is None or info.account == account:
                    yield info

    def matching(self, account: str, subject: bytes) -> Sequence[SubscriptionInfo]:
        """The subscriptions a message on ``subject`` would reach, oldest first."""
        known = self._accounts.get(account)
        if known is None:
            return []
        result = known.index.match(subject)
        entries = [*result.plain, *(sub for members in result.groups for sub in members)]
        subs = [entry for entry in entries if isinstance(entry, Subscription)]
        return [sub.info() for sub in sorted(subs, key=attrgetter("serial"))]

    def stats(self) -> Mapping[str, int | float]:
        """nats-server's ``/subsz`` figures over all accounts."""
        return stats(self._accounts.values())
