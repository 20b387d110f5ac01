"""The table of routes: which servers are members of the cluster, and by which connections.

To each other server there is one connection, or a pool of them, each for some accounts, and one
for each account of ``accounts`` (the system account among them) alone. Two servers that connect
to each other at once have one too many: which one stays is decided here, as nats-server does
(addRoute, handleDuplicateRoute), and the one that stays inherits the duty to come back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.logger import Logger, LogLevel

from pubsub.cluster import gossip, handshake, obeying
from pubsub.cluster.admitting import reconsider
from pubsub.cluster.introduction import introduction
from pubsub.cluster.keepalive import send_ping
from pubsub.cluster.messages import RouteInfo, info_line
from pubsub.cluster.pools import pool_index
from pubsub.cluster.solicit import Solicitor, Target
from pubsub.cluster.sweep import BlockedSweep
from pubsub.cluster.telling import Telling
from pubsub.cluster.urls import ClientUrls, split_advertised
from pubsub.config.options import ClusterOptions, RouteUrl
from pubsub.errors import ClosedState, LinkRefused
from pubsub.interfaces import LinkCounters

if TYPE_CHECKING:
    from pubsub.cluster.context import ClusterContext
    from pubsub.cluster.protocol import RouteProtocol

__all__ = ["Members", "Remote"]


#: A pool of more connections than that helps nobody, and its table would be filled on the word
#: of another server.
MOST_CONNECTIONS = 1024


class Remote:
    """Another server, and our connections to it.

    :ivar pool: by index; ``None`` where there is no connection (yet).
    :ivar dedicated: those for one account, by its name.
    """

    def __init__(self, server_id: str, size: int) -> None:
        self.server_id = server_id
        self.pool: list[RouteProtocol | None] = [None] * size
        #: for clients
        self.connect_urls: tuple[str, ...] = ()
        #: for leaf nodes
        self.leafnode_urls: tuple[str, ...] = ()
        #: for other clusters
        self.gateway_url = ""

    def connections(self) -> list[RouteProtocol]:
        """Those of the pool."""
        return [route for route in self.pool if route is not None]

    def any(self) -> RouteProtocol | None:
        """The first there is."""
        return next(iter(self.connections()), None)


class Members:
    """All routes of one server.

    :ivar urls: what clients are told.
    :ivar leafnode_urls: likewise leaf nodes: where they may connect to other members.
    :ivar port: where we listen for routes.
    :ivar alive: transports that exist.
    :ivar closing: the server ends: no new routes.
    :ivar slow_consumers: routes that were closed because they did not keep up.
    :ivar stale_connections: routes whose other end answered no more.
    """

    _log = Logger()

    def __init__(self, context: ClusterContext) -> None:
        self.context = context
        self.remotes: dict[str, Remote] = {}
        #: connections for one account: by its name and the other server's id
        self.dedicated: dict[str, dict[str, RouteProtocol]] = {}
        self.urls = ClientUrls()
        self.leafnode_urls = ClientUrls()
        self.port = 0
        self.alive = 0
        self.slow_consumers = 0
        self.stale_connections = 0
        self.closing = False
        #: all connections that are open, members or not yet
        self.open: dict[int, RouteProtocol] = {}
        #: what routes that are gone have done
        self.past = LinkCounters(0, 0, 0, 0, 0, 0, 0)
        self.solicitor = Solicitor(self)
        self.telling = Telling(self)
        self.sweep = BlockedSweep(
            context.deadlines, self._write_deadline, self.open.values, lambda: context.monotonic()
        )
        self._flushing = False
        self._all_lost: list[Deferred[None]] = []
        self._pin_accounts()

    def _pin_accounts(self) -> None:
        """Each of ``accounts`` has connections of its own, and so has the system account."""
        options = self.context.options.cluster
        if options.pool_size > 0:
            system = (self.context.system_account,) if self.context.system_account else ()
            for account in (*options.accounts, *system):
                self.dedicated.setdefault(account, {})

    def start(self) -> None:
        """Connect to the servers of ``routes``."""
        self.connect_to(self.context.options.cluster.routes)

    def connect_to(self, urls: Iterable[RouteUrl]) -> None:
        """Connect to these servers of ``routes``."""
        for url in urls:
            for account in ("", *self.dedicated):
                self.solicitor.solicit(Target(url, True, account))

    # what the others want to know

    @property
    def pool_size(self) -> int:
        """Connections we want to each server, those for one account not counted."""
        return max(1, self.context.options.cluster.pool_size)

    def routes(self) -> Iterator[RouteProtocol]:
        """All routes that are members."""
        for remote in self.remotes.values():
            yield from remote.connections()
        for by_server in self.dedicated.values():
            yield from by_server.values()

    def first_routes(self) -> list[RouteProtocol]:
        """One route to each other server."""
        firsts = (remote.any() for remote in self.remotes.values())
        return [route for route in firsts if route is not None]

    def carriers(self, account: str) -> Iterator[RouteProtocol]:
        """The route of each other server that carries this account."""
        dedicated = self.dedicated.get(account)
        if dedicated is not None:
            yield from dedicated.values()
        index = pool_index(account, self.pool_size)
        for remote in self.remotes.values():
            first = remote.pool[0]
            if first is not None and first.no_pool:
                yield first
            elif dedicated is None and index < len(remote.pool):
                route = remote.pool[index]
                if route is not None:
                    yield route

    def carries(self, route: RouteProtocol, account: str) -> bool:
        """Whether this route is the one for this account."""
        if route.account:
            return route.account == account
        if route.no_pool:
            return True
        return account not in self.dedicated and (
            pool_index(account, self.pool_size) == route.pool_idx
        )

    def introduce(self, route: RouteProtocol, pool_idx: int = 0) -> bytes:
        """Our INFO for that route."""
        return introduction(
            self, account=route.account, pool_idx=pool_idx, gossip_mode=route.gossip_mode
        )

    def address(self) -> tuple[str, int, str]:
        """Host, port and, if one is advertised, URL for other servers to reach us at."""
        options = self.context.options.cluster
        if not options.advertise:
            return options.host, self.port, ""
        host, port = split_advertised(options.advertise, self.port)
        return host, port, f"{RouteUrl(host, port)}/"

    def _write_deadline(self) -> float:
        options = self.context.options
        return options.cluster.write_deadline or options.write_deadline

    # coming

    def connected(self, route: RouteProtocol) -> None:
        """A transport exists."""
        self.alive += 1
        self.open[route.cid] = route
        self.sweep.start()

    def join(self, route: RouteProtocol, info: RouteInfo, *, send_info: bool) -> None:
        """It introduced itself: it becomes a member, or is closed.

        :param send_info: our INFO waits for this.
        """
        pool = info.pool_size > 0 and self.context.options.cluster.pool_size > 0
        complaint = self._complaint(route, info, pool)
        if complaint:
            route.no_reconnect = route.no_reconnect or bool(route.account and not pool)
            route.fault(LinkRefused(complaint, ClosedState.PROTOCOL_VIOLATION))
            return
        if route.account:
            joined = self._join_dedicated(route, info, send_info)
        else:
            joined = self._join_pool(route, info, pool, send_info)
        route.gossip_mode = 0
        if joined:
            route.log(LogLevel.debug, f'Registering remote route "{info.server_id}"')
        else:
            route.log(LogLevel.debug, f'Detected duplicate remote route "{info.server_id}"')
            route.close(ClosedState.DUPLICATE_ROUTE)

    def _complaint(self, route: RouteProtocol, info: RouteInfo, pool: bool) -> str:
        size = max(self.pool_size, info.pool_size)
        if not pool and route.account:
            return (
                f'Not possible to have a dedicated route for account "{route.account}"'
                " between those servers"
            )
        if route.account and route.account not in self.dedicated:
            return f'No route for account "{route.account}"'
        if info.pool_size > MOST_CONNECTIONS:
            return f"Invalid route pool size: {info.pool_size}"
        if pool and route.dialled and info.pool_idx:
            return f"Route pool index should not be set but is set to {info.pool_idx}"
        if pool and not 0 <= info.pool_idx < size:
            return f"Invalid route pool index: {info.pool_idx} - pool size is {info.pool_size}"
        return ""

    def _join_dedicated(self, route: RouteProtocol, info: RouteInfo, send_info: bool) -> bool:
        others = self.dedicated[route.account]
        there = others.get(info.server_id)
        if there is not None:
            _is_duplicate(there, route, no_reconnect=True)
            return False
        others[info.server_id] = route
        if send_info:
            route.send(self.introduce(route))
        if len(others) > 1:
            gossip.forward(self, route, info)
        self.telling.tell_all(route)
        return True

    def _join_pool(
        self, route: RouteProtocol, info: RouteInfo, pool: bool, send_info: bool
    ) -> bool:
        size = max(self.pool_size, info.pool_size) if pool else 1
        remote = self.remotes.get(info.server_id)
        first = remote is None or remote.any() is None
        if remote is None:
            remote = self.remotes[info.server_id] = Remote(info.server_id, size)
        remote.pool += [None] * (size - len(remote.pool))
        index = self._place(remote, route, info, pool)
        if index < 0:
            return False
        route.no_pool = not pool
        route.pool_idx = index
        route.connect_urls = info.connect_urls
        remote.pool[index] = route
        if send_info:
            route.send(self.introduce(route, index))
        if first:
            self._new_member(remote, route, info)
        self.telling.tell_all(route)
        if pool and route.dialled and len(remote.connections()) < size and route.url is not None:
            route.next_target = Target(route.url, route.explicit, gossip_mode=route.gossip_mode)
            send_ping(route)
        return True

    def _place(self, remote: Remote, route: RouteProtocol, info: RouteInfo, pool: bool) -> int:
        """Its index in the pool, -1 if there is one too many."""
        if not pool:
            there = remote.any()
            if there is None:
                return 0
            _is_duplicate(there, route, no_reconnect=True)
            return -1
        if not route.dialled:
            there = remote.pool[info.pool_idx]
            if there is not None:
                _is_duplicate(there, route, no_reconnect=False)
                return -1
            for other in remote.connections():
                if other.solicited and other.url is not None:
                    _inherit(route, other.url, other.explicit)
                    break
            return info.pool_idx
        for other in remote.connections():
            if route.url is not None:
                _inherit(other, route.url, route.explicit)
        for index, place in enumerate(remote.pool):
            if place is None:
                return index
        route.no_reconnect = True
        return -1

    def _new_member(self, remote: Remote, route: RouteProtocol, info: RouteInfo) -> None:
        gateways = self.context.gateways
        remote.gateway_url = info.gateway_url
        if gateways is not None:
            gateways.add_url(remote.gateway_url)
        if len(self.remotes) > 1:
            gossip.forward(self, route, info)
        if gateways is not None:
            gateways.tell_member(route)
        remote.connect_urls = info.connect_urls
        self._change_urls(self.urls.add(info.connect_urls))
        remote.leafnode_urls = info.leafnode_urls
        if self.leafnode_urls.add(remote.leafnode_urls):
            self.context.leafnode_urls_changed()

    def told_of(self, info: RouteInfo, *, no_pool: bool) -> None:
        """A member told us of a third server."""
        gossip.told_of(self, info, no_pool=no_pool)

    def account_requested(self, route: RouteProtocol, info: RouteInfo) -> None:
        """It reloads, and gives an account a connection of its own: so do we from now on.

        What it wanted to hear in that account on other connections ends; it says it anew.
        """
        account = info.account
        if not account:
            return
        if not self.context.account_known(account):
            route.log(LogLevel.error, f'Error looking up account "{account}"')
            return
        self.dedicated.setdefault(account, {})
        remote = self.remotes.get(info.server_id)
        for other in remote.connections() if remote is not None else ():
            if other.link is not None and not other.no_pool:
                self.telling.forget(other, account)
        members = {name: value for name, value in info.members.items() if name != "route_account"}
        route.send(info_line(members))

    def permissions_changed(self, route: RouteProtocol, info: RouteInfo) -> None:
        """It may export more now: what we did not ask for because it could not."""
        if route.info is not None and info.permissions != route.info.permissions:
            before, route.info = route.info, replace(route.info, permissions=info.permissions)
            self.telling.tell_more(route, before.permissions, info.permissions)

    # going

    def reloaded(self, old: ClusterOptions) -> None:
        """Obey the options as they are now; those of before were ``old``."""
        options = self.context.options.cluster
        self.solicitor.reconsider()
        terms = handshake.terms(options)
        asked_anew = (terms, options.tls) != (handshake.terms(old), old.tls)
        for route in list(self.open.values()):
            if route.explicit and route.url in old.routes and route.url not in options.routes:
                route.no_reconnect = True
                route.close(ClosedState.ROUTE_REMOVED)
            elif asked_anew and route.remote_id and not route.dialled:
                reconsider(route, terms)
        self.connect_to(url for url in options.routes if url not in old.routes)
        if options.permissions != old.permissions:
            self.telling.tell_imports(old.permissions)
            line = introduction(self)
            for route in list(self.routes()):
                obeying.forget_forbidden(route)
                route.send(line)

    def leaving(self, route: RouteProtocol) -> None:
        """It is in lame duck mode: clients are not sent there any more."""
        remote = self.remotes.get(route.remote_id)
        if remote is not None:
            urls, remote.connect_urls = remote.connect_urls, ()
            self._change_urls(self.urls.remove(urls))

    def remove(self, route: RouteProtocol) -> None:
        """It is closed: it is no member any more."""
        self.open.pop(route.cid, None)
        link = route.link
        if link is not None:
            sums = (a + b for a, b in zip(self.past, link.counters(), strict=True))
            self.past = LinkCounters(*sums)._replace(pending_bytes=0, subscriptions=0)
        if route.account:
            others = self.dedicated.get(route.account, {})
            if others.get(route.remote_id) is route:
                del others[route.remote_id]
            return
        remote = self.remotes.get(route.remote_id)
        if remote is None or not 0 <= route.pool_idx < len(remote.pool):
            return
        if remote.pool[route.pool_idx] is not route:
            return
        remote.pool[route.pool_idx] = None
        if remote.any() is None:
            del self.remotes[route.remote_id]
            if self.context.gateways is not None:
                self.context.gateways.remove_url(remote.gateway_url)
            self._change_urls(self.urls.remove(remote.connect_urls))
            if self.leafnode_urls.remove(remote.leafnode_urls):
                self.context.leafnode_urls_changed()

    def closed(self, route: RouteProtocol) -> None:
        """It is closed and out of the table: come back, if we have to (nats-server: reconnect)."""
        retry_implicit = route.retry or (route.solicited and not route.explicit)
        if self.closing or route.no_reconnect or not (route.solicited or retry_implicit):
            return
        url = route.url
        if url is None or route.remote_id == self.context.server_id:
            return
        if self.context.options.cluster.pool_size < 1 and not route.account:
            there = self.remotes.get(route.remote_id)
            kept = there.any() if there is not None else None
            if kept is not None:
                if route.solicited:
                    _inherit(kept, url, route.explicit)
                return
        if route.explicit or retry_implicit:
            self.solicitor.come_back(Target(url, route.explicit, route.account))

    def close_others(self, route: RouteProtocol, server_id: str) -> None:
        """The cluster has another name now: all but that server have to introduce themselves."""
        for other in list(self.routes()):
            if other is not route and other.remote_id != server_id:
                other.close(ClosedState.CLUSTER_NAME_CONFLICT)

    def lost(self) -> None:
        """One of the transports is gone."""
        self.alive -= 1
        if not self.alive:
            waiting, self._all_lost = self._all_lost, []
            for deferred in waiting:
                deferred.callback(None)

    def close_all(self) -> Deferred[None]:
        """The server ends. Fires when no transport is left."""
        self.closing = True
        self.solicitor.stop()
        for route in list(self.open.values()):
            route.close(ClosedState.SERVER_SHUTDOWN)
        deferred: Deferred[None] = Deferred()
        if self.alive:
            self._all_lost.append(deferred)
        else:
            deferred.callback(None)
        return deferred

    def say_leaving(self) -> None:
        """We are in lame duck mode: others send no clients here."""
        line = introduction(self, ldm=True)
        for route in self.first_routes():
            route.send(line)

    # other

    def _change_urls(self, changed: bool) -> None:
        if changed and not self.context.options.cluster.no_advertise:
            self.context.urls_changed()

    def flush_soon(self) -> None:
        """Something was written outside of a turn's reading: see that it goes out."""
        if not self._flushing:
            self._flushing = True
            self.context.deadlines.add(0, _flush, self)

    def flush(self) -> None:
        """Now."""
        self._flushing = False
        self.context.router.flush()


def _flush(members: Members) -> None:
    members.flush()


def _is_duplicate(there: RouteProtocol, route: RouteProtocol, *, no_reconnect: bool) -> None:
    """``route`` is one too many: the one that is there does what it would have to do."""
    if no_reconnect:
        route.no_reconnect = True
    if route.solicited and not there.solicited:
        there.solicited = True
        there.url = route.url
    if route.explicit:
        there.explicit = True
    there.retry = True


def _inherit(route: RouteProtocol, url: RouteUrl, explicit: bool) -> None:
    """It has to come back to ``url`` now (nats-server: upgradeRouteToSolicited)."""
    if not route.solicited or (explicit and not route.explicit):
        route.url = url
    route.solicited = True
    route.explicit = route.explicit or explicit
