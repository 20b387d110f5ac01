"""The leaf node links of a server, put together: where it listens, which hubs it connects to."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.logger import Logger, LogLevel

from pubsub.client.preamble_types import TlsDetails
from pubsub.cluster.leafs.accepting import async_info
from pubsub.cluster.leafs.auth import LeafUsers, make_leaf_users
from pubsub.cluster.leafs.context import LeafContext
from pubsub.cluster.leafs.factory import LeafFactory
from pubsub.cluster.leafs.figures import LeafFigures
from pubsub.cluster.leafs.keepalive import close_blocked
from pubsub.cluster.leafs.reloading import change_remotes, check_accepted
from pubsub.cluster.leafs.remote import LeafRemote
from pubsub.errors import ClosedState
from pubsub.system import startup
from pubsub.system.addresses import local_addresses
from pubsub.system.introduction import advertised
from pubsub.transport.connect import connect_tcp
from pubsub.transport.listen import bind_tcp, host_port
from pubsub.wire.info import go_json

if TYPE_CHECKING:
    from twisted.internet.interfaces import IListeningPort, IProtocolFactory

    from pubsub.assembly.access import ServerAccess
    from pubsub.assembly.cluster import Cluster
    from pubsub.client.context import ClientContext
    from pubsub.cluster.leafs.protocol import LeafProtocol
    from pubsub.config.options import LeafNodeOptions, Options, TlsOptions
    from pubsub.transport.tls import ServerTls
    from pubsub.values.accounts import UserOptions

__all__ = ["Leafs"]

#: what may fail in a reload, done: TLS of the listener, its users
Prepared = tuple["ServerTls | None", "LeafUsers | None"]

_INSECURE = (
    "TLS certificate chain and hostname of solicited leafnodes will not be verified."
    " DO NOT USE IN PRODUCTION!"
)


class Leafs:
    """The leaf node links of one server.

    :param access: the server as its parts see it.
    :param clients: the server as its clients see it.
    :param cluster: the name of the cluster this server is in, ``""`` for none; asked each time.
    :ivar context: what the links share, ``None`` if nothing is configured.
    :raises pubsub.errors.PubSubError: TLS or a password cannot be as configured.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        access: ServerAccess,
        clients: ClientContext,
        cluster: Callable[[], str],
    ) -> None:
        self._reactor = reactor
        self._clients = clients
        self._access = access
        self._port: IListeningPort | None = None
        self._remotes: list[LeafRemote] = []
        self._tls: ServerTls | None = None
        self.port = 0
        self.context: LeafContext | None = None
        options = clients.options.leafnodes
        if not options.present:
            return
        self.context = LeafContext(
            clients,
            access.server_id,
            lambda: access.server_name,
            self._connect,
            cluster_name=cluster,
            join_tls=self._join_tls,
            authenticator=self._make_users(clients.options),
            gateways=bool(clients.options.gateway.port),
        )
        if self.context.gateways and access.system_account:
            self.context.account_linked = self._account_linked
        self._use_tls(self.context, options)
        access.users.listen(self._user_changed)

    def _make_users(self, options: Options) -> LeafUsers | None:
        return make_leaf_users(
            options.leafnodes,
            self._access.defer_to_thread,
            self._reactor.seconds,
            options.trusted_proxies,
        )

    def _user_changed(self, key: str, user: UserOptions | None) -> None:
        """A user of the server's lists is another now, or none: leaf nodes come back as it."""
        for leaf in self.linked():
            if leaf.remote is None and key in (leaf.identity.user, leaf.identity.nkey):
                assert self.context is not None
                if self.context.authenticator is None:
                    leaf.close(ClosedState.AUTHENTICATION_VIOLATION)

    def _use_tls(self, context: LeafContext, options: LeafNodeOptions) -> None:
        context.tls_details = _details
        self._tls = self._make_tls(options)
        if self._tls is not None:
            context.serve_tls = self._tls.start_tls

    def _account_linked(self, account: str) -> None:
        """nats-server's sendLeafNodeConnectMsg."""
        access = self._access
        subject = f"$SYS.ACCOUNT.{account}.LEAFNODE.CONNECT".encode("utf-8", "surrogateescape")
        payload = go_json({"server": dict(access.server_info()), "acc": account})
        access.router.publish(access.system_account, subject, b"", b"", payload)
        assert self.context is not None
        self.context.flush_soon()

    def _make_tls(self, options: LeafNodeOptions) -> ServerTls | None:
        """That of the listener, made anew.

        :raises pubsub.errors.InvalidOption: it cannot be as configured, there or at a remote.
        """
        ours = options.tls if options.port else None
        theirs = [remote.tls for remote in options.remotes if remote.tls is not None]
        if ours is None and not theirs:
            return None
        # OpenSSL takes its time to load, so only who needs it waits for it
        from pubsub.transport.tls import ClientTls, ServerTls

        for tls in theirs:
            ClientTls(tls, "")
        return None if ours is None else ServerTls(ours, self._reactor)

    def _join_tls(self, transport: Any, protocol: Any, options: TlsOptions, host: str) -> None:
        from pubsub.transport.tls import ClientTls

        ClientTls(options, host).start_tls(transport, protocol)

    def _connect(
        self, host: str, port: int, factory: IProtocolFactory, timeout: float
    ) -> Deferred[Any]:
        flush = self._clients.router.flush
        return connect_tcp(
            self._reactor, host, port, factory, timeout=timeout, flush=flush, watched=True
        )

    # its life

    def open(self) -> None:
        """Listen, and connect to the hubs.

        :raises pubsub.errors.ListenError: the address cannot be had.
        """
        context = self.context
        if context is None:
            return
        options = context.options
        insecure = any(remote.tls is not None and remote.tls.insecure for remote in options.remotes)
        if insecure:
            startup.say(self._log, startup.Line(_INSECURE, LogLevel.warn))
        if options.port:
            self._listen(context, options)
        self._remotes = [LeafRemote(context, remote) for remote in options.remotes]
        for remote in self._remotes:
            remote.start()

    def _listen(self, context: LeafContext, options: LeafNodeOptions) -> None:
        # a leaf node that takes nothing has as long as anybody; one that is out of reach, too
        watched = options.write_deadline or self._clients.options.write_deadline
        self._port, address = bind_tcp(
            self._reactor,
            "leafnodes",
            options.host,
            options.port,
            LeafFactory(context),
            self._clients.router.flush,
            watched,
        )
        self.port = address.port
        host = options.host
        if not options.advertise and host in ("", "0.0.0.0", "::"):
            host = _public_address() or host
        context.address = advertised(options.advertise, host, address.port)
        where = host_port(options.host, address.port)
        startup.say(self._log, startup.Line(f"Listening for leafnode connections on {where}"))

    def join_cluster(self, cluster: Cluster) -> None:
        """Tell other members where leaf nodes connect, and leaf nodes where other members are."""
        cluster.context.leafnode_url = self._own_url
        cluster.context.leafnode_urls_changed = lambda: self._urls_changed(
            cluster.members.leafnode_urls.all(leaving=True)
        )

    def _own_url(self) -> str:
        context = self.context
        if context is None or context.options.no_advertise:
            return ""
        return host_port(*context.address) if context.address[1] else ""

    def _urls_changed(self, others: tuple[str, ...]) -> None:
        context = self.context
        if context is None or context.options.no_advertise:
            return
        context.other_urls = others
        self._introduce_anew()

    def say_leaving(self) -> None:
        """Lame duck mode: no new leaf nodes; those that are here go elsewhere when they are lost.

        They stay as long as the server does. (nats-server does not tell them, and takes others.)
        """
        self.stop_listening()
        if self.context is not None:
            self.context.leaving = True
            self._introduce_anew()

    def _introduce_anew(self) -> None:
        for leaf in self.linked():
            if leaf.remote is None:
                leaf.send(async_info(leaf))

    def addresses(self) -> list[tuple[str, int]]:
        """Host, as configured, and port of the listener, if there is one."""
        return [(self._clients.options.leafnodes.host, self.port)] if self.port else []

    def linked(self) -> list[LeafProtocol]:
        """The links there are."""
        return list(self.context.linked.values()) if self.context is not None else []

    @property
    def figures(self) -> LeafFigures:
        """What the links have done so far."""
        return self.context.figures if self.context is not None else LeafFigures()

    @property
    def tls_not_after(self) -> float:
        """When the listener's certificate expires, epoch seconds; 0.0 without TLS."""
        return self._tls.not_after if self._tls is not None else 0.0

    def keep_house(self) -> None:
        """Called about once a second: links that take nothing any more are closed."""
        context = self.context
        if context is None:
            return
        limit = context.options.write_deadline or self._clients.options.write_deadline
        for leaf in list(context.linked.values()):
            close_blocked(leaf, limit, self._clients.monotonic())

    # reloading

    def prepare(self, options: Options) -> Prepared | None:
        """What a reload to ``options`` needs that may fail; ``None`` if there is nothing.

        :raises pubsub.errors.PubSubError: TLS or a password cannot be as configured.
        """
        if self.context is None:
            return None
        return self._make_tls(options.leafnodes), self._make_users(options)

    def reload(self, old: LeafNodeOptions, prepared: Prepared | None) -> None:
        """Obey the options as they are now: remotes come and go. Cannot fail."""
        context = self.context
        if context is None or prepared is None:
            return
        tls, context.authenticator = prepared
        if self._tls is not None and tls is not None:
            self._tls.adopt(tls)
        else:
            self._tls = tls
        if self._tls is not None:
            context.serve_tls = self._tls.start_tls
        check_accepted(context, old)
        self._remotes = change_remotes(context, self._remotes, context.options.remotes)

    def stop_listening(self) -> Deferred[None]:
        """Accept no more leaf nodes."""
        port, self._port = self._port, None
        if port is None:
            return succeed(None)
        stopping: Any = port.stopListening
        stopped: Deferred[None] = maybeDeferred(stopping)
        return stopped

    def close(self) -> Deferred[None]:
        """Close everything; transports that linger are waited for elsewhere."""
        for remote in self._remotes:
            remote.stop()
        if self.context is not None:
            for leaf in self.context.all():
                leaf.close(ClosedState.SERVER_SHUTDOWN)
            self.context.stop()
        return self.stop_listening()


def _details(transport: Any) -> TlsDetails:
    from pubsub.transport.tls_details import tls_details

    return tls_details(transport)


def _public_address() -> str:
    """One that others reach this machine by, ``""`` if it has none."""
    for text in local_addresses():
        address = ipaddress.ip_address(text)
        if not (address.is_loopback or address.is_link_local or address.is_multicast):
            return text
    return ""
