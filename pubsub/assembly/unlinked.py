"""A server on its own: what is asked of its links to others, answered without loading them.

Routes, gateways and leaf nodes are a third of this package; most servers have none of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from twisted.internet.defer import Deferred, succeed

from pubsub.client.registry import NO_COUNTERS
from pubsub.cluster.leafs.figures import LeafFigures
from pubsub.wire.info import ServerInfo

if TYPE_CHECKING:
    from pubsub.assembly.access import ServerAccess
    from pubsub.assembly.leafs import Prepared
    from pubsub.assembly.links import ServerLinks
    from pubsub.client.context import ClientContext
    from pubsub.config.options import LeafNodeOptions, Options
    from pubsub.transport.tls import ServerTls

__all__ = [
    "NoCluster",
    "NoGateways",
    "NoLeafs",
    "NoLinks",
    "PreparedLinks",
    "make_links",
    "may_be_linked",
]

_NOBODY: Sequence[Any] = ()


def make_links(
    options: Options, reactor: Any, access: ServerAccess, clients: ClientContext
) -> ServerLinks | NoLinks:
    """The links of a server. No reload gives links to a server that was started without.

    :param access: the server as its parts see it.
    :param clients: the server as its clients see it.
    :raises pubsub.errors.PubSubError: TLS or a password cannot be as configured.
    """
    if not (options.cluster.port or options.gateway.port or options.leafnodes.present):
        return NoLinks(options)
    from pubsub.assembly.links import ServerLinks

    return ServerLinks(options, reactor, access, clients)


def may_be_linked(options: Options, system_account: str) -> bool:
    """Whether other servers may hear what is said in the system account."""
    links = (options.cluster, options.gateway, options.leafnodes)
    return any(each.port for each in links) or any(
        remote.account == system_account for remote in options.leafnodes.remotes
    )


class PreparedLinks(NamedTuple):
    """What may fail in a reload, done."""

    cluster: ServerTls | None
    gateways: ServerTls | None
    leafs: Prepared | None


class NoMembers:
    """The table of routes, empty."""

    alive = slow_consumers = stale_connections = 0
    past = NO_COUNTERS
    open: Mapping[int, Any] = {}
    remotes: Mapping[str, Any] = {}

    def routes(self) -> Sequence[Any]:
        """None."""
        return _NOBODY


class NoCluster:
    """No routes. There may be a name of the cluster, nevertheless."""

    enabled = False
    port = 0

    def __init__(self, options: Options) -> None:
        self.members = NoMembers()
        self._name = options.cluster.name

    def addresses(self) -> Sequence[tuple[str, int]]:
        """It does not listen."""
        return _NOBODY

    def introduce(self, info: ServerInfo) -> ServerInfo:
        """INFO to clients, with the name."""
        return replace(info, cluster=self._name)


class NoGateways:
    """No gateways."""

    table = None
    port = 0
    address = ("", 0)
    tls_not_after = 0.0

    def addresses(self) -> Sequence[tuple[str, int]]:
        """It does not listen."""
        return _NOBODY

    def outbound(self) -> Sequence[Any]:
        """It sends to none,"""
        return _NOBODY

    def inbound(self) -> Sequence[Any]:
        """and none sends to it."""
        return _NOBODY


class NoLeafs:
    """Neither leaf nodes nor hubs."""

    context = None
    port = 0
    tls_not_after = 0.0

    def __init__(self) -> None:
        self.figures = LeafFigures()

    def addresses(self) -> Sequence[tuple[str, int]]:
        """It does not listen."""
        return _NOBODY

    def linked(self) -> Sequence[Any]:
        """None."""
        return _NOBODY

    def reload(self, old: LeafNodeOptions, prepared: Prepared | None) -> None:
        """There are no links to change."""


class NoLinks:
    """In place of :class:`pubsub.assembly.links.ServerLinks`, with the same parts."""

    def __init__(self, options: Options) -> None:
        self.cluster = NoCluster(options)
        self.gateways = NoGateways()
        self.leafs = NoLeafs()

    def open(self, client_port: int) -> None:
        """There is nothing to listen on."""

    def keep_house(self) -> None:
        """Nothing to do."""

    def say_leaving(self) -> tuple[str, ...]:
        """Clients have nowhere else to go."""
        return ()

    def close(self) -> Deferred[None]:
        """Nothing is open."""
        return succeed(None)

    def prepare(self, options: Options) -> PreparedLinks:
        """Nothing can fail."""
        return PreparedLinks(None, None, None)

    def reload(self, options: Options, prepared: PreparedLinks) -> None:
        """Nothing changes."""
