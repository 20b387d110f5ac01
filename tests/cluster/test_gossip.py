"""Who meets a new server tells the others, and those connect."""

from __future__ import annotations

from pubsub.cluster.solicit import Target
from pubsub.config.options import RouteUrl
from tests.cluster.network import Network, info_of
from tests.cluster.raw import CONNECT, INFO, accepted, line, member


def test_members_are_told_of_a_new_one() -> None:
    """With the address it can be reached at, and without what only concerns us."""
    node = Network().node("a")
    raw = member(node)
    raw.received()
    other = accepted(node)
    third = {**INFO, "server_id": "NY", "server_name": "y", "host": "y", "nonce": "n"}
    other.send(line(b"CONNECT", CONNECT, name="NY"), line(b"INFO", third))
    (told,) = raw.received()
    info = info_of(told)
    assert (info["server_id"], info["ip"]) == ("NY", "nats-route://192.168.1.1:6222/")
    assert "nonce" not in info
    # it connected to us: we do not have to tell it again (gossipDisabled)
    assert info["gossip_mode"] == 1


def test_whom_we_are_told_of_we_connect_to() -> None:
    network = Network()
    node = network.node("a")
    network.node("y")
    raw = member(node)
    told = {**INFO, "server_id": "NY", "host": "y", "ip": "nats-route://y:6222/"}
    raw.send(line(b"INFO", told))
    network.settle(0.2)
    assert node.peers() == ["x", "y"]


def test_not_to_ourselves_nor_to_whom_we_know() -> None:
    network = Network()
    node = network.node("a", "y")
    raw = member(node)
    for server_id, ip in (("NA", "nats-route://a:6222/"), ("NX", "nats-route://x:6222/")):
        raw.send(line(b"INFO", INFO, server_id=server_id, ip=ip))
    # it is one of routes
    raw.send(line(b"INFO", INFO, server_id="NY", host="y", ip="nats-route://y:6222/"))
    # nor where there is nothing
    raw.send(line(b"INFO", INFO, server_id="NZ", ip="nonsense"))
    network.settle(0.2)
    assert node.peers() == ["x"]


def test_who_needs_a_password_gets_ours() -> None:
    network = Network()
    node = network.node("a", user="u", password="p")
    network.node("b", "a", user="u", password="p")
    network.node("c", user="u", password="p")
    node.members.solicitor.solicit(_to("c"))
    network.nodes["b"].members.solicitor.solicit(_to("a"))
    network.settle(1)
    assert node.peers() == ["b", "c"]
    assert network.nodes["c"].peers() == ["a", "b"]


def _to(host: str) -> Target:
    return Target(RouteUrl(host, 6222, "u", "p"), False)
