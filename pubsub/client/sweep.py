"""``write_deadline``: clients whose socket accepts nothing for too long are closed.

nats-server sets a deadline on each write; here one sweep a few times per deadline looks at
all connections, which costs a reading of one number each. The links note when a socket
stopped accepting, and forget it as soon as it accepts anything at all. So a client that
reads slowly but steadily is not closed, which nats-server only grants with
``write_timeout: retry``; it is a slow consumer when ``max_pending`` bytes wait for it. A
client that accepts nothing is closed by both, whatever ``write_timeout`` says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.logger import LogLevel

from pubsub.errors import ClosedState

if TYPE_CHECKING:
    from pubsub.client.context import ClientContext
    from pubsub.client.protocol import ClientProtocol

__all__ = ["WriteDeadlineSweep"]

#: A client is closed at most a quarter of the deadline late.
_SWEEPS_PER_DEADLINE = 4
#: seconds: with a tiny deadline the sweeps must not eat the processor,
_SHORTEST = 0.05
#: and a deadline lowered by a reload is noticed after at most so long
_LONGEST = 5.0


class WriteDeadlineSweep:
    """Looks for blocked connections while there are any connections at all."""

    def __init__(self, context: ClientContext) -> None:
        self._context = context
        self._planned = False

    def start(self) -> None:
        """There is a connection: see that the next sweep is planned."""
        if not self._planned:
            self._planned = True
            seconds = self._context.options.write_deadline / _SWEEPS_PER_DEADLINE
            delay = min(max(seconds, _SHORTEST), _LONGEST)
            self._context.deadlines.add(delay, WriteDeadlineSweep._sweep, self)

    def _sweep(self) -> None:
        context = self._context
        self._planned = False
        limit = context.options.write_deadline
        now = context.monotonic()
        # 0 is no deadline
        blocked = [
            client
            for client in context.registry.open.values()
            if client.link is not None
            and client.link.blocked_since
            and 0 < limit <= now - client.link.blocked_since
        ]
        for client in blocked:
            self._close(client)
        if context.registry.open:
            self.start()

    def _close(self, client: ClientProtocol) -> None:
        context, link = self._context, client.link
        assert link is not None
        # Who has not even said CONNECT is no consumer: nats-server does not count those.
        if not link.awaiting_connect:
            context.registry.totals.slow_consumers += 1
            text = (
                f"Slow Consumer Detected: WriteDeadline of {context.options.write_deadline:g}s"
                f" exceeded with {link.pending_bytes} total bytes."
            )
            context.faults.emit(LogLevel.info, client.label(), text, client.cid)
        client.close(ClosedState.SLOW_CONSUMER_WRITE_DEADLINE)
