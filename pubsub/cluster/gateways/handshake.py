"""How servers of two clusters introduce themselves to each other.

Theory of operation::

    we open it                               we are connected to
       │ ◀───────────────── INFO ────────────────│   at once
       │ ─────────────── CONNECT, INFO ────────▶ │   when INFO was read: here it is registered
       │                                         │   there when both were read
       │ ◀──── RS+ (queue groups) ────────────── │
       │ ◀──── INFO (other clusters) ─────────── │   one for each
       │ ◀──── INFO, RS+ …, INFO ─────────────── │   for each account: its interest
       │ ───────────── RMSG, HMSG ─────────────▶ │

and the other side opens one to us in turn, unless it has one already. The order of checks is
nats-server's (processGatewayConnect, processGatewayInfo). An INFO that comes later is the other
cluster's (its servers are others now), that of a third one, or about the interest in an account.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from twisted.logger import LogLevel

from pubsub.cluster import keepalive
from pubsub.cluster.admitting import Terms, admit
from pubsub.cluster.connection import auth_timeout
from pubsub.cluster.gateways.messages import (
    ALL_TOLD,
    GOSSIP,
    TELLS_ALL,
    GatewayConnect,
    GatewayInfo,
)
from pubsub.errors import (
    ClosedState,
    ConnectedToGatewayPort,
    LinkRefused,
    MalformedArguments,
    StaleConnection,
)
from pubsub.quoting import quoted

if TYPE_CHECKING:
    from pubsub.cluster.gateways.protocol import GatewayProtocol

__all__ = ["connect_received", "greet", "info_received"]


def greet(gateway: GatewayProtocol) -> None:
    """Say what can be said before anything was heard."""
    context = gateway.context
    if gateway.dialled:
        gateway.log(
            LogLevel.info, f"Creating outbound gateway connection to {quoted(gateway.name)}"
        )
        # the other side understands nothing before CONNECT, so it cannot be asked
        _, most = gateway.ping_options()
        patience = keepalive.interval_of(gateway) * (most + 1)
        gateway.ping_deadline = context.deadlines.add(patience, _silent, gateway)
        return
    gateway.log(LogLevel.info, "Processing inbound gateway connection")
    timeout = context.gateway.timeout
    gateway.auth_deadline = context.deadlines.add(timeout, auth_timeout, gateway)
    gateway.send(gateway.gateways.introduction())


def _silent(gateway: GatewayProtocol) -> None:
    gateway.ping_deadline = None
    gateway.fault(StaleConnection())


# CONNECT


def connect_received(gateway: GatewayProtocol, argument: bytes) -> None:
    """CONNECT arrived: whoever came to us says who it is."""
    context, link = gateway.context, gateway.link
    assert link is not None
    context.deadlines.cancel(gateway.auth_deadline)
    gateway.auth_deadline = None
    if gateway.dialled or gateway.name:
        gateway.fault(MalformedArguments("CONNECT was not expected"))
        return
    link.awaiting_connect = False
    try:
        connect = GatewayConnect.parse(argument)
    except MalformedArguments as fault:
        gateway.fault(fault)
        return
    options, option = context.gateway, "gateway.authorization.password"
    urls = [url for remote in options.gateways for url in remote.urls]
    terms = Terms(options.user, options.password, option, urls)
    said = (connect.user, connect.password)
    admit(gateway, terms, said, lambda: _known(gateway, connect))


def _known(gateway: GatewayProtocol, connect: GatewayConnect) -> None:
    """It may speak to us; is it a cluster we want to know?"""
    gateways = gateway.gateways
    if not connect.gateway:
        gateway.fault(ConnectedToGatewayPort())
        return
    if gateways.rejected(connect.gateway):
        gateway.log(LogLevel.error, f"Rejecting connection from gateway {quoted(connect.gateway)}")
        text = f"Connection to gateway {quoted(gateways.name)} rejected"
        gateway.fault(LinkRefused(text, ClosedState.WRONG_GATEWAY))
        return
    gateway.name = connect.gateway
    gateway.introduced()


# INFO


def info_received(gateway: GatewayProtocol, argument: bytes) -> None:
    """INFO arrived."""
    try:
        info = GatewayInfo.parse(argument)
    except MalformedArguments as fault:
        gateway.fault(fault)
        return
    if gateway.dialled:
        _from_there(gateway, info)
    elif gateway.info is None:
        _came(gateway, info)


def _from_there(gateway: GatewayProtocol, info: GatewayInfo) -> None:
    """INFO of a server we connected to."""
    gateways, remote = gateway.gateways, gateway.remote
    assert remote is not None
    first = gateway.info is None
    if not info.gateway:
        text = f"Attempt to connect to gateway {quoted(gateway.name)} using wrong port"
        gateway.fault(LinkRefused(text, ClosedState.WRONG_PORT))
    elif info.gateway != gateway.name:
        if not first and info.command == GOSSIP:
            if not gateways.rejected(info.gateway):
                gateways.told_of(info)
        else:
            _wrong(gateway, info)
    elif gateways.duplicate_name(info.server_name):
        _duplicate(gateway, info)
    else:
        if info.urls:
            remote.replace(info.urls)
        if first:
            _found(gateway, info)
        elif info.command:
            _commanded(gateway, info)
            return
        if gateway.closed_state is None:
            gateways.tell_members(info)


def _wrong(gateway: GatewayProtocol, info: GatewayInfo) -> None:
    there = quoted(info.gateway)
    gateway.log(
        LogLevel.error,
        f"Failing connection to gateway {quoted(gateway.name)}, remote gateway name is {there}",
    )
    # what it is told makes sense in its own log
    text = (
        f"Connection from {quoted(gateway.gateways.name)} rejected, wanted to connect to"
        f" {quoted(gateway.name)}, this is {there}"
    )
    gateway.fault(LinkRefused(text, ClosedState.WRONG_GATEWAY))


def _duplicate(gateway: GatewayProtocol, info: GatewayInfo) -> None:
    gateway.log(LogLevel.error, f"Remote server has a duplicate name: {quoted(info.server_name)}")
    gateway.close(ClosedState.DUPLICATE_SERVER_NAME)


def _found(gateway: GatewayProtocol, info: GatewayInfo) -> None:
    """It is the cluster we looked for: say who we are, and send to it from now on."""
    context, gateways, link, remote = (
        gateway.context,
        gateway.gateways,
        gateway.link,
        gateway.remote,
    )
    assert link is not None
    assert remote is not None
    _remember(gateway, info)
    options, url = context.gateway, gateway.url
    user, password = options.user, options.password
    if url is not None and url.user:
        user, password = url.user, url.password
    connect = GatewayConnect(
        user=user,
        password=password,
        tls_required=gateway.tls_options() is not None,
        name=context.server_id,
        gateway=gateways.name,
    )
    gateway.send(connect.to_bytes())
    gateway.send(gateways.introduction())
    gateway.interest.interest_only = info.interest_only
    link.peer = replace(
        link.peer,
        headers=info.headers and not context.options.no_header_support,
        hash=remote.hash,
        old_hash=remote.old_hash,
        old_replies=not info.new_replies,
        presumed=None if info.interest_only else gateway.interest.presumed,
    )
    if gateways.register_outbound(gateway):
        gateway.log(
            LogLevel.info,
            f"Outbound gateway connection to {quoted(gateway.name)} ({info.server_id}) registered",
        )
        gateway.introduced()
    else:
        gateway.no_reconnect = True
        gateway.close(ClosedState.WRONG_GATEWAY)


def _commanded(gateway: GatewayProtocol, info: GatewayInfo) -> None:
    if info.command == TELLS_ALL:
        gateway.interest.begin_telling(info)
    elif info.command == ALL_TOLD:
        gateway.interest.end_telling(info)
    else:
        gateway.log(
            LogLevel.warn,
            f"Received unknown command {info.command} from gateway {quoted(gateway.name)}",
        )


def _came(gateway: GatewayProtocol, info: GatewayInfo) -> None:
    """The INFO of a server that came to us."""
    context, gateways, link = gateway.context, gateway.gateways, gateway.link
    assert link is not None
    if info.gateway != gateway.name:
        gateway.fault(
            MalformedArguments(
                f"Gateway {quoted(gateway.name)} calls itself {quoted(info.gateway)} in INFO"
            )
        )
        return
    if gateways.duplicate_name(info.server_name):
        _duplicate(gateway, info)
        return
    _remember(gateway, info)
    headers = info.headers and not context.options.no_header_support
    # it was promised to be told all interest, and understands that
    promised = context.interest_only and info.interest_only
    link.peer = replace(link.peer, headers=headers, optimistic=not promised)
    gateways.register_inbound(gateway)
    gateway.log(
        LogLevel.info,
        f"Inbound gateway connection from {quoted(info.gateway)} ({info.server_id}) registered",
    )
    gateways.telling.begin(gateway)
    gateways.told_of(info)
    gateways.gossip_to(gateway)
    gateways.telling.tell_all(gateway)


def _remember(gateway: GatewayProtocol, info: GatewayInfo) -> None:
    gateway.info = info
    gateway.remote_id, gateway.remote_name = info.server_id, info.server_name
