"""Makes a :class:`~pubsub.client.protocol.ClientProtocol` for each connection accepted."""

from __future__ import annotations

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory

from pubsub.client.context import ClientContext
from pubsub.client.protocol import ClientProtocol

__all__ = ["ClientFactory"]


class ClientFactory(Factory):
    """Clients of one server, whatever they come in by.

    :param context: what they share.
    :param in_process: for a listener inside this process: such a client may choose
        plain text where TLS is required.
    """

    noisy = False

    def __init__(self, context: ClientContext, *, in_process: bool = False) -> None:
        self.context = context
        self.in_process = in_process

    def buildProtocol(self, addr: IAddress | None) -> ClientProtocol:
        """A protocol for one connection."""
        return ClientProtocol(self.context, in_process=self.in_process)
