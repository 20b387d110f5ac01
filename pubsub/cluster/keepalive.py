"""PING and PONG between servers: whether the other server is still there, and how far away it is.

As on client connections, but a PING is sent whether or not anything else was heard, at least
every 30 seconds on routes and every 15 on gateways; the first after one second (nats-server:
adjustPingInterval, setFirstPingTimer).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pubsub.errors import StaleConnection

if TYPE_CHECKING:
    from pubsub.cluster.connection import ServerConnection

__all__ = ["plan_first_ping", "pong_received", "send_ping"]

FIRST_PING = 1.0
FIRST_PING_JITTER = 0.2
#: nats-server's defaultRouteMaxPingInterval, gwMaxPingInterval
LONGEST_ROUTE_INTERVAL = 30.0
LONGEST_GATEWAY_INTERVAL = 15.0
SHORTEST_INTERVAL = 0.01
SHORTEST_RTT = 1e-9


def interval_of(connection: ServerConnection) -> float:
    """Seconds between two PINGs."""
    seconds, _ = connection.ping_options()
    return min(max(seconds, SHORTEST_INTERVAL), connection.longest_interval())


def plan_first_ping(connection: ServerConnection) -> None:
    """The first PING is due soon, for the round trip."""
    delay = min(interval_of(connection), FIRST_PING)
    _plan(connection, delay * (1 + connection.server.random.random() * FIRST_PING_JITTER))


def _plan(connection: ServerConnection, delay: float) -> None:
    if connection.closed_state is None:
        deadlines = connection.server.deadlines
        deadlines.cancel(connection.ping_deadline)
        connection.ping_deadline = deadlines.add(delay, _ping_due, connection)


def _ping_due(connection: ServerConnection) -> None:
    connection.ping_deadline = None
    if connection.closed_state is not None or connection.link is None:
        return
    _, most = connection.ping_options()
    if connection.pings_out + 1 > most:
        connection.fault(StaleConnection())
        return
    send_ping(connection)
    _plan(connection, interval_of(connection))


def send_ping(connection: ServerConnection) -> None:
    """Ask now."""
    connection.ping_sent = connection.server.monotonic()
    connection.pings_out += 1
    connection.send(b"PING\r\n")


def pong_received(connection: ServerConnection) -> None:
    """It is alive, and so far away."""
    if connection.pings_out:
        connection.pings_out = 0
        connection.rtt = max(connection.server.monotonic() - connection.ping_sent, SHORTEST_RTT)
