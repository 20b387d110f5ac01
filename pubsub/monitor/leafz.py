"""``/leafz``: the leaf nodes of this server, and the hubs it is a leaf node of.

Names, order and what is left out when empty are those of nats-server 2.15's ``Leafz`` and
``LeafInfo`` (``server/monitor.go``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pubsub.client.registry import NO_COUNTERS
from pubsub.config.options import LeafRemoteOptions
from pubsub.monitor.goformat import nanoseconds, number, rfc3339, rtt
from pubsub.monitor.query import Query
from pubsub.monitor.state import IServerState

if TYPE_CHECKING:
    from pubsub.cluster.leafs.protocol import LeafProtocol

__all__ = ["LeafzOptions", "leaf_block", "leafz"]


@dataclass(frozen=True)
class LeafzOptions:
    """What is asked for."""

    #: list the subjects they want to hear
    subscriptions: bool = False
    #: only those of this account, ``""`` for all
    account: str = ""

    @classmethod
    def from_query(cls, query: Query) -> LeafzOptions:
        """``subs=1``, ``acc=A``.

        :raises pubsub.errors.BadMonitorQuery: ``subs`` is no truth value.
        """
        return cls(query.boolean("subs"), query.text("acc"))


def leafz(state: IServerState, options: LeafzOptions) -> dict[str, Any]:
    """The page, as a dictionary in the order of its fields."""
    leafs = [
        _row(leaf, options)
        for leaf in state.leafs.linked()
        if options.account in ("", leaf.account)
    ]
    return {
        "server_id": state.info.server_id,
        "now": rfc3339(state.now()),
        "leafnodes": len(leafs),
        "leafs": leafs,
    }


def _row(leaf: LeafProtocol, options: LeafzOptions) -> dict[str, Any]:
    link = leaf.link
    counters = link.counters() if link is not None else NO_COUNTERS
    row = {
        "id": leaf.cid,
        "name": leaf.remote_server,
        "is_spoke": leaf.spoke,
        **({"is_isolated": True} if leaf.isolated else {}),
        "account": leaf.account,
        "ip": leaf.host,
        "port": leaf.port,
        **({"rtt": rtt(leaf.rtt)} if leaf.rtt else {}),
        "in_msgs": counters.in_msgs,
        "out_msgs": counters.out_msgs,
        "in_bytes": counters.in_bytes,
        "out_bytes": counters.out_bytes,
        "subscriptions": counters.subscriptions,
    }
    heard = link.subscriptions() if link is not None and options.subscriptions else ()
    if heard:
        row["subscriptions_list"] = [each.subject.decode("utf-8", "replace") for each in heard]
    if leaf.compression:
        row["compression"] = leaf.compression
    if leaf.identity.proxy_key:
        row["proxy"] = {"key": leaf.identity.proxy_key}
    return row


def leaf_block(state: IServerState) -> dict[str, Any]:
    """``leaf`` in /varz (``LeafNodeOptsVarz``): empty without leaf nodes."""
    options = state.options.leafnodes
    block: dict[str, Any] = {}
    if options.port:
        block |= {"host": options.host, "port": state.leafs.port}
        block["auth_timeout"] = number(options.timeout)
        block["tls_timeout"] = number(options.tls.timeout if options.tls is not None else 2.0)
        if options.tls is not None:
            block["tls_required"] = True
            if options.tls.verify:
                block["tls_verify"] = True
    if options.remotes:
        block["remotes"] = [_remote(remote) for remote in options.remotes]
    if options.write_deadline:
        block["write_deadline"] = nanoseconds(options.write_deadline)
    if options.write_timeout != "default":
        block["write_timeout"] = options.write_timeout
    if state.leafs.tls_not_after:
        block["tls_cert_not_after"] = rfc3339(state.leafs.tls_not_after)
    return block


def _remote(remote: LeafRemoteOptions) -> dict[str, Any]:
    row: dict[str, Any] = {
        "local_account": remote.account,
        "urls": [url.address for url in remote.urls],
    }
    if remote.tls is not None:
        row["tls_timeout"] = number(remote.tls.timeout)
    denied = {"imports": list(remote.deny_imports), "exports": list(remote.deny_exports)}
    if any(denied.values()):
        row["deny"] = {name: subjects for name, subjects in denied.items() if subjects}
    return row
