"""One route: a connection to another server of the cluster, whoever opened it.

Its states are those of any connection between servers (:mod:`pubsub.cluster.connection`): while
*greeting*, CONNECT and INFO are exchanged (:mod:`pubsub.cluster.handshake`); a *member* is in the
table of :class:`~pubsub.cluster.members.Members`, which may refuse it as a duplicate, and interest
goes both ways, and messages where there is interest; if we have to come back to one that is
*closed*, that is planned (:mod:`pubsub.cluster.solicit`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.logger import LogLevel

from pubsub.cluster import handshake, keepalive, obeying
from pubsub.cluster.connection import ServerConnection
from pubsub.cluster.messages import RouteInfo
from pubsub.config.options import RouteUrl
from pubsub.interfaces import PeerKind, ServerPeer

if TYPE_CHECKING:
    from pubsub.cluster.members import Members
    from pubsub.cluster.solicit import Target
    from pubsub.config.options import TlsOptions

__all__ = ["RouteProtocol"]


class RouteProtocol(ServerConnection):
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

    kind = PeerKind.ROUTE
    tag, noun, title, ending = "rid", "route", "Route", "Router"

    def __init__(self, members: Members, target: Target | None = None) -> None:
        super().__init__(members.context, members, dialled=target is not None)
        self.members = members
        self.context = members.context
        self.solicited = target is not None
        self.explicit = target is not None and target.explicit
        self.url: RouteUrl | None = target.url if target is not None else None
        self.account = target.account if target is not None else ""
        self.gossip_mode = target.gossip_mode if target is not None else 0
        self.retry = False
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

    # what is different for routes (ServerConnection)

    def tls_options(self) -> TlsOptions | None:
        """``cluster { tls }``."""
        return self.context.options.cluster.tls

    def pinned_certs(self) -> frozenset[str]:
        """Those of the block."""
        tls = self.context.options.cluster.tls
        return tls.pinned_certs if tls is not None else frozenset()

    def join_tls(self) -> None:
        """Begin TLS as the client."""
        if self.url is not None:
            self.context.join_tls(self.transport, self, self.url.host)

    def first_peer(self) -> ServerPeer:
        """Which account it is for is known if we opened it."""
        return ServerPeer(account=self.account)

    def longest_interval(self) -> float:
        """nats-server's defaultRouteMaxPingInterval."""
        return keepalive.LONGEST_ROUTE_INTERVAL

    def ping_options(self) -> tuple[float, int]:
        """Those of ``cluster``, or of all connections."""
        options = self.context.options
        cluster = options.cluster
        return cluster.ping_interval or options.ping_interval, cluster.ping_max or options.ping_max

    def greet(self) -> None:
        """Say what can be said before anything was heard."""
        self.log(LogLevel.info, "Route connection created")
        handshake.greet(self)
        keepalive.plan_first_ping(self)

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

    def pong_received(self) -> None:
        """PONG: the next connection of the pool may be opened, too."""
        keepalive.pong_received(self)
        target, self.next_target = self.next_target, None
        if target is not None:
            self.members.solicitor.solicit(target)
