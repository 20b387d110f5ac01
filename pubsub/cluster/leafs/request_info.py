"""Who asks an imported service over a leaf node link (nats-server's ``ClientInfo``).

The link does, as the user it is here: what the other server says of its own clients nobody here
could check. Where it is, is the other server; the cluster is the one of this end, as
nats-server has it (processServiceImport, addServerAndClusterInfo). Only the accepting end was
given a name and a version with CONNECT.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pubsub.wire.gotime import nanoseconds, rfc3339
from pubsub.wire.info import go_json

if TYPE_CHECKING:
    from pubsub.cluster.leafs.protocol import LeafProtocol

__all__ = ["request_info"]


def request_info(leaf: LeafProtocol, detailed: bool) -> bytes:
    """What ``Nats-Request-Info`` says, as JSON, without the empty fields."""
    return go_json({name: value for name, value in _fields(leaf, detailed).items() if value})


def _fields(leaf: LeafProtocol, detailed: bool) -> dict[str, Any]:
    if not detailed:
        return {"acc": leaf.account, "rtt": nanoseconds(leaf.rtt)}
    identity, server = leaf.identity, leaf.context.client.info.info
    vouched = identity.jwt or identity.nkey
    accepted = leaf.remote is None
    return {
        "start": rfc3339(leaf.start),
        "host": leaf.host,
        "id": leaf.cid,
        "acc": leaf.account,
        "user": identity.user,
        "name": leaf.remote_server if accepted else "",
        "ver": leaf.leaf_connect.version if accepted else "",
        "rtt": nanoseconds(leaf.rtt),
        "server": leaf.remote_server,
        "cluster": server.cluster,
        "alts": list(leaf.context.client.alternates()),
        "jwt": identity.jwt,
        "issuer_key": identity.issuer_key or (leaf.account if vouched else ""),
        "name_tag": identity.name_tag,
        "tags": list(identity.tags),
        "kind": "Leafnode",
    }
