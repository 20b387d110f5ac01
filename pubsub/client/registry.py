"""Who is connected, who was, and how many there have been.

``/connz`` is made of this: open connections describe themselves when asked
(:meth:`pubsub.client.protocol.ClientProtocol.describe`), closed ones leave their last
description in a ring of ``max_closed_clients``.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred

from pubsub.client.preamble_types import TlsDetails
from pubsub.errors import ClosedState
from pubsub.interfaces import LinkCounters, SubscriptionInfo

if TYPE_CHECKING:
    from pubsub.client.protocol import ClientProtocol

__all__ = ["ConnectionInfo", "ConnectionTotals", "Registry"]

#: Subscriptions a closed connection is remembered with: /connz shows a page of this many,
#: and 10,000 remembered connections must not hold on to millions of subscriptions.
KEPT_SUBSCRIPTIONS = 1024

NO_COUNTERS = LinkCounters(0, 0, 0, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class ConnectionInfo:
    """All that is known about one connection at one moment. Times are epoch seconds."""

    cid: int
    #: the peer's address and port as the PROXY protocol or the socket says; port 0 for others
    ip: str
    port: int
    start: float
    last_activity: float
    #: seconds, 0.0 if it was never measured
    rtt: float
    counters: LinkCounters
    name: str = ""
    lang: str = ""
    version: str = ""
    #: what it authenticated as, ``"[REDACTED]"`` for a token, ``""`` for nobody
    user: str = ""
    account: str = ""
    #: version, cipher suite and certificates; all empty without TLS
    tls: TlsDetails = field(default_factory=TlsDetails)
    #: TLS was up before INFO
    tls_first: bool = False
    kind: str = "Client"
    type: str = "nats"
    #: when and why it was closed; 0.0 and ``None`` while it is open
    stop: float = 0.0
    reason: ClosedState | None = None
    subscriptions: tuple[SubscriptionInfo, ...] = ()
    #: what it came with in operator mode, ``""`` if that is all it takes to come as this user
    jwt: str = field(default="", repr=False)
    #: whose key has signed that, or its account
    issuer_key: str = ""
    tags: tuple[str, ...] = ()


@dataclass
class ConnectionTotals:
    """What has happened since the server started; /varz shows these."""

    #: connections accepted, those refused by max_connections included
    connections: int = 0
    #: descriptions ever put into the ring of closed connections
    closed: int = 0
    slow_consumers: int = 0
    stale_connections: int = 0
    #: how often a publisher was held back for a slow reader
    stalls: int = 0
    #: refused because of who they are
    authentication_failures: int = 0
    #: by reason
    reasons: dict[ClosedState, int] = field(default_factory=dict)


class Registry:
    """The connections of one server, and the ids of its connections of every kind.

    :param max_closed: closed connections that are remembered.
    """

    def __init__(self, max_closed: int) -> None:
        self.open: dict[int, ClientProtocol] = {}
        self.closed: deque[ConnectionInfo] = deque(maxlen=max(0, max_closed))
        self.totals = ConnectionTotals()
        #: False: new connections are dropped at once (shutting down)
        self.accepting = True
        #: transports that exist: those of open connections, and of closed ones that linger
        self.alive = 0
        self._all_lost: list[Deferred[None]] = []
        self._cid = 0

    def next_cid(self) -> int:
        """An id no connection had before; the first is 1 (routes and leafs share the count)."""
        self._cid += 1
        return self._cid

    def is_full(self, limit: int) -> bool:
        """Whether ``max_connections`` allows no more; 0 is any number, below 0 none at all."""
        return limit < 0 or 0 < limit <= len(self.open)

    def opened(self, connection: ClientProtocol) -> None:
        """It is one of the clients now."""
        self.open[connection.cid] = connection

    def lost(self) -> None:
        """One of the transports is gone."""
        self.alive -= 1
        if not self.alive:
            waiting, self._all_lost = self._all_lost, []
            for deferred in waiting:
                deferred.callback(None)

    def when_all_lost(self) -> Deferred[None]:
        """Fires when no transport is left, which after a shutdown takes a few seconds at most."""
        deferred: Deferred[None] = Deferred()
        if self.alive:
            self._all_lost.append(deferred)
        else:
            deferred.callback(None)
        return deferred

    def was_closed(self, info: ConnectionInfo) -> None:
        """It is not any more (or never was): remember how it ended."""
        self.open.pop(info.cid, None)
        self.closed.append(info)
        self.totals.closed += 1
        if info.reason is not None:
            reasons = self.totals.reasons
            reasons[info.reason] = reasons.get(info.reason, 0) + 1

    def resize(self, max_closed: int) -> None:
        """Remember another number of closed connections, the latest."""
        self.closed = deque(self.closed, maxlen=max(0, max_closed))
