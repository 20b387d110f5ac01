"""All that links a server to others: routes, gateways and leaf nodes, put together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pubsub.assembly.cluster import Cluster
from pubsub.assembly.gateways import Supercluster
from pubsub.assembly.leafs import Leafs
from pubsub.assembly.unlinked import PreparedLinks

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

    from pubsub.assembly.access import ServerAccess
    from pubsub.client.context import ClientContext
    from pubsub.config.options import Options

__all__ = ["ServerLinks"]


class ServerLinks:
    """The links of one server to others.

    :param access: the server as its parts see it.
    :param clients: the server as its clients see it.
    :ivar cluster: its routes, and the name of its cluster.
    :ivar gateways: those to and from other clusters.
    :ivar leafs: its leaf nodes, and the hubs it is one of.
    :raises pubsub.errors.PubSubError: TLS or a password cannot be as configured.
    """

    def __init__(
        self, options: Options, reactor: Any, access: ServerAccess, clients: ClientContext
    ) -> None:
        self.cluster = Cluster(options, reactor, access, clients)
        self.gateways = Supercluster(reactor, access, clients, self.cluster)
        self.cluster.context.gateways = self.gateways.table
        self.leafs = Leafs(reactor, access, clients, lambda: clients.info.info.cluster)
        self.leafs.join_cluster(self.cluster)
        self._clients = clients
        clients.alternates = self.gateways.nearest
        self.cluster.name.listen(self._moved)
        if self.gateways.table is not None:
            self.gateways.table.context.reordered = self._moved

    def _moved(self) -> None:
        """The cluster has another name or other neighbours: services learn of both, see
        :mod:`pubsub.client.request_info`."""
        links = [client.link for client in self._clients.registry.open.values()]
        links += [leaf.link for leaf in self.leafs.linked()]
        for link in links:
            if link is not None:
                link.forget_request_info()

    def open(self, client_port: int) -> None:
        """Listen, and connect to others.

        :param client_port: where clients connect.
        :raises pubsub.errors.ListenError: an address cannot be had.
        """
        # What others are told of where gateways and leaf nodes connect has to be known first.
        self.gateways.open()
        self.leafs.open()
        self.cluster.open(client_port)

    def keep_house(self) -> None:
        """Called about once a second."""
        self.leafs.keep_house()

    def say_leaving(self) -> tuple[str, ...]:
        """Lame duck mode: no new links, and other servers send no clients here.

        :returns: where our clients may go instead.
        """
        self.leafs.say_leaving()
        self.gateways.stop_listening()
        return self.cluster.say_leaving()

    def close(self) -> Deferred[None]:
        """Close everything. Fires when nothing is left open."""
        closed = self.cluster.close()
        closed.addCallback(lambda _: self.gateways.close())
        closed.addCallback(lambda _: self.leafs.close())
        return closed

    # reloading

    def prepare(self, options: Options) -> PreparedLinks:
        """What a reload to ``options`` needs that may fail.

        :raises pubsub.errors.PubSubError: TLS or a password cannot be as configured.
        """
        return PreparedLinks(
            self.cluster.prepare(options),
            self.gateways.prepare(options),
            self.leafs.prepare(options),
        )

    def reload(self, options: Options, prepared: PreparedLinks) -> None:
        """Obey changed options; what needs a restart was refused before. Cannot fail.

        Leaf nodes follow when users have changed: :meth:`Leafs.reload`.
        """
        self.cluster.reload(options, prepared.cluster)
        self.gateways.reload(options, prepared.gateways)
