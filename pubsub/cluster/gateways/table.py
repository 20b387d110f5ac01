"""The table of gateways: which clusters there are, and by which connections they are reached.

To each other cluster this server opens one connection, to any server of it; any number of servers
of other clusters may have opened one to us. Clusters find each other: a server tells whoever
connects to it of all clusters it knows, and the other servers of its own cluster of each it has
connected to (nats-server: gossipGatewaysToInboundGateway, forwardNewGatewayToLocalCluster,
sendGatewayConfigsToRoute, processImplicitGateway).
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from pubsub._version import NATS_VERSION
from pubsub.cluster.fields import given
from pubsub.cluster.gateways.messages import GOSSIP, GatewayInfo, gossip_line
from pubsub.cluster.gateways.remotes import MOST_REMOTES, Remote
from pubsub.cluster.gateways.solicit import Solicitor
from pubsub.cluster.gateways.telling import Telling
from pubsub.cluster.hashes import old_hash, short_hash
from pubsub.cluster.messages import ROUTE_PROTOCOL, info_line
from pubsub.cluster.sweep import BlockedSweep
from pubsub.cluster.urls import split_advertised
from pubsub.config.options import GatewayOptions, GatewayUrl
from pubsub.errors import ClosedState, MalformedArguments
from pubsub.interfaces import GatewayNames, LinkCounters

if TYPE_CHECKING:
    from pubsub.cluster.gateways.context import GatewayContext
    from pubsub.cluster.gateways.protocol import GatewayProtocol
    from pubsub.cluster.protocol import RouteProtocol

__all__ = ["Gateways"]

#: nats-server's defaultSolicitGatewaysDelay: the cluster should be complete before its servers
#: tell others where they are
_SOLICIT_DELAY = 1.0


class Gateways:
    """All gateways of one server.

    :ivar name: of our cluster.
    :ivar remotes: other clusters, by name: those of ``gateways``, and those we were told of.
    :ivar outbound: the gateways we opened, by the name of the cluster.
    :ivar inbound: those that came to us, by connection id.
    :ivar own_urls: what ``gateways`` says of our own cluster; it is not connected to.
    :ivar url: ``host:port`` where other clusters reach us, ``""`` before we listen.
    :ivar port: where we listen for gateways.
    :ivar alive: transports that exist.
    :ivar closing: the server ends: no new gateways.
    :ivar slow_consumers: gateways that were closed because they did not keep up.
    :ivar stale_connections: gateways whose other end answered no more.
    :ivar telling: its ``tally`` has to hear of subscriptions from the beginning.
    """

    _log = Logger()

    def __init__(self, context: GatewayContext) -> None:
        options = context.gateway
        self.context = context
        self.name = options.name
        self.names = GatewayNames(
            short_hash(options.name), short_hash(context.server_id), old_hash(options.name)
        )
        self.remotes: dict[str, Remote] = {}
        self.own_urls: tuple[GatewayUrl, ...] = ()
        for remote in options.gateways:
            if remote.name == options.name:
                self.own_urls = remote.urls
            else:
                self.remotes[remote.name] = Remote(remote.name, remote)
        self.outbound: dict[str, GatewayProtocol] = {}
        self.inbound: dict[int, GatewayProtocol] = {}
        #: all connections that are open, registered or not yet
        self.open: dict[int, GatewayProtocol] = {}
        #: what gateways that are gone have done
        self.past = LinkCounters(0, 0, 0, 0, 0, 0, 0)
        self.url = ""
        self.port = 0
        self._address = ("", 0)
        self.alive = 0
        self.slow_consumers = 0
        self.stale_connections = 0
        self.closing = False
        self.solicitor = Solicitor(self)
        self.telling = Telling(self)
        self.sweep = BlockedSweep(
            context.deadlines, self._write_deadline, self.open.values, lambda: context.monotonic()
        )
        #: where other clusters reach this one, and how many of our servers say so
        self._urls: Counter[str] = Counter()
        self._order: list[GatewayProtocol] = []
        self._flushing = False
        self._all_lost: list[Deferred[None]] = []

    def _write_deadline(self) -> float:
        options = self.context.options
        return options.gateway.write_deadline or options.write_deadline

    # its life

    def start(self, port: int) -> None:
        """We listen there: tell others, and connect to the clusters of ``gateways`` in a moment.

        :raises ValueError: ``advertise`` is neither host nor host and port.
        """
        self.port = port
        self._address = self._find_address()
        self.url = GatewayUrl(*self._address).address
        self._urls[self.url] += 1
        what = "Advertise address for" if self.context.gateway.advertise else "Address for"
        verb = "is set to" if self.context.gateway.advertise else "is"
        self._log.info(
            '{what} gateway "{name}" {verb} {url}',
            what=what,
            name=self.name,
            verb=verb,
            url=self.url,
        )
        self.context.router.use_gateways(self.names, ())
        self.context.deadlines.add(_SOLICIT_DELAY, Gateways._solicit, self)

    def _solicit(self) -> None:
        for remote in list(self.remotes.values()):
            if not remote.implicit:
                self.solicitor.solicit(remote)

    def address(self) -> tuple[str, int]:
        """Host and port for other clusters to reach us at."""
        return self._address

    def _find_address(self) -> tuple[str, int]:
        options = self.context.gateway
        if options.advertise:
            return split_advertised(options.advertise, self.port)
        if options.host in ("", "0.0.0.0", "::"):
            for address in self.context.addresses():
                if _is_public(address):
                    return address, self.port
            self._log.error(
                'Could not find any non-local IP for gateway "{name}" with listen specification'
                ' "{host}"',
                name=self.name,
                host=options.host,
            )
        return options.host, self.port

    def close_all(self) -> Deferred[None]:
        """The server ends. Fires when no transport is left."""
        self.closing = True
        self.solicitor.stop()
        for gateway in list(self.open.values()):
            gateway.close(ClosedState.SERVER_SHUTDOWN)
        deferred: Deferred[None] = Deferred()
        if self.alive:
            self._all_lost.append(deferred)
        else:
            deferred.callback(None)
        return deferred

    def account_added(self, name: str) -> None:
        """There is one account more here."""
        self.telling.account_added(name)

    def reloaded(self, old: GatewayOptions) -> None:
        """Obey the options as they are now; only those of TLS can be others than before."""
        tls = self.context.gateway.tls
        pins = tls.pinned_certs if tls is not None else frozenset()
        if not pins or (old.tls is not None and old.tls.pinned_certs == pins):
            return
        for gateway in list(self.open.values()):
            shown = gateway.tls.peer_certificates
            if not shown or shown[0].spki_sha256 not in pins:
                gateway.close(ClosedState.TLS_HANDSHAKE_ERROR)

    # what we say of ourselves

    def introduction(self) -> bytes:
        """Our INFO on gateways."""
        context = self.context
        options, gateway = context.options, context.gateway
        tls = gateway.tls is not None
        host, port = self.address()
        fields: dict[str, Any] = {
            "server_id": context.server_id,
            "server_name": context.server_name(),
            "version": NATS_VERSION,
            "proto": ROUTE_PROTOCOL,
            "go": "python",
            "host": host,
            "port": port,
            "headers": not options.no_header_support,
        }
        fields |= given(auth_required=bool(gateway.user), tls_required=tls, tls_verify=tls)
        fields |= {"max_payload": options.max_payload, "gateway": self.name}
        fields |= given(gateway_urls=self.urls(), gateway_url=self.url, gateway_nrp=True)
        return info_line(fields | given(gateway_iom=context.interest_only))

    def urls(self) -> list[str]:
        """Where other clusters reach this one, ourselves first."""
        return sorted(self._urls, key=lambda url: (url != self.url, url))

    def add_url(self, url: str) -> None:
        """Another server of our cluster can be reached there."""
        if url:
            self._urls[url] += 1
            if self._urls[url] == 1:
                self._introduce_anew()

    def remove_url(self, url: str) -> None:
        """It is gone."""
        if url and url in self._urls and not self.closing:
            self._urls[url] -= 1
            if not self._urls[url]:
                del self._urls[url]
                self._introduce_anew()

    def _introduce_anew(self) -> None:
        line = self.introduction()
        for gateway in list(self.inbound.values()):
            gateway.send(line)

    # other clusters

    def rejected(self, name: str) -> bool:
        """Whether we want to have nothing to do with that cluster."""
        return self.context.gateway.reject_unknown_cluster and name not in self.remotes

    def told_of(self, info: GatewayInfo) -> None:
        """There is that cluster: connect to it, unless we know it (processImplicitGateway)."""
        if info.gateway == self.name:
            return
        remote = self.remotes.get(info.gateway)
        if remote is not None:
            remote.add(info.urls)
            return
        remote = Remote(info.gateway)
        remote.add(info.urls)
        if remote.urls and len(self.remotes) < MOST_REMOTES and not self.closing:
            self.remotes[remote.name] = remote
            self.solicitor.solicit(remote)

    def forget(self, remote: Remote) -> None:
        """It cannot be reached."""
        if self.remotes.get(remote.name) is remote:
            del self.remotes[remote.name]

    def comes(self, name: str) -> bool:
        """Whether one of that cluster's servers has connected to us."""
        return any(gateway.name == name for gateway in self.inbound.values())

    def gossip_to(self, gateway: GatewayProtocol) -> None:
        """Tell who came to us of the clusters there are."""
        for remote in self.remotes.values():
            if remote.name != gateway.name and remote.urls:
                gateway.send(gossip_line(self.context.server_id, remote.name, remote.urls))

    # our own cluster

    def tell_members(self, info: GatewayInfo) -> None:
        """Tell the servers of our cluster of another one: they connect to it, too."""
        line = gossip_line(
            f"GW{self.context.server_id}",
            info.gateway,
            info.urls,
            server_name=self.context.server_name(),
        )
        for route in self.context.routes():
            route.send(line)

    def tell_member(self, route: RouteProtocol) -> None:
        """It is new: tell it of the clusters we are connected to."""
        for gateway in self.outbound.values():
            remote = gateway.remote
            if remote is not None and remote.urls:
                route.send(gossip_line(f"GW{self.context.server_id}", remote.name, remote.urls))

    def told_by_member(self, argument: bytes, server_id: str) -> None:
        """A server of our cluster told of another one.

        :param argument: of its INFO.
        """
        try:
            info = GatewayInfo.parse(argument)
        except MalformedArguments as fault:
            if self.context.faults.admits(server_id):
                self._log.error("{fault} from server {id}", fault=fault, id=server_id)
            return
        if info.command == GOSSIP:
            self.told_of(info)
        elif self.context.faults.admits(server_id):
            self._log.error(
                "Unknown command {command} from server {id}", command=info.command, id=server_id
            )

    def duplicate_name(self, name: str) -> bool:
        """Whether a server of our cluster has that name, too."""
        return bool(name) and (
            name == self.context.server_name()
            or any(route.remote_name == name for route in self.context.routes())
        )

    # connections

    def connected(self, gateway: GatewayProtocol) -> None:
        """A transport exists."""
        self.alive += 1
        self.open[gateway.cid] = gateway
        self.sweep.start()

    def register_outbound(self, gateway: GatewayProtocol) -> bool:
        """It is how we send to its cluster from now on; False if we do so already."""
        if gateway.name in self.outbound:
            return False
        self.outbound[gateway.name] = gateway
        self.order()
        return True

    def register_inbound(self, gateway: GatewayProtocol) -> None:
        """It is told what is wanted here from now on."""
        self.inbound[gateway.cid] = gateway

    def order(self) -> None:
        """The nearest is sent to first."""
        order = sorted(self.outbound.values(), key=lambda gateway: gateway.rtt)
        if order != self._order:
            self._order = order
            links = [gateway.link for gateway in order if gateway.link is not None]
            self.context.router.use_gateways(self.names, links)
            self.context.reordered()

    def nearest(self) -> list[GatewayProtocol]:
        """The gateways we opened in the order in which they are sent to."""
        return list(self._order)

    def remove(self, gateway: GatewayProtocol) -> None:
        """It is closed: it is in no table any more."""
        self.open.pop(gateway.cid, None)
        self.inbound.pop(gateway.cid, None)
        if self.outbound.get(gateway.name) is gateway:
            del self.outbound[gateway.name]
            self.order()
        link = gateway.link
        if link is not None:
            sums = (a + b for a, b in zip(self.past, link.counters(), strict=True))
            self.past = LinkCounters(*sums)._replace(pending_bytes=0, subscriptions=0)

    def closed(self, gateway: GatewayProtocol) -> None:
        """It is closed and out of the table: come back, if we opened it."""
        remote = gateway.remote
        if remote is None or self.closing or gateway.no_reconnect:
            return
        if self.remotes.get(remote.name) is remote:
            self.solicitor.come_back(remote)

    def lost(self) -> None:
        """One of the transports is gone."""
        self.alive -= 1
        if not self.alive:
            waiting, self._all_lost = self._all_lost, []
            for deferred in waiting:
                deferred.callback(None)

    def flush_soon(self) -> None:
        """Something was written outside of a turn's reading: see that it goes out."""
        if not self._flushing:
            self._flushing = True
            self.context.deadlines.add(0, Gateways.flush, self)

    def flush(self) -> None:
        """Now."""
        self._flushing = False
        self.context.router.flush()


def _is_public(address: str) -> bool:
    """Whether others can reach it (Go's IsGlobalUnicast)."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return not (
        found.is_loopback or found.is_link_local or found.is_multicast or found.is_unspecified
    )
