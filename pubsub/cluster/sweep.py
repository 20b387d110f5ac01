"""``write_deadline`` of connections between servers: who accepts nothing for too long is closed.

As for clients (:mod:`pubsub.client.sweep`), one sweep a few times per deadline looks at all
connections. A link forgets since when it was blocked as soon as the other end accepts anything at
all: a slow link is not a dead one, which is what nats-server's ``write_timeout: retry`` means, its
default between servers. What waits for a slow one has a bound of its own, see
:mod:`pubsub.cluster.protocol`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pubsub.client.deadlines import Deadlines
    from pubsub.interfaces import ILink

__all__ = ["BlockedSweep", "Sweepable"]

#: A connection is closed at most a quarter of the deadline late.
_SWEEPS_PER_DEADLINE = 4
#: seconds: with a tiny deadline the sweeps must not eat the processor,
_SHORTEST = 0.05
#: and a deadline lowered by a reload is noticed after at most so long
_LONGEST = 5.0


class Sweepable(Protocol):
    """A connection to another server."""

    @property
    def link(self) -> ILink | None:
        """What may be blocked."""

    def blocked_too_long(self, limit: float) -> None:
        """It has accepted nothing for ``limit`` seconds: close it."""


class BlockedSweep:
    """Looks for blocked connections while there are any connections at all.

    :param limit: gives the deadline in seconds, 0 for none; asked each time.
    :param connections: gives those that are open.
    :param monotonic: the time as ``ILink.blocked_since`` has it.
    """

    def __init__(
        self,
        deadlines: Deadlines,
        limit: Callable[[], float],
        connections: Callable[[], Iterable[Sweepable]],
        monotonic: Callable[[], float],
    ) -> None:
        self._deadlines = deadlines
        self._limit = limit
        self._connections = connections
        self._monotonic = monotonic
        self._planned = False

    def start(self) -> None:
        """There is a connection: see that the next sweep is planned."""
        if not self._planned:
            self._planned = True
            delay = min(max(self._limit() / _SWEEPS_PER_DEADLINE, _SHORTEST), _LONGEST)
            self._deadlines.add(delay, BlockedSweep._sweep, self)

    def _sweep(self) -> None:
        self._planned = False
        limit, now = self._limit(), self._monotonic()
        connections = list(self._connections())
        for connection in connections:
            link = connection.link
            if link is not None and link.blocked_since and 0 < limit <= now - link.blocked_since:
                connection.blocked_too_long(limit)
        if connections:
            self.start()
