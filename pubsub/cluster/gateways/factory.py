"""Makes a :class:`~pubsub.cluster.gateways.protocol.GatewayProtocol` for each connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory

from pubsub.cluster.gateways.protocol import GatewayProtocol

if TYPE_CHECKING:
    from pubsub.cluster.gateways.remotes import Remote
    from pubsub.cluster.gateways.table import Gateways
    from pubsub.config.options import GatewayUrl

__all__ = ["GatewayFactory"]


class GatewayFactory(Factory):
    """Gateways of one server.

    :param gateways: the table they are in.
    :param remote: the cluster we connect to; ``None`` for those who come to us.
    :param url: where its server is.
    """

    noisy = False

    def __init__(
        self, gateways: Gateways, remote: Remote | None = None, url: GatewayUrl | None = None
    ) -> None:
        self.gateways = gateways
        self.remote = remote
        self.url = url

    def buildProtocol(self, addr: IAddress | None) -> GatewayProtocol:
        """A protocol for one connection."""
        return GatewayProtocol(self.gateways, self.remote, self.url)
