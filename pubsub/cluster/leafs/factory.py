"""Makes a :class:`~pubsub.cluster.leafs.protocol.LeafProtocol` for each connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.protocol import Factory

from pubsub.cluster.leafs.protocol import LeafProtocol

if TYPE_CHECKING:
    from twisted.internet.interfaces import IAddress

    from pubsub.cluster.leafs.context import LeafContext
    from pubsub.cluster.leafs.remote import LeafRemote

__all__ = ["LeafFactory"]


class LeafFactory(Factory):
    """Links of one server.

    :param remote: what they are made for, ``None`` for the listener's.
    """

    noisy = False

    def __init__(self, context: LeafContext, remote: LeafRemote | None = None) -> None:
        self._context = context
        self._remote = remote

    def buildProtocol(self, addr: IAddress | None) -> LeafProtocol:
        """A protocol for one connection."""
        return LeafProtocol(self._context, self._remote)
