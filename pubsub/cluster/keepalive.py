"""PING and PONG on routes: whether the other server is still there, and how far away it is.

As on client connections, but a PING is sent whether or not anything else was heard, at least
every 30 seconds; the first after one second (nats-server: adjustPingInterval,
setFirstPingTimer).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pubsub.errors import StaleConnection

if TYPE_CHECKING:
    from pubsub.cluster.protocol import RouteProtocol

__all__ = ["plan_first_ping", "pong_received", "send_ping"]

FIRST_PING = 1.0
FIRST_PING_JITTER = 0.2
#: nats-server's defaultRouteMaxPingInterval
LONGEST_INTERVAL = 30.0
SHORTEST_INTERVAL = 0.01
SHORTEST_RTT = 1e-9


def interval_of(route: RouteProtocol) -> float:
    """Seconds between two PINGs."""
    options = route.context.options
    seconds = options.cluster.ping_interval or options.ping_interval
    return min(max(seconds, SHORTEST_INTERVAL), LONGEST_INTERVAL)


def plan_first_ping(route: RouteProtocol) -> None:
    """The first PING is due soon, for the round trip."""
    delay = min(interval_of(route), FIRST_PING)
    _plan(route, delay * (1 + route.context.random.random() * FIRST_PING_JITTER))


def _plan(route: RouteProtocol, delay: float) -> None:
    if route.closed_state is None:
        deadlines = route.context.deadlines
        deadlines.cancel(route.ping_deadline)
        route.ping_deadline = deadlines.add(delay, _ping_due, route)


def _ping_due(route: RouteProtocol) -> None:
    route.ping_deadline = None
    if route.closed_state is not None or route.link is None:
        return
    options = route.context.options
    most = options.cluster.ping_max or options.ping_max
    if route.pings_out + 1 > most:
        route.fault(StaleConnection())
        return
    send_ping(route)
    _plan(route, interval_of(route))


def send_ping(route: RouteProtocol) -> None:
    """Ask now."""
    route.ping_sent = route.context.monotonic()
    route.pings_out += 1
    route.send(b"PING\r\n")


def pong_received(route: RouteProtocol) -> None:
    """It is alive, and so far away."""
    if route.pings_out:
        route.pings_out = 0
        route.rtt = max(route.context.monotonic() - route.ping_sent, SHORTEST_RTT)
    target, route.next_target = route.next_target, None
    if target is not None:
        route.members.solicitor.solicit(target)
