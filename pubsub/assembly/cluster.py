"""The routes of a server, put together: where it listens, whom it connects to, what it tells."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import replace
from random import SystemRandom
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.logger import Logger, LogLevel

from pubsub.client.control import announce_info
from pubsub.cluster.context import ClusterContext
from pubsub.cluster.factory import RouteFactory
from pubsub.cluster.members import Members
from pubsub.cluster.names import ClusterName
from pubsub.system import startup
from pubsub.system.addresses import local_addresses
from pubsub.system.introduction import advertised
from pubsub.transport.connect import connect_tcp
from pubsub.transport.listen import bind_tcp, host_port
from pubsub.wire.info import InfoRenderer, ServerInfo

if TYPE_CHECKING:
    from twisted.internet.interfaces import IListeningPort, IProtocolFactory

    from pubsub.assembly.access import ServerAccess
    from pubsub.client.context import ClientContext
    from pubsub.config.options import Options
    from pubsub.transport.tls import ServerTls

__all__ = ["Cluster", "client_urls"]

_INSECURE = (
    "TLS certificate chain and hostname of solicited routes will not be verified."
    " DO NOT USE IN PRODUCTION!"
)


class Cluster:
    """The routes of one server.

    :param access: the server as its parts see it.
    :param clients: the server as its clients see it: they are told of other servers.
    :ivar name: of the cluster, even where there are no routes.
    :ivar members: the table of routes.
    :raises pubsub.errors.PubSubError: TLS cannot be as configured.
    """

    _log = Logger()

    def __init__(
        self, options: Options, reactor: Any, access: ServerAccess, clients: ClientContext
    ) -> None:
        self._reactor = reactor
        self._access = access
        self._clients = clients
        self._port: IListeningPort | None = None
        self._tls: ServerTls | None = None
        name = options.cluster.name or options.gateway.name
        self.name = ClusterName(name, SystemRandom())
        self.name.listen(self._introduce_anew)
        self.context = ClusterContext(
            options=options,
            router=clients.router,
            deadlines=clients.deadlines,
            server_id=access.server_id,
            server_name=lambda: access.server_name,
            next_cid=clients.registry.next_cid,
            connect=self._connect,
            name=self.name,
            account_known=self._account_known,
            urls_changed=self._urls_changed,
            defer_to_thread=access.defer_to_thread,
            system_account=access.system_account,
        )
        self._use_tls(options, self.prepare(options))
        self.members = Members(self.context)
        if self.enabled:
            clients.router.add_subscription_listener(self.members.telling.interest)

    @property
    def enabled(self) -> bool:
        """Whether there are routes."""
        return bool(self.context.options.cluster.port)

    @property
    def port(self) -> int:
        """The route port; 0 before it is open, or when there is none."""
        return self.members.port

    def addresses(self) -> list[tuple[str, int]]:
        """Host, as configured, and port of the listener, if there is one."""
        return [(self.context.options.cluster.host, self.port)] if self.port else []

    def introduce(self, info: ServerInfo) -> ServerInfo:
        """INFO to clients, with what it says of the cluster.

        As nats-server: who has hubs and no cluster is a cluster of one, by its own name.
        """
        name = self.name.value
        if not self.enabled and self.name.dynamic:
            name = info.server_name if self.context.options.leafnodes.remotes else ""
        return replace(
            info,
            cluster=name,
            cluster_dynamic=self.enabled and self.name.dynamic,
            connect_urls=self._urls(),
        )

    def _urls(self, *, leaving: bool = False) -> tuple[str, ...]:
        if self.context.options.cluster.no_advertise:
            return ()
        return self.members.urls.all(leaving=leaving)

    def _introduce_anew(self) -> None:
        info = self.introduce(self._clients.info.info)
        self._clients.info = InfoRenderer(info)
        self._access.accounts.in_cluster(info.cluster)

    def _urls_changed(self) -> None:
        self._introduce_anew()
        announce_info(self._clients)

    def _account_known(self, name: str) -> bool:
        # Whom an operator vouches for is only looked up when somebody comes.
        return bool(self.context.options.operator) or self._access.accounts.find(name) is not None

    # TLS

    def prepare(self, options: Options) -> ServerTls | None:
        """What ``options`` need that may fail.

        :raises pubsub.errors.PubSubError: TLS cannot be as configured.
        """
        tls = options.cluster.tls
        if tls is None:
            return None
        # OpenSSL takes its time to load, so only who needs it waits for it
        from pubsub.transport.tls import ServerTls

        return ServerTls(replace(tls, verify=True), self._reactor)

    def _use_tls(self, options: Options, fresh: ServerTls | None) -> None:
        tls = options.cluster.tls
        if tls is None or fresh is None:
            return
        from pubsub.transport.tls import ClientTls

        if self._tls is None:
            self._tls = fresh
        else:
            self._tls.adopt(fresh)
        context = self.context
        context.serve_tls = self._tls.start_tls
        context.tls_details = self._tls.details

        def join(transport: Any, protocol: Any, hostname: str) -> None:
            ClientTls(tls, self._tls_name(hostname)).start_tls(transport, protocol)

        context.join_tls = join

    def _tls_name(self, host: str) -> str:
        """Whose certificate it has to be: of an address, that of the first name in ``routes``,
        if there is one (nats-server: saveRouteTLSName)."""
        if not _is_address(host):
            return host
        routes = self.context.options.cluster.routes
        return next((url.host for url in routes if not _is_address(url.host)), host)

    # its life

    def open(self, client_port: int) -> None:
        """Listen, and connect to the servers of ``routes``.

        :param client_port: where clients connect, for other servers to tell theirs.
        :raises pubsub.errors.ListenError: the address cannot be had.
        """
        if not self.enabled:
            return
        options = self.context.options
        cluster = options.cluster
        self.members.urls.own = client_urls(options, client_port)
        self._port, address = bind_tcp(
            self._reactor,
            "cluster",
            cluster.host,
            cluster.port,
            RouteFactory(self.members),
            self.context.router.flush,
        )
        self.members.port = address.port
        startup.say(self._log, startup.Line(f"Cluster name is {self.name.value}"))
        if self.name.dynamic:
            text = "Cluster name was dynamically generated, consider setting one"
            startup.say(self._log, startup.Line(text, LogLevel.warn))
        if cluster.tls is not None and cluster.tls.insecure:
            startup.say(self._log, startup.Line(_INSECURE, LogLevel.warn))
        where = host_port(cluster.host, address.port)
        startup.say(self._log, startup.Line(f"Listening for route connections on {where}"))
        self.members.start()

    def _connect(self, host: str, port: int, factory: IProtocolFactory) -> Deferred[Any]:
        return connect_tcp(self._reactor, host, port, factory, flush=self.context.router.flush)

    def say_leaving(self) -> tuple[str, ...]:
        """Lame duck mode: no new routes, and other servers send no clients here.

        :returns: where our clients may go instead.
        """
        self.stop_listening()
        self.members.say_leaving()
        return self._urls(leaving=True)

    def stop_listening(self) -> Deferred[Any]:
        """Accept no more routes. Fires when the port is closed."""
        port, self._port = self._port, None
        return maybeDeferred(port.stopListening) if port is not None else succeed(None)

    def close(self) -> Deferred[None]:
        """Close everything. Fires when nothing is left open."""
        stopped = self.stop_listening()
        return stopped.addCallback(lambda _: self.members.close_all())

    # reloading

    def reload(self, new: Options, prepared: ServerTls | None) -> None:
        """Obey changed options; what needs a restart was refused before. Cannot fail.

        :param prepared: see :meth:`prepare`.
        """
        old = self.context.options
        self._use_tls(new, prepared)
        self.context.options = new
        if new.cluster.no_advertise != old.cluster.no_advertise:
            self._urls_changed()
        else:
            self._introduce_anew()
        self.members.reloaded(old.cluster)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def client_urls(
    options: Options, port: int, addresses: Callable[[], list[str]] = local_addresses
) -> tuple[str, ...]:
    """``host:port`` for each address clients may use (nats-server: getConnectURLs).

    :param port: the client port.
    :param addresses: those of this machine.
    """
    if options.client_advertise or options.host not in ("", "0.0.0.0", "::"):
        host, port = advertised(options.client_advertise, options.host, port)
        return (host_port(host, port),)
    found = [ipaddress.ip_address(address) for address in addresses()]
    routable = [
        address
        for address in found
        if not (address.is_loopback or address.is_link_local or address.is_multicast)
    ]
    return tuple(host_port(str(address), port) for address in routable)
