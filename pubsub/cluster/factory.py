"""Makes a :class:`~pubsub.cluster.protocol.RouteProtocol` for each connection, either way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory

from pubsub.cluster.protocol import RouteProtocol

if TYPE_CHECKING:
    from pubsub.cluster.members import Members
    from pubsub.cluster.solicit import Target

__all__ = ["RouteFactory"]


class RouteFactory(Factory):
    """Routes of one server.

    :param members: the table they are in.
    :param target: where we connect to; ``None`` for those who come to us.
    """

    noisy = False

    def __init__(self, members: Members, target: Target | None = None) -> None:
        self.members = members
        self.target = target

    def buildProtocol(self, addr: IAddress | None) -> RouteProtocol:
        """A protocol for one connection."""
        return RouteProtocol(self.members, self.target)
