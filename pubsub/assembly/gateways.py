"""The gateways of a server, put together: where it listens, and what it needs of the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.logger import Logger, LogLevel

from pubsub.cluster.gateways.context import GatewayContext
from pubsub.cluster.gateways.factory import GatewayFactory
from pubsub.cluster.gateways.table import Gateways
from pubsub.system import startup
from pubsub.system.addresses import local_addresses
from pubsub.transport.connect import connect_tcp
from pubsub.transport.listen import bind_tcp, host_port

if TYPE_CHECKING:
    from twisted.internet.interfaces import IListeningPort, IProtocolFactory

    from pubsub.assembly.access import ServerAccess
    from pubsub.assembly.cluster import Cluster
    from pubsub.client.context import ClientContext
    from pubsub.client.preamble_types import TlsDetails
    from pubsub.cluster.gateways.protocol import GatewayProtocol
    from pubsub.config.options import Options, TlsOptions
    from pubsub.transport.tls import ServerTls

__all__ = ["Supercluster"]

_INSECURE = (
    "TLS certificate chain and hostname of solicited gateways will not be verified."
    " DO NOT USE IN PRODUCTION!"
)


class Supercluster:
    """The gateways of one server.

    :param access: the server as its parts see it.
    :param clients: the server as its clients see it.
    :param cluster: the routes of the server.
    :ivar table: of gateways, ``None`` if none are configured.
    :raises pubsub.errors.PubSubError: TLS cannot be as configured.
    """

    _log = Logger()

    def __init__(
        self, reactor: Any, access: ServerAccess, clients: ClientContext, cluster: Cluster
    ) -> None:
        self._reactor = reactor
        self._clients = clients
        self._port: IListeningPort | None = None
        self._tls: ServerTls | None = None
        self.table: Gateways | None = None
        gateway = clients.options.gateway
        if not gateway.name or not gateway.port:
            return
        context = GatewayContext(
            options=clients.options,
            router=clients.router,
            deadlines=clients.deadlines,
            server_id=access.server_id,
            server_name=lambda: access.server_name,
            next_cid=clients.registry.next_cid,
            connect=self._connect,
            account_names=access.accounts.names,
            routes=cluster.members.first_routes,
            addresses=local_addresses,
            join_tls=_join_tls,
            tls_details=_details,
            defer_to_thread=access.defer_to_thread,
        )
        self._use_tls(context, self.prepare(clients.options))
        self.table = Gateways(context)
        clients.router.add_subscription_listener(self.table.telling.tally)
        access.accounts.listen(self.table.account_added)

    def _connect(self, host: str, port: int, factory: IProtocolFactory) -> Deferred[Any]:
        return connect_tcp(self._reactor, host, port, factory, flush=self._clients.router.flush)

    # TLS

    def prepare(self, options: Options) -> ServerTls | None:
        """What ``options`` need that may fail: the TLS of the listener.

        :raises pubsub.errors.PubSubError: it cannot be as configured, or that of a remote.
        """
        gateway = options.gateway
        remotes = [remote.tls for remote in gateway.gateways if remote.tls is not None]
        if not gateway.port or (gateway.tls is None and not remotes):
            return None
        # OpenSSL takes its time to load, so only who needs it waits for it
        from pubsub.transport.tls import ClientTls, ServerTls

        for tls in remotes:
            ClientTls(tls, "")
        return None if gateway.tls is None else ServerTls(gateway.tls, self._reactor)

    def _use_tls(self, context: GatewayContext, fresh: ServerTls | None) -> None:
        if fresh is None:
            return
        if self._tls is None:
            self._tls = fresh
        else:
            self._tls.adopt(fresh)
        context.serve_tls = self._tls.start_tls

    # its life

    def open(self) -> None:
        """Listen, and connect to other clusters.

        :raises pubsub.errors.ListenError: the address cannot be had.
        """
        table = self.table
        if table is None:
            return
        gateway = table.context.gateway
        self._port, address = bind_tcp(
            self._reactor,
            "gateway",
            gateway.host,
            gateway.port,
            GatewayFactory(table),
            self._clients.router.flush,
        )
        startup.say(self._log, startup.Line(f"Gateway name is {gateway.name}"))
        where = host_port(gateway.host, address.port)
        startup.say(self._log, startup.Line(f"Listening for gateways connections on {where}"))
        blocks = [gateway.tls, *(remote.tls for remote in gateway.gateways)]
        if any(tls is not None and tls.insecure for tls in blocks):
            startup.say(self._log, startup.Line(_INSECURE, LogLevel.warn))
        table.start(address.port)

    def stop_listening(self) -> Deferred[Any]:
        """Accept no more gateways. Fires when the port is closed."""
        port, self._port = self._port, None
        return maybeDeferred(port.stopListening) if port is not None else succeed(None)

    def close(self) -> Deferred[None]:
        """Close everything. Fires when nothing is left open."""
        stopped = self.stop_listening()
        return stopped.addCallback(lambda _: self.table.close_all() if self.table else None)

    def reload(self, options: Options, prepared: ServerTls | None) -> None:
        """Obey changed options; what needs a restart was refused before. Cannot fail.

        :param prepared: see :meth:`prepare`.
        """
        if self.table is not None:
            context = self.table.context
            old = context.gateway
            self._use_tls(context, prepared)
            context.options = options
            self.table.reloaded(old)

    # what is known about it

    @property
    def port(self) -> int:
        """The gateway port; 0 before it is open, or when there is none."""
        return self.table.port if self.table is not None else 0

    @property
    def address(self) -> tuple[str, int]:
        """Host and port that other clusters are told."""
        return self.table.address() if self.table is not None and self.port else ("", 0)

    @property
    def tls_not_after(self) -> float:
        """When the listener's certificate expires, epoch seconds; 0.0 without TLS."""
        return self._tls.not_after if self._tls is not None else 0.0

    def addresses(self) -> list[tuple[str, int]]:
        """Host, as configured, and port of the listener, if there is one."""
        return [(self._clients.options.gateway.host, self.port)] if self.port else []

    def outbound(self) -> list[GatewayProtocol]:
        """The gateways we send on, by the name of the cluster."""
        found = self.table.outbound if self.table is not None else {}
        return [found[name] for name in sorted(found)]

    def nearest(self) -> list[str]:
        """The clusters we send to, the nearest first."""
        return [each.name for each in self.table.nearest()] if self.table is not None else []

    def inbound(self) -> list[GatewayProtocol]:
        """Those that send to us."""
        return list(self.table.inbound.values()) if self.table is not None else []


def _details(transport: Any) -> TlsDetails:
    from pubsub.transport.tls_details import tls_details

    return tls_details(transport)


def _join_tls(transport: Any, protocol: Any, options: TlsOptions, hostname: str) -> None:
    from pubsub.transport.tls import ClientTls

    ClientTls(options, hostname).start_tls(transport, protocol)
