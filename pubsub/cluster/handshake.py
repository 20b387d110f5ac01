"""How two servers introduce themselves to each other.

Theory of operation, for servers that have no pools (``pool_size: -1``)::

    solicitor                                acceptor
       │ ◀───────────────── INFO ────────────────│   at once
       │ ─────────────── CONNECT, INFO ────────▶ │   at once
       │ becomes a member when it has read INFO  │   so does it, when it has read both
       │ ◀───────────── RS+ … both ways ───────▶ │

With pools the solicitor's INFO waits until it has read the acceptor's: only then it knows which
of the connections between the two this one is. The order of checks is nats-server's
(processRouteConnect, processRouteInfo). An INFO that comes later is about something else: that
the other server is about to leave, that its permissions have changed, or, with the id of
another one, that a third server is there.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from twisted.logger import LogLevel

from pubsub.cluster.admitting import Terms, admit
from pubsub.cluster.connection import auth_timeout
from pubsub.cluster.hashes import short_hash
from pubsub.cluster.messages import RouteConnect, RouteInfo
from pubsub.config.options import RouteUrl
from pubsub.errors import (
    ClosedState,
    ConnectedToRoutePort,
    LinkRefused,
    MalformedArguments,
)
from pubsub.quoting import quoted

if TYPE_CHECKING:
    from pubsub.cluster.protocol import RouteProtocol
    from pubsub.config.options import ClusterOptions

__all__ = ["connect_received", "greet", "info_received", "terms"]

_ANYWHERE = ("", "0.0.0.0", "::")


def greet(route: RouteProtocol) -> None:
    """Say what can be said before anything was heard."""
    context, members = route.context, route.members
    options = context.options.cluster
    if not route.dialled:
        route.send(members.introduce(route))
        if options.user:
            route.auth_deadline = context.deadlines.add(options.timeout, auth_timeout, route)
        return
    url = route.url
    assert url is not None
    connect = RouteConnect(
        user=url.user,
        password=url.password,
        tls_required=options.tls is not None,
        headers=not context.options.no_header_support,
        name=context.server_id,
        cluster=context.name.value,
        cluster_dynamic=context.name.dynamic,
        lnoc=True,
        lnocu=True,
    )
    route.send(connect.to_bytes())
    if not _waits_for_info(route):
        route.send(members.introduce(route))


def _waits_for_info(route: RouteProtocol) -> bool:
    """Whether our INFO comes after theirs."""
    return route.dialled and not route.account and route.context.options.cluster.pool_size > 0


# CONNECT


def connect_received(route: RouteProtocol, argument: bytes) -> None:
    """CONNECT arrived: whoever came to us says who it is."""
    context, link = route.context, route.link
    assert link is not None
    context.deadlines.cancel(route.auth_deadline)
    route.auth_deadline = None
    if route.dialled or route.remote_id:
        route.fault(MalformedArguments("CONNECT was not expected"))
        return
    link.awaiting_connect = False
    try:
        connect = RouteConnect.parse(argument)
    except MalformedArguments as fault:
        route.fault(fault)
        return
    said = (connect.user, connect.password)
    admit(route, terms(context.options.cluster), said, lambda: _known(route, connect))


def terms(options: ClusterOptions) -> Terms:
    """What servers that come to us have to say or to show."""
    option = "cluster.authorization.password"
    return Terms(options.user, options.password, option, options.routes)


def _known(route: RouteProtocol, connect: RouteConnect) -> None:
    """It may speak to us; is it a server of our cluster?"""
    context = route.context
    if connect.lang:
        route.fault(ConnectedToRoutePort())
        return
    if connect.gateway:
        text = f"Rejecting connection from gateway {quoted(connect.gateway)} on the Route port"
        route.fault(LinkRefused(text, ClosedState.WRONG_GATEWAY))
        return
    ours = context.name.value
    if not _agree(route, connect.name, connect.cluster, connect.cluster_dynamic):
        names = f"cluster name {quoted(connect.cluster)} does not match {quoted(ours)}"
        text = f"Rejecting connection, {names}"
        route.fault(LinkRefused(text, ClosedState.CLUSTER_NAME_CONFLICT))
        return
    route.remote_id = connect.name
    route.lnoc, route.lnocu = connect.lnoc, connect.lnocu


def _agree(route: RouteProtocol, server_id: str, cluster: str, dynamic: bool) -> bool:
    """Whether we have one name now; who has another one has to introduce itself again."""
    name = route.context.name
    before = name.value
    if not name.agrees(cluster, dynamic):
        return False
    if name.value != before:
        route.members.close_others(route, server_id)
    return True


# INFO


def info_received(route: RouteProtocol, argument: bytes) -> None:
    """INFO arrived."""
    try:
        info = RouteInfo.parse(argument)
    except MalformedArguments as fault:
        route.fault(fault)
        return
    if route.info is None and info.server_id == route.context.server_id:
        # we reached ourselves
        route.remote_id = info.server_id
        route.close(ClosedState.DUPLICATE_ROUTE)
    elif info.client_id or (route.dialled and route.info is None and not info.cluster):
        route.log(LogLevel.error, "Attempted to connect to a port that is not for routes")
        route.close(ClosedState.WRONG_PORT)
    elif info.cluster and not _agree(route, info.server_id, info.cluster, info.cluster_dynamic):
        route.log(
            LogLevel.error,
            f"Cluster name {quoted(info.cluster)} does not match"
            f" {quoted(route.context.name.value)}",
        )
        route.close(ClosedState.CLUSTER_NAME_CONFLICT)
    elif route.info is None:
        _introduced(route, info)
    else:
        _more_news(route, info, argument)


def _introduced(route: RouteProtocol, info: RouteInfo) -> None:
    """The other server's own INFO, the first: it becomes a member, or is a duplicate."""
    context, link = route.context, route.link
    assert link is not None
    if not route.solicited and info.server_name == context.server_name():
        route.log(LogLevel.error, f"Remote server has a duplicate name: {quoted(info.server_name)}")
        route.close(ClosedState.DUPLICATE_SERVER_NAME)
        return
    headers = info.headers and not context.options.no_header_support
    if not route.dialled and info.account:
        route.account = info.account
    route.remote_id, route.remote_name = info.server_id, info.server_name
    route.lnoc, route.lnocu = info.lnoc, info.lnocu
    link.peer = replace(
        link.peer,
        account=route.account,
        headers=headers,
        leaf_origins=route.lnoc,
        hash=short_hash(info.server_id),
    )
    reachable = _reachable(route, info)
    if route.url is None:
        route.url = reachable
    members = dict(info.members)
    members.pop("nonce", None)
    members["ip"] = info.ip or f"{reachable}/"
    if route.account:
        members["route_account"] = route.account
    route.info = info = replace(info, ip=members["ip"], account=route.account, members=members)
    route.members.join(route, info, send_info=_waits_for_info(route))


def _reachable(route: RouteProtocol, info: RouteInfo) -> RouteUrl:
    """Where other servers reach it: the address it came from, unless it said another."""
    credentials = ("", "")
    if info.auth_required:
        options = route.context.options.cluster
        credentials = (options.user, options.password)
    host = route.host or (info.host if info.host not in _ANYWHERE else "127.0.0.1")
    return RouteUrl(host, info.port, *credentials)


def _more_news(route: RouteProtocol, info: RouteInfo, argument: bytes) -> None:
    members, gateways = route.members, route.context.gateways
    if info.account_request:
        members.account_requested(route, info)
    elif info.gateway and gateways is not None:
        gateways.told_by_member(argument, route.remote_id)
    elif info.gateway:
        route.log(
            LogLevel.error,
            f"Received information about gateway {quoted(info.gateway)} from"
            f" {route.remote_id}, but gateway is not configured",
        )
    elif info.server_id != route.remote_id:
        members.told_of(info, no_pool=route.no_pool)
    elif info.ldm:
        members.leaving(route)
    else:
        members.permissions_changed(route, info)
