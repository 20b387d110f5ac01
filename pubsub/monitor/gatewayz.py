"""``/gatewayz``: the other clusters this server sends to, and those that send to it.

Names, order and what is left out when empty are those of nats-server 2.15's ``Gatewayz``,
``RemoteGatewayz`` and ``AccountGatewayz`` (``server/monitor.go``).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pubsub.client.registry import NO_COUNTERS, ConnectionInfo
from pubsub.cluster.gateways.modes import InterestMode
from pubsub.interfaces import SubscriptionInfo
from pubsub.monitor.connz import connection_block
from pubsub.monitor.goformat import nanoseconds, number, rfc3339
from pubsub.monitor.query import Query
from pubsub.monitor.state import IServerState
from pubsub.monitor.subsz import subscription_detail

if TYPE_CHECKING:
    from pubsub.cluster.gateways.protocol import GatewayProtocol
    from pubsub.cluster.gateways.table import Gateways
    from pubsub.config.options import RemoteGatewayOptions

__all__ = ["GatewayzOptions", "gateway_block", "gatewayz"]


@dataclass(frozen=True)
class GatewayzOptions:
    """What is asked for."""

    #: only this cluster, ``""`` for all
    name: str = ""
    #: say which accounts want something, and how that is told
    accounts: bool = False
    #: only this account, ``""`` for all; asks for ``accounts``
    account: str = ""
    #: list the subjects of what they want
    subscriptions: bool = False
    #: list what they want with all that is known
    detail: bool = False

    @classmethod
    def from_query(cls, query: Query) -> GatewayzOptions:
        """``gw_name=B``, ``accs=1``, ``acc_name=A``, ``subs=1`` or ``subs=detail``.

        :raises pubsub.errors.BadMonitorQuery: a value that is none of these.
        """
        detail = query.text("subs").lower() == "detail"
        return cls(
            subscriptions=not detail and query.boolean("subs"),
            detail=detail,
            accounts=query.boolean("accs"),
            name=query.text("gw_name"),
            account=query.text("acc_name"),
        )


def gatewayz(state: IServerState, options: GatewayzOptions) -> dict[str, Any]:
    """The page, as a dictionary in the order of its fields."""
    now = state.now()
    gateways = state.gateways
    page: dict[str, Any] = {"server_id": state.info.server_id, "now": rfc3339(now)}
    outbound: dict[str, Any] = {}
    inbound: dict[str, list[Any]] = {}
    if gateways.table is not None:
        host, port = gateways.address
        page |= {"name": state.options.gateway.name, "host": host, "port": port}
    for each in gateways.outbound():
        if options.name in ("", each.name):
            configured = each.remote is not None and not each.remote.implicit
            outbound[each.name] = _row(each, configured, _sent_to(each, options), now)
    for each in gateways.inbound():
        if options.name in ("", each.name):
            row = _row(each, False, _told(each, options), now)
            inbound.setdefault(each.name, []).append(row)
    # null: so says nats-server of a cluster it sends nothing to
    unknown = gateways.table is not None and bool(options.name) and not outbound
    return page | {
        "outbound_gateways": None if unknown else outbound,
        "inbound_gateways": inbound,
    }


def _row(
    gateway: GatewayProtocol, configured: bool, accounts: list[dict[str, Any]], now: float
) -> dict[str, Any]:
    link = gateway.link
    last = link.last_activity if link is not None else 0.0
    connection = ConnectionInfo(
        cid=gateway.cid,
        ip=gateway.host,
        port=gateway.port,
        start=gateway.start,
        last_activity=max(last, gateway.start),
        rtt=gateway.rtt,
        counters=link.counters() if link is not None else NO_COUNTERS,
        name=gateway.remote_id,
        tls=gateway.tls,
        kind="Gateway",
        type="",
    )
    return {
        "configured": configured,
        "connection": connection_block(connection, now),
        **({"accounts": accounts} if accounts else {}),
    }


def _asked_for(names: Iterable[str], options: GatewayzOptions) -> list[str]:
    """The accounts to show."""
    if options.account:
        return [name for name in names if name == options.account]
    return list(names) if options.accounts else []


def _account(
    name: str, mode: InterestMode, unwanted: int, plain: int = 0, queues: int = 0
) -> dict[str, Any]:
    """``AccountGatewayz``.

    :param unwanted: subjects nobody wants, as the one who does not want them said.
    """
    # who has no gateways does not load what they are made of
    from pubsub.cluster.gateways.telling import MOST_REFUSED

    return {
        "name": name,
        "interest_mode": mode.value,
        **({"no_interest_count": unwanted} if unwanted else {}),
        "interest_only_threshold": MOST_REFUSED,
        **({"num_subs": plain + queues} if plain + queues else {}),
        **({"num_queue_subs": queues} if queues else {}),
    }


def _sent_to(gateway: GatewayProtocol, options: GatewayzOptions) -> list[dict[str, Any]]:
    """What the other cluster wants to hear, by account."""
    accounts = gateway.interest.accounts
    names = _asked_for(accounts, options)
    heard: dict[str, list[SubscriptionInfo]] = {}
    for each in gateway.link.subscriptions() if names and gateway.link is not None else ():
        heard.setdefault(each.account, []).append(each)
    rows = []
    for name in names:
        there, subscriptions = accounts[name], heard.get(name, [])
        if there is None:
            rows.append(_account(name, InterestMode.OPTIMISTIC, 0))
            continue
        queues = sum(1 for each in subscriptions if each.queue)
        plain = len(subscriptions) - queues
        row = _account(name, there.mode, len(there.unwanted or ()), plain, queues)
        if subscriptions and options.subscriptions:
            texts = [each.subject.decode("utf-8", "replace") for each in subscriptions]
            row["subscriptions_list"] = texts
        elif subscriptions and options.detail:
            details = [subscription_detail(each, with_account=False) for each in subscriptions]
            row["subscriptions_list_detail"] = details
        rows.append(row)
    return rows


def _told(gateway: GatewayProtocol, options: GatewayzOptions) -> list[dict[str, Any]]:
    """What the other cluster was told of the interest here, by account."""
    rows = []
    for name in _asked_for(gateway.told, options):
        told = gateway.told[name]
        if told is None:
            rows.append(_account(name, InterestMode.OPTIMISTIC, 0))
        else:
            rows.append(_account(name, told.mode, len(told.refused or ())))
    return rows


def gateway_block(state: IServerState) -> dict[str, Any]:
    """``gateway`` in /varz (``GatewayOptsVarz``): empty without gateways."""
    gateways, options = state.gateways, state.options.gateway
    if gateways.table is None:
        return {}
    tls = options.tls
    block: dict[str, Any] = {
        "name": options.name,
        "host": options.host,
        "port": gateways.port,
        "auth_timeout": number(options.timeout),
        "tls_timeout": number(tls.timeout if tls is not None else 2.0),
    }
    if tls is not None:
        block |= {"tls_required": True, "tls_verify": True}
    if options.advertise:
        block["advertise"] = options.advertise
    if options.connect_retries:
        block["connect_retries"] = options.connect_retries
    if options.gateways:
        block["gateways"] = [_remote(gateways.table, remote) for remote in options.gateways]
    if options.reject_unknown_cluster:
        block["reject_unknown"] = True
    if options.write_deadline:
        block["write_deadline"] = nanoseconds(options.write_deadline)
    if options.write_timeout != "default":
        block["write_timeout"] = options.write_timeout
    if gateways.tls_not_after:
        block["tls_cert_not_after"] = rfc3339(gateways.tls_not_after)
    return block


def _remote(table: Gateways, remote: RemoteGatewayOptions) -> dict[str, Any]:
    known = table.remotes.get(remote.name)
    return {
        "name": remote.name,
        **({"tls_timeout": number(remote.tls.timeout)} if remote.tls is not None else {}),
        # of our own cluster, which is not connected to, those that are configured
        "urls": list(known.urls) if known is not None else [url.address for url in remote.urls],
    }
