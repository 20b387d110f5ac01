"""``STATSZ``: the server's pulse, on ``$SYS.SERVER.<id>.STATSZ`` and when asked.

It beats fast at first, then every ten seconds, and at once when another server is heard of. Nothing
is sent to nobody: where there may be other servers, all listen to each other
(``heartbeatStatsz`` and ``sendStatsz`` in nats-server's ``events.go``).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol

from pubsub.cluster.figures import (
    all_traffic,
    gateway_stats,
    route_stats,
    slow_consumers,
    stale_connections,
)
from pubsub.system.advisories import counts, present
from pubsub.system.remote_servers import RemoteServers
from pubsub.wire.gotime import rfc3339

if TYPE_CHECKING:
    from twisted.internet.interfaces import IDelayedCall

    from pubsub.client.registry import Registry
    from pubsub.interfaces import IRouter
    from pubsub.system.account_figures import AccountFigures
    from pubsub.system.bus import SystemBus

__all__ = ["MeasuredServer", "Statsz", "server_stats"]

#: Seconds from start to the first beat, and how long they are apart in the end.
_FIRST = 0.25
_LONGEST = 10.0
#: Seconds two broadcasts are apart at least, whoever asks for them.
_RATE = 1.0
#: One thread does the work, whatever the machine has.
_THREADS = 1


class MeasuredServer(Protocol):
    """What is measured of a server."""

    #: epoch seconds
    start: float
    registry: Registry
    router: IRouter
    #: its routes
    cluster: Any
    #: its gateways
    gateways: Any
    #: its leaf node links
    leafs: Any

    def usage(self) -> Any:
        """``cpu`` in percent, ``rss`` in bytes, ``cores``."""


def server_stats(
    server: MeasuredServer, active_accounts: int, heard: Iterable[str] = ()
) -> dict[str, Any]:
    """The figures, in the order of nats-server's fields (``ServerStats``).

    :param heard: the ids of the other servers that were heard of; members of the cluster may or
        may not be among them.
    """
    usage, totals = server.usage(), server.registry.totals
    traffic, of_clients = all_traffic(server), server.router.counters()
    members = server.cluster.members
    slow, stale = slow_consumers(server), stale_connections(server)
    return {
        "start": rfc3339(server.start),
        "mem": usage.rss,
        "cores": usage.cores,
        "cpu": int(usage.cpu) if usage.cpu == int(usage.cpu) else usage.cpu,
        "connections": len(server.registry.open),
        "total_connections": totals.connections,
        "active_accounts": active_accounts,
        "subscriptions": int(server.router.stats()["num_subscriptions"]),
        "sent": counts(traffic.out_msgs, traffic.out_bytes),
        "sent_to_clients": counts(of_clients.out_msgs, of_clients.out_bytes),
        "received": counts(traffic.in_msgs, traffic.in_bytes),
        "received_from_clients": counts(of_clients.in_msgs, of_clients.in_bytes),
        "slow_consumers": sum(slow.values()),
        **present(
            slow_consumer_stats=slow if any(slow.values()) else {},
            stale_connections=sum(stale.values()),
            stale_connection_stats=stale if any(stale.values()) else {},
            stalled_clients=totals.stalls,
            routes=route_stats(members),
            gateways=gateway_stats(server.gateways.table),
        ),
        "active_servers": 1 + len({*members.remotes, *heard}),
        "gomaxprocs": _THREADS,
    }


class Statsz:
    """Sends the figures of one server.

    :ivar remotes: the other servers, if it listens to them.
    """

    def __init__(self, bus: SystemBus, server: MeasuredServer, figures: AccountFigures) -> None:
        self.remotes = RemoteServers(bus, self.send)
        self._bus = bus
        self._server = server
        self._figures = figures
        self._subject = f"$SYS.SERVER.{bus.server.server_id}.STATSZ"
        self._interval = _FIRST
        self._last: float | None = None
        self._beat: IDelayedCall | None = None

    def start(self, *, others: bool = False) -> None:
        """Begin to beat.

        :param others: there may be other servers: listen to them.
        """
        if others:
            self.remotes.start()
        self._plan(_FIRST)

    def stop(self) -> None:
        """Beat no more, and hear no others."""
        self.remotes.stop()
        if self._beat is not None:
            self._beat.cancel()
            self._beat = None

    def send(self, reply: str = "") -> None:
        """Send the figures to ``reply``, else to everybody (not too often), if they listen."""
        # an answer is wanted even where no subscription can be seen: by an importing account
        if not reply and (self._is_too_early() or not self._bus.is_wanted(self._subject)):
            return
        subject = reply or self._subject
        stats = server_stats(self._server, self._figures.active(), self.remotes.ids())
        self._bus.publish(subject, {"server": self._bus.stamp(), "statsz": stats})

    def send_at_once(self) -> None:
        """Send the figures to everybody, also if they were just sent: somebody asked."""
        self._last = None
        self.send()

    def _is_too_early(self) -> bool:
        now = self._bus.server.clock.seconds()
        rate = min(_RATE, self._interval)
        if self._last is not None and now - self._last < rate:
            if self._beat is not None:
                self._beat.reset(self._last + rate - now)
            return True
        self._last = now
        return False

    def _plan(self, seconds: float) -> None:
        self._beat = self._bus.server.clock.callLater(seconds, self._beats)

    def _beats(self) -> None:
        self._interval = min(self._interval * 2, _LONGEST)
        self._plan(self._interval)
        self.send()
