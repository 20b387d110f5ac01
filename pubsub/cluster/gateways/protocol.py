"""One gateway: a connection to a server of another cluster.

Each server opens one to each other cluster: messages go out on it, and what the other cluster
wants to hear comes back on it. Those other clusters open bring their messages, and are told what
is wanted here. The states are those of any connection between servers
(:mod:`pubsub.cluster.connection`); what is said in which order stands in
:mod:`pubsub.cluster.gateways.handshake`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from pubsub.client.preamble_types import loss_text
from pubsub.cluster import keepalive
from pubsub.cluster.connection import ServerConnection
from pubsub.cluster.gateways import handshake
from pubsub.cluster.gateways.messages import GatewayInfo
from pubsub.cluster.gateways.obeying import RemoteInterest
from pubsub.errors import MalformedArguments
from pubsub.interfaces import PeerKind, ServerPeer

if TYPE_CHECKING:
    from pubsub.cluster.gateways.remotes import Remote
    from pubsub.cluster.gateways.table import Gateways
    from pubsub.cluster.gateways.telling import ToldAccount
    from pubsub.config.options import GatewayUrl, TlsOptions

__all__ = ["GatewayProtocol"]

#: what :class:`pubsub.transport.tls.ClientTls` says of a certificate with another name
_OTHER_NAME = "certificate is not for"


class GatewayProtocol(ServerConnection):
    """A gateway. Made by :class:`pubsub.cluster.gateways.factory.GatewayFactory`.

    :param gateways: the table of all gateways.
    :param remote: the cluster we connect to; ``None`` if another server came to us.
    :param url: where its server is.
    :ivar name: of the other cluster, ``""`` before it is known.
    :ivar info: what the other server said in its first INFO, ``None`` before that.
    :ivar interest: what the other cluster wants to hear, if we opened this.
    :ivar told: what the other cluster was told of each account if it came to us; ``None``: A-.
    """

    kind = PeerKind.GATEWAY
    tag, noun, title, ending = "gid", "gateway", "Gateway", "Gateway"

    def __init__(
        self, gateways: Gateways, remote: Remote | None = None, url: GatewayUrl | None = None
    ) -> None:
        super().__init__(gateways.context, gateways, dialled=remote is not None)
        self.gateways = gateways
        self.context = gateways.context
        self.remote = remote
        self.url = url
        self.name = remote.name if remote is not None else ""
        self.info: GatewayInfo | None = None
        self.remote_id = ""
        self.remote_name = ""
        self.interest = RemoteInterest(self)
        self.told: dict[str, ToldAccount | None] = {}

    # what is different for gateways (ServerConnection)

    def tls_options(self) -> TlsOptions | None:
        """``gateway { tls }``, or that of the other cluster's entry if we connect to it."""
        gateway = self.context.gateway
        return gateway.tls if self.remote is None else self.remote.tls(gateway)

    def pinned_certs(self) -> frozenset[str]:
        """Those of ``gateway { tls }``, either way."""
        tls = self.context.gateway.tls
        return tls.pinned_certs if tls is not None else frozenset()

    def join_tls(self) -> None:
        """Begin TLS as the client."""
        tls, remote, url = self.tls_options(), self.remote, self.url
        if tls is not None and remote is not None and url is not None:
            self.context.join_tls(self.transport, self, tls, remote.hostname(url))

    def first_peer(self) -> ServerPeer:
        """Who came to us is older than ``gateway_iom`` until it says otherwise."""
        return ServerPeer(optimistic=not self.dialled)

    def longest_interval(self) -> float:
        """nats-server's gwMaxPingInterval."""
        return keepalive.LONGEST_GATEWAY_INTERVAL

    def greet(self) -> None:
        """Say what can be said before anything was heard."""
        handshake.greet(self)

    # what the router tells (ILinkHandler)

    def connect_received(self, argument: bytes) -> None:
        """CONNECT: who came to us."""
        handshake.connect_received(self, argument)

    def info_received(self, argument: bytes) -> None:
        """INFO: the other server's own, that of a third cluster, or a command."""
        handshake.info_received(self, argument)

    def interest_received(self, verb: bytes, argument: bytes) -> None:
        """It wants to hear something, or no longer; only whom we connected to says that."""
        if not self.dialled:
            text = verb.decode("ascii", "replace")
            self.fault(MalformedArguments(f"Received {text} from gateway on inbound connection"))
            return
        try:
            self.interest.received(verb, argument)
        except MalformedArguments as fault:
            self.fault(fault)

    def interest_missing(self, account: str, subject: bytes) -> None:
        """It sent what nobody here wants."""
        if not self.dialled:
            self.gateways.telling.missing(self, account, subject)

    def pong_received(self) -> None:
        """PONG: it may be nearer than others now."""
        keepalive.pong_received(self)
        if self.dialled:
            self.gateways.order()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The transport is gone: if its certificate has another name than that of the cluster,
        servers without a name are not expected to have that one, either."""
        if self.link is None and self.remote is not None and self.url is not None:
            expected = self.remote.hostname(self.url)
            if expected == self.remote.tls_name and _OTHER_NAME in loss_text(reason):
                self.remote.tls_name = ""
        super().connectionLost(reason)

    def introduced(self) -> None:
        """It may be asked whether it is there from now on (setFirstPingTimer)."""
        keepalive.plan_first_ping(self)
