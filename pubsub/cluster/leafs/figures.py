"""What the leaf node links of a server have done, those that are gone included."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pubsub.interfaces import TrafficCounters

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pubsub.cluster.leafs.protocol import LeafProtocol
    from pubsub.interfaces import LinkCounters

__all__ = ["LeafFigures"]

_NOTHING = TrafficCounters(0, 0, 0, 0)


@dataclass
class LeafFigures:
    """Figures that only grow."""

    #: links that were closed because the other end took nothing
    slow_consumers: int = 0
    #: links whose other end answered no more
    stale_connections: int = 0
    #: what links that are gone have carried
    past: TrafficCounters = _NOTHING

    def gone(self, counters: LinkCounters) -> None:
        """A link is gone."""
        self.past = _sum(self.past, counters)

    def traffic(self, linked: Iterable[LeafProtocol]) -> TrafficCounters:
        """What all links have carried.

        :param linked: those that are there.
        """
        total = self.past
        for leaf in linked:
            if leaf.link is not None:
                total = _sum(total, leaf.link.counters())
        return total


def _sum(total: TrafficCounters, counters: LinkCounters) -> TrafficCounters:
    return TrafficCounters(
        total.in_msgs + counters.in_msgs,
        total.in_bytes + counters.in_bytes,
        total.out_msgs + counters.out_msgs,
        total.out_bytes + counters.out_bytes,
    )
