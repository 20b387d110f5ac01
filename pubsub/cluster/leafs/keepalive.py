"""PING and PONG on leaf node links, and links that take nothing any more.

The figures are nats-server's: the first PING after a second, for the round trip, then one each
``ping_interval`` unless the other end was heard meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pubsub.errors import ClosedState, StaleConnection

if TYPE_CHECKING:
    from pubsub.cluster.leafs.protocol import LeafProtocol

__all__ = ["plan_first_ping", "pong_received"]

#: seconds, and up to so much more, so that not all come together
FIRST_PING = 1.0
FIRST_PING_JITTER = 0.2
#: clocks may not have moved; 0 would mean that it was never measured
SHORTEST_RTT = 1e-9
#: seconds: whatever is configured, there is time for other things in between
SHORTEST_INTERVAL = 0.01


def plan_first_ping(leaf: LeafProtocol) -> None:
    """The link is there: the first PING is due soon."""
    client = leaf.context.client
    delay = min(client.options.ping_interval, FIRST_PING)
    _plan(leaf, delay * (1 + client.random.random() * FIRST_PING_JITTER))


def _plan(leaf: LeafProtocol, delay: float) -> None:
    deadlines = leaf.context.client.deadlines
    deadlines.cancel(leaf.ping_deadline)
    leaf.ping_deadline = deadlines.add(max(delay, SHORTEST_INTERVAL), _due, leaf)


def _due(leaf: LeafProtocol) -> None:
    client, link = leaf.context.client, leaf.link
    leaf.ping_deadline = None
    if leaf.closed_state is not None or link is None:
        return
    now, interval = client.wall(), client.options.ping_interval
    # heard in the future: the clock on the wall was set back, and tells nothing of silence
    if leaf.rtt and 0 <= now - link.last_input < interval:
        leaf.debug("Delaying PING: the other end was heard meanwhile")
    elif leaf.pings_out + 1 > client.options.ping_max:
        leaf.fault(StaleConnection("Stale Leafnode Connection - Closing"))
        return
    else:
        leaf.ping_sent = now
        leaf.pings_out += 1
        link.write(b"PING\r\n")
        link.flush()
    _plan(leaf, interval)


def pong_received(leaf: LeafProtocol) -> None:
    """It is alive, and so far away; a PONG nobody asked for tells nothing."""
    if leaf.pings_out:
        leaf.pings_out = 0
        if not leaf.rtt and leaf.link is not None:
            leaf.link.forget_request_info()
        leaf.rtt = max(leaf.context.client.wall() - leaf.ping_sent, SHORTEST_RTT)


def close_blocked(leaf: LeafProtocol, limit: float, now: float) -> None:
    """Close it if it has taken nothing for ``limit`` seconds; 0 is no limit.

    :param now: as ``ILink.blocked_since`` has it.
    """
    link = leaf.link
    if link is None or not link.blocked_since or not 0 < limit <= now - link.blocked_since:
        return
    leaf.context.figures.slow_consumers += 1
    leaf.log(
        f"Slow Consumer Detected: WriteDeadline of {limit:g}s exceeded with"
        f" {link.pending_bytes} total bytes."
    )
    leaf.close(ClosedState.SLOW_CONSUMER_WRITE_DEADLINE)
