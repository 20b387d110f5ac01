"""Whole superclusters in one test: real routers, routes and gateways, connections of memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from twisted.internet.interfaces import IProtocolFactory

from pubsub.cluster.gateways.context import GatewayContext
from pubsub.cluster.gateways.factory import GatewayFactory
from pubsub.cluster.gateways.protocol import GatewayProtocol
from pubsub.cluster.gateways.table import Gateways
from pubsub.config.options import (
    ClusterOptions,
    GatewayOptions,
    GatewayUrl,
    Options,
    RemoteGatewayOptions,
    RouteUrl,
)
from pubsub.interfaces import IRouter, RouterSettings
from tests.cluster.network import NOW, Network, Node

ROUTES, GATEWAYS = 6222, 7222


class Server(Node):
    """A server with routes and gateways."""

    network: World

    def __init__(
        self,
        network: World,
        name: str,
        options: Options,
        router: IRouter,
        *,
        interest_only: bool = True,
        accounts: Sequence[str] = ("$G",),
    ) -> None:
        super().__init__(network, name, options, router)
        self.accounts = list(accounts)
        self.gateway_context = GatewayContext(
            options=options,
            router=router,
            deadlines=self.context.deadlines,
            server_id=self.context.server_id,
            server_name=lambda: name,
            next_cid=self.cid,
            connect=lambda host, port, factory: network.connect(name, host, factory, port),
            account_names=lambda: self.accounts,
            routes=lambda: self.members.first_routes(),
            wall=lambda: NOW + network.clock.seconds(),
            monotonic=network.clock.seconds,
            random=Random(name),
            interest_only=interest_only,
        )
        self.gateways = Gateways(self.gateway_context)
        self.context.gateways = self.gateways
        router.add_subscription_listener(self.gateways.telling.tally)
        self.gateway_factory = GatewayFactory(self.gateways)

    def listener(self, port: int) -> IProtocolFactory:
        """Who listens there."""
        return self.gateway_factory if port == GATEWAYS else self.factory

    def start(self) -> None:
        """Connect to the servers of its cluster, and to other clusters."""
        self.gateways.start(GATEWAYS)
        super().start()

    def outbound(self) -> dict[str, str]:
        """The clusters it is connected to, and the names of their servers."""
        gateways = self.gateways.outbound
        return {name: gateways[name].remote_name for name in sorted(gateways)}

    def inbound(self) -> list[str]:
        """The servers that are connected to it."""
        return sorted(gateway.remote_name for gateway in self.gateways.inbound.values())

    def wants(self, cluster: str) -> set[tuple[str, str, str]]:
        """What that cluster has said it wants to hear: account, subject and queue group."""
        gateway = self.gateways.outbound[cluster]
        assert gateway.link is not None
        return {
            (each.account, each.subject.decode(), each.queue.decode())
            for each in gateway.link.subscriptions()
        }


class World(Network):
    """Servers of several clusters."""

    nodes: dict[str, Server]  # type: ignore[assignment]

    def server(
        self,
        called: str,
        cluster: str,
        *routes: str,
        to: Mapping[str, Sequence[str]] | None = None,
        interest_only: bool = True,
        accounts: Sequence[str] = ("$G",),
        **gateway: Any,
    ) -> Server:
        """A new server; it listens from now on.

        :param cluster: its name.
        :param routes: the servers of its cluster it connects to.
        :param to: the other clusters it connects to, with servers of theirs.
        """
        remotes = tuple(
            RemoteGatewayOptions(name, tuple(GatewayUrl(host, GATEWAYS) for host in hosts))
            for name, hosts in (to or {}).items()
        )
        options = Options(
            cluster=ClusterOptions(
                name=cluster,
                host=called,
                port=ROUTES,
                routes=tuple(RouteUrl(route, ROUTES) for route in routes),
                pool_size=-1,
            ),
            gateway=GatewayOptions(
                name=cluster, host=called, port=GATEWAYS, gateways=remotes, **gateway
            ),
        )
        router = self.backend.create(RouterSettings(seed=7))
        server = Server(
            self, called, options, router, interest_only=interest_only, accounts=accounts
        )
        self.nodes[called] = server
        return server

    def kill(self, name: str) -> None:
        """End a server as ``kill -9`` does."""
        self.nodes[name].gateways.closing = True
        super().kill(name)


def gateway_of(server: Server, cluster: str) -> GatewayProtocol:
    """The connection it sends to that cluster on."""
    return server.gateways.outbound[cluster]
