"""``/routez``: the connections to the other servers of the cluster.

Names, order and what is left out when empty are those of nats-server 2.15's ``Routez`` and
``RouteInfo`` (``server/monitor.go``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pubsub.client.registry import NO_COUNTERS
from pubsub.interfaces import Permissions
from pubsub.monitor.goformat import nanoseconds, number, rfc3339, rtt, uptime
from pubsub.monitor.query import Query
from pubsub.monitor.state import IServerState
from pubsub.monitor.subsz import subscription_detail

if TYPE_CHECKING:
    from pubsub.cluster.protocol import RouteProtocol

__all__ = ["RoutezOptions", "cluster_block", "routez"]

#: We negotiate nothing else.
_COMPRESSION = "off"


@dataclass(frozen=True)
class RoutezOptions:
    """What is asked for."""

    #: list the subjects of their subscriptions
    subscriptions: bool = False
    #: list their subscriptions with all that is known
    detail: bool = False

    @classmethod
    def from_query(cls, query: Query) -> RoutezOptions:
        """``subs=1`` or ``subs=detail``.

        :raises pubsub.errors.BadMonitorQuery: a value that is none of these.
        """
        detail = query.text("subs").lower() == "detail"
        return cls(subscriptions=not detail and query.boolean("subs"), detail=detail)


def routez(state: IServerState, options: RoutezOptions) -> dict[str, Any]:
    """The page, as a dictionary in the order of its fields."""
    now = state.now()
    routes = [_row(route, options, now) for route in state.cluster.members.routes()]
    return {
        "server_id": state.info.server_id,
        "server_name": state.info.server_name,
        "now": rfc3339(now),
        **_permissions(state.options.cluster.permissions),
        "num_routes": len(routes),
        "routes": routes,
    }


def _row(route: RouteProtocol, options: RoutezOptions, now: float) -> dict[str, Any]:
    link = route.link
    counters = link.counters() if link is not None else NO_COUNTERS
    last = max(link.last_activity, route.start) if link is not None else route.start
    heard = list(link.subscriptions()) if link is not None else []
    info = route.info
    return {
        "rid": route.cid,
        "remote_id": route.remote_id,
        "remote_name": route.remote_name,
        "did_solicit": route.solicited,
        "is_configured": route.explicit,
        "ip": route.host,
        "port": route.port,
        "start": rfc3339(route.start),
        "last_activity": rfc3339(last),
        **({"rtt": rtt(route.rtt)} if route.rtt else {}),
        "uptime": uptime(now - route.start),
        "idle": uptime(now - last),
        **_permissions(info.permissions if info is not None else None),
        "pending_size": counters.pending_bytes,
        "in_msgs": counters.in_msgs,
        "out_msgs": counters.out_msgs,
        "in_bytes": counters.in_bytes,
        "out_bytes": counters.out_bytes,
        "subscriptions": counters.subscriptions,
        **_subscriptions(heard, options),
        **({"account": route.account} if route.account else {}),
        "compression": _COMPRESSION,
    }


def _permissions(permissions: Permissions | None) -> dict[str, Any]:
    # who has no routes does not load what they are made of
    from pubsub.cluster.messages import permission_lists

    return permission_lists(permissions)


def _subscriptions(heard: list[Any], options: RoutezOptions) -> Mapping[str, Any]:
    if heard and options.detail:
        details = [subscription_detail(each, with_account=True) for each in heard]
        return {"subscriptions_list_detail": details}
    if heard and options.subscriptions:
        return {"subscriptions_list": [each.subject.decode("utf-8", "replace") for each in heard]}
    return {}


def cluster_block(state: IServerState) -> dict[str, Any]:
    """``cluster`` in /varz (``ClusterOptsVarz``): without routes there may be a name.

    That of a leaf node, which is a cluster of its own, is left out.
    """
    cluster = state.options.cluster
    if not cluster.port:
        name = cluster.name or state.options.gateway.name
        return {"name": name} if name else {}
    tls = cluster.tls
    block: dict[str, Any] = {
        "name": state.info.cluster,
        "addr": cluster.host,
        "cluster_port": state.cluster.port,
        "auth_timeout": number(cluster.timeout),
    }
    urls = [f"{url.host}:{url.port}" for url in cluster.routes]
    if urls:
        block["urls"] = urls
    block["tls_timeout"] = number(tls.timeout if tls is not None else 2.0)
    if tls is not None:
        block |= {"tls_required": True, "tls_verify": True}
    block["pool_size"] = cluster.pool_size
    if cluster.write_deadline:
        block["write_deadline"] = nanoseconds(cluster.write_deadline)
    if cluster.write_timeout != "default":
        block["write_timeout"] = cluster.write_timeout
    return block
