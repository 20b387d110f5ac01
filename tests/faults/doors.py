"""A server with a port for everybody, and what is said there by who belongs there."""

from __future__ import annotations

import json
from typing import Any

from pubsub.testing.child import ChildServer
from tests.cluster.processes import Cluster, free_port
from tests.hostile.peers import hello

__all__ = ["CONNECTS", "WELCOME", "open_house"]

#: what a client, and each kind of server, says first
CONNECTS: dict[str, dict[str, Any]] = {
    "client": {"lang": "go", "version": "1.0", "verbose": False, "pedantic": False},
    "route": {"name": "NX", "cluster": "C", "headers": True, "lnoc": True, "lnocu": True},
    "leaf": {"name": "x", "server_id": "NX", "version": "2.15.0", "headers": True},
    "gateway": {"name": "NX", "gateway": "G", "headers": True},
}
_INFO = {
    "server_id": "NX", "server_name": "x", "version": "2.15.0", "proto": 1, "host": "127.0.0.1",
    "port": 1, "headers": True,
}  # fmt: skip


def _lines(who: str, **info: object) -> bytes:
    connect = b"CONNECT %b\r\n" % json.dumps(CONNECTS[who]).encode()
    return connect + (b"INFO %b\r\n" % json.dumps({**_INFO, **info}).encode() if info else b"")


#: what lets somebody in, by port
WELCOME: dict[str, bytes] = {
    "client": hello(headers=True),
    "route": _lines("route", cluster="C"),
    "leaf": _lines("leaf"),
    "gateway": _lines(
        "gateway", gateway="G", gateway_url="127.0.0.1:1", gateway_urls=["127.0.0.1:1"],
        gateway_iom=True,
    ),
}  # fmt: skip


def open_house(cluster: Cluster, router: str) -> tuple[ChildServer, dict[str, int]]:
    """Server ``a`` of the cluster, and its ports by who belongs there."""
    leaf, gateway = free_port(), free_port()
    # nats-server does not have both without a system account
    top = (
        "accounts { SYS {} }\nsystem_account: SYS\n"
        f'leafnodes {{ listen: "127.0.0.1:{leaf}" }}\n'
        f'gateway {{ name: C, listen: "127.0.0.1:{gateway}" }}\n'
    )
    a = cluster.join("a", router, top=top)
    return a, {"client": a.port, "route": cluster.ports["a"], "leaf": leaf, "gateway": gateway}
