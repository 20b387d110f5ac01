"""How the servers of a cluster find each other: who meets a new one tells the others.

A server that learns of another connects to it, unless it is connected, or has it among its
``routes`` (nats-server: forwardNewRouteInfoToKnownServers, processImplicitRoute).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.logger import Logger

from pubsub.cluster.messages import (
    GOSSIP_DEFAULT,
    GOSSIP_DISABLED,
    GOSSIP_OVERRIDE,
    RouteInfo,
    info_line,
)
from pubsub.cluster.solicit import Target
from pubsub.config.options import RouteUrl
from pubsub.config.special_cluster import parse_route_url

if TYPE_CHECKING:
    from pubsub.cluster.members import Members
    from pubsub.cluster.protocol import RouteProtocol

__all__ = ["forward", "told_of"]

_log = Logger()


def forward(members: Members, route: RouteProtocol, info: RouteInfo) -> None:
    """Tell the other members of a new one, that came (or was found) by ``route``."""
    from_gossip = route.solicited and not route.explicit
    if from_gossip and route.gossip_mode != GOSSIP_OVERRIDE:
        return
    if info.gossip_mode == GOSSIP_DISABLED:
        return
    told = set()
    for other in members.dedicated.get(info.account, {}).values() if info.account else ():
        if other.remote_id != info.server_id and not other.no_pool:
            _tell(other, route, info)
        told.add(other.remote_id)
    for other in members.first_routes():
        if other.remote_id == info.server_id or other.remote_id in told:
            continue
        if not info.account or not other.no_pool:
            _tell(other, route, info)


def _tell(other: RouteProtocol, route: RouteProtocol, info: RouteInfo) -> None:
    if other.explicit if not route.solicited else route.explicit:
        mode = GOSSIP_OVERRIDE
    else:
        mode = GOSSIP_DEFAULT if route.solicited else GOSSIP_DISABLED
    members = {name: value for name, value in info.members.items() if name != "gossip_mode"}
    if mode:
        members["gossip_mode"] = mode
    other.send(info_line(members))


def told_of(members: Members, info: RouteInfo, *, no_pool: bool) -> None:
    """Another member knows this server: connect, unless we know it, too.

    :param no_pool: who told us has no pools, so it will not tell of connections for one account.
    """
    options = members.context.options.cluster
    if info.server_id == members.context.server_id:
        return
    if info.account:
        known = info.server_id in members.dedicated.get(info.account, {})
        if options.pool_size < 1 or known:
            return
    elif info.server_id in members.remotes:
        return
    try:
        url = parse_route_url(info.ip)
    except ValueError:
        if members.context.faults.admits("gossip"):
            _log.error("Error parsing URL from INFO: {ip}", ip=info.ip)
        return
    if _configured(options.routes, info, url):
        return
    if info.auth_required:
        url = RouteUrl(url.host, url.port, options.user, options.password)
    members.solicitor.solicit(Target(url, False, info.account, info.gossip_mode))
    if no_pool and not info.account and options.pool_size > 0:
        for account in options.accounts:
            members.solicitor.solicit(Target(url, False, account, info.gossip_mode))


def _configured(routes: tuple[RouteUrl, ...], info: RouteInfo, url: RouteUrl) -> bool:
    """Whether it is one of ``routes``: then we connect to it anyway."""
    addresses = {(info.host.lower(), info.port), (url.host.lower(), info.port)}
    return any((route.host.lower(), route.port) in addresses for route in routes)
