"""PING and PONG: whether the peer is still there, and how far away it is.

The figures are nats-server's. A connection that has not sent CONNECT gets its first PING
after ``ping_interval``; CONNECT brings that forward to two seconds, for the round trip;
from then on there is one each ``ping_interval``, unless the client was heard meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pubsub.errors import StaleConnection

if TYPE_CHECKING:
    from pubsub.client.protocol import ClientProtocol

__all__ = ["plan_first_ping", "plan_ping", "pong_received"]

#: seconds from CONNECT to the first PING, for the round trip
FIRST_PING = 2.0
#: up to so much later, so that clients that came together do not answer together
FIRST_PING_JITTER = 0.2
#: a PING is sent at least so often, however busy the client: the round trip changes
RTT_INTERVAL = 3600.0
#: clocks may not have moved; 0 would mean that it was never measured
SHORTEST_RTT = 1e-9
#: seconds: whatever is configured, there is time for other things in between
SHORTEST_INTERVAL = 0.01


def plan_ping(client: ClientProtocol) -> None:
    """The next PING is due in ``ping_interval`` seconds."""
    _plan(client, client.context.options.ping_interval)


def plan_first_ping(client: ClientProtocol) -> None:
    """The first PING after CONNECT is due in two seconds, or sooner if so configured."""
    context = client.context
    delay = min(context.options.ping_interval, FIRST_PING)
    _plan(client, delay * (1 + context.random.random() * FIRST_PING_JITTER))


def _plan(client: ClientProtocol, delay: float) -> None:
    deadlines = client.context.deadlines
    deadlines.cancel(client.ping_deadline)
    delay = max(delay, SHORTEST_INTERVAL)
    client.ping_deadline = deadlines.add(delay, _ping_due, client)


def _ping_due(client: ClientProtocol) -> None:
    context, link = client.context, client.link
    client.ping_deadline = None
    if client.closed_state is not None or link is None:
        return
    client.debug("Client Ping Timer")
    now = context.wall()
    unheard = now - link.last_input
    # heard in the future: the clock on the wall was set back, and tells nothing of silence
    heard = 0 <= unheard < context.options.ping_interval
    if heard and now - client.ping_sent <= RTT_INTERVAL:
        client.debug(f"Delaying PING due to remote client data or ping {unheard:.0f}s ago")
    elif client.pings_out + 1 > context.options.ping_max:
        client.fault(StaleConnection())
        return
    else:
        client.ping_sent = now
        client.pings_out += 1
        if link.trace:
            client.traced("out", "PING", b"")
        client.send_now(b"PING\r\n")
    plan_ping(client)


def pong_received(client: ClientProtocol) -> None:
    """It is alive, and so far away; a PONG nobody asked for tells nothing."""
    if client.pings_out:
        client.pings_out = 0
        client.rtt = max(client.context.wall() - client.ping_sent, SHORTEST_RTT)
        if client.link is not None:
            client.link.forget_request_info()
