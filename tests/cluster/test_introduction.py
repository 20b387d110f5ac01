"""Our INFO on routes, byte by byte."""

from __future__ import annotations

from pubsub.cluster.introduction import introduction
from pubsub.interfaces import Permissions
from tests.cluster.network import Network, info_of


def test_without_pools_nothing_is_said_of_them() -> None:
    node = Network().node("a")
    assert introduction(node.members) == (
        b'INFO {"server_id":"NA","server_name":"a","version":"2.15.0","proto":2,"go":"python",'
        b'"host":"a","port":6222,"headers":true,"max_payload":1048576,"cluster":"C",'
        b'"connect_urls":["a:4222"],"lnoc":true,"lnocu":true}\r\n'
    )


def test_with_pools_size_index_and_account_are_said() -> None:
    node = Network().node(
        "a", name="", pool_size=5, user="u", no_advertise=True, advertise="out:1",
        permissions=Permissions(subscribe_deny=("x",)),
    )  # fmt: skip
    line = introduction(node.members, account="A", pool_idx=2, gossip_mode=1, ldm=True)
    info = info_of(line.decode())
    assert (info["route_pool_size"], info["route_pool_idx"], info["route_account"]) == (5, 2, "A")
    assert (info["host"], info["port"], info["ip"]) == ("out", 1, "nats-route://out:1/")
    assert (info["cluster_dynamic"], info["auth_required"], info["ldm"]) == (True, True, True)
    assert (info["export"], info["gossip_mode"]) == ({"deny": ["x"]}, 1)
    assert "connect_urls" not in info
