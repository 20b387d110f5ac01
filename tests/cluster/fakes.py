"""A server's routes, for tests of what looks at them: there are none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pubsub.client.registry import NO_COUNTERS
from pubsub.cluster.leafs.figures import LeafFigures


class NoMembers:
    """The table of routes without any."""

    def __init__(self) -> None:
        self.remotes: dict[str, Any] = {}
        self.open: dict[int, Any] = {}
        self.past = NO_COUNTERS
        self.slow_consumers = self.stale_connections = 0

    def routes(self) -> Iterator[Any]:
        """None."""
        return iter(())


class NoCluster:
    """A server without routes."""

    port = 0

    def __init__(self) -> None:
        self.members = NoMembers()


class NoGateways:
    """A server without gateways."""

    port = 0
    address = ("", 0)
    table = None
    tls_not_after = 0.0

    def outbound(self) -> list[Any]:
        """None."""
        return []

    def inbound(self) -> list[Any]:
        """None."""
        return []


class NoLeafs:
    """A server without leaf node links."""

    port = 0
    tls_not_after = 0.0

    def __init__(self) -> None:
        self.figures = LeafFigures()

    def linked(self) -> list[Any]:
        """None."""
        return []
