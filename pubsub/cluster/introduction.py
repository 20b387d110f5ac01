"""Our INFO on routes. Field by field what nats-server 2.15 says, in its order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pubsub._version import NATS_VERSION
from pubsub.cluster.fields import given
from pubsub.cluster.messages import ROUTE_PROTOCOL, info_line, permission_lists

if TYPE_CHECKING:
    from pubsub.cluster.members import Members

__all__ = ["introduction"]


def introduction(
    members: Members,
    *,
    account: str = "",
    pool_idx: int = 0,
    gossip_mode: int = 0,
    ldm: bool = False,
) -> bytes:
    """The line.

    :param account: the connection is for this account only.
    :param pool_idx: which connection of the pool it is.
    """
    context = members.context
    options, cluster = context.options, context.options.cluster
    tls = cluster.tls is not None
    host, port, ip = members.address()
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
    fields |= given(auth_required=bool(cluster.user), tls_required=tls, tls_verify=tls)
    fields["max_payload"] = options.max_payload
    fields |= given(ip=ip)
    fields |= given(cluster=context.name.value, cluster_dynamic=context.name.dynamic)
    if not cluster.no_advertise:
        fields |= given(connect_urls=list(members.urls.own))
    fields |= given(ldm=ldm, **permission_lists(cluster.permissions))
    fields |= {"lnoc": True, "lnocu": True}
    if cluster.pool_size > 0:
        fields |= {"route_pool_size": cluster.pool_size}
        fields |= given(route_pool_idx=pool_idx, route_account=account)
    fields |= given(gossip_mode=gossip_mode)
    if context.gateways is not None:
        fields |= given(gateway_url=context.gateways.url)
    leafnode_url = context.leafnode_url()
    fields |= given(leafnode_urls=[leafnode_url] if leafnode_url else [])
    return info_line(fields)
