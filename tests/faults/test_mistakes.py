"""Servers with one name, and whoever knocks at the wrong door: told so, and nobody else minds."""

from __future__ import annotations

import json

import pytest

from tests.cluster.processes import Cluster
from tests.faults.doors import CONNECTS, open_house
from tests.faults.ears import Ears, publish
from tests.hostile.peers import Peer
from tests.patience import wait_for


def test_two_servers_with_one_name_are_kept_apart(cluster: Cluster, ears: Ears, kind: str) -> None:
    """Who came first refuses the other, each goes on alone, and a new name mends it."""
    a = cluster.join("a", kind)
    twin = cluster.join("twin", kind, "a", top="server_name: a")
    wait_for(lambda: 'Remote server has a duplicate name: "a"' in a.log)
    wait_for(lambda: "Duplicate Server Name" in a.log)
    here, there = ears.listen(a, "x"), ears.listen(twin, "x")
    publish(ears.talker(a), "x", b"for a")
    publish(ears.talker(twin), "x", b"for its twin")
    wait_for(lambda: here.payloads("x") == [b"for a"])
    wait_for(lambda: there.payloads("x") == [b"for its twin"])
    assert cluster.page("a", "varz")["remotes"] == 0
    assert cluster.page("a", "routez")["routes"] == []

    twin.stop()
    path = twin.directory / "server.conf"
    path.write_text(path.read_text().replace("server_name: a\n", ""))
    twin.start()
    wait_for(cluster.meshed, "they have different names now")
    there = ears.listen(twin, "y")
    wait_for(lambda: cluster.heard("a")["twin"]["y", ""] == 1)
    publish(ears.talker(a), "y", b"for both")
    wait_for(lambda: there.payloads("y") == [b"for both"])


#: door, who knocks, and what is answered before it is closed
WRONG_DOORS = [
    ("route", "client", b"-ERR 'attempted to connect to route port'\r\n"),
    ("leaf", "client", b"-ERR 'attempted to connect to leaf node port'\r\n"),
    (
        "route",
        "gateway",
        b"-ERR 'Rejecting connection from gateway \"G\" on the Route port'\r\n",
    ),
    (
        "leaf",
        "gateway",
        b"-ERR 'Rejecting connection from gateway \"G\" on the leafnode port'\r\n",
    ),
    ("gateway", "client", b"-ERR 'attempted to connect to gateway port'\r\n"),
    ("gateway", "route", b"-ERR 'attempted to connect to gateway port'\r\n"),
    ("gateway", "leaf", b"-ERR 'attempted to connect to gateway port'\r\n"),
    ("client", "route", b"-ERR 'Unknown Protocol Operation'\r\n"),
    ("client", "leaf", b"-ERR 'Unknown Protocol Operation'\r\n"),
]
#: what follows CONNECT, if something does
NEXT = {"route": b"RS+ $G foo\r\n", "leaf": b"LS+ foo\r\n"}


@pytest.mark.compared
@pytest.mark.parametrize("router", ["native", "python", "newer"])
def test_who_knocks_at_the_wrong_door_is_told_so(cluster: Cluster, ears: Ears, router: str) -> None:
    """A table, while others talk."""
    a, doors = open_house(cluster, router)
    listener, talker = ears.listen(a, "x"), ears.talker(a)
    for number, (door, who, answer) in enumerate(WRONG_DOORS):
        with Peer(doors[door], info=False) as peer:
            assert peer.line().startswith(b"INFO ")
            peer.send(b"CONNECT %b\r\n" % json.dumps(CONNECTS[who]).encode() + NEXT.get(who, b""))
            assert peer.rest().endswith(answer), (door, who)
        publish(talker, "x", b"%d" % number)
    numbers = [b"%d" % number for number in range(len(WRONG_DOORS))]
    wait_for(lambda: listener.payloads("x") == numbers)


def test_servers_that_are_told_the_wrong_doors_say_so(
    cluster: Cluster, ears: Ears, kind: str
) -> None:
    """Its routes lead to all ports but that for routes, and so on."""
    a, doors = open_house(cluster, kind)
    listener = ears.listen(a, "x")
    wrong = {who: [port for door, port in doors.items() if door != who] for who in doors}
    remotes = ", ".join(f'{{ url: "127.0.0.1:{port}" }}' for port in wrong["leaf"])
    gateways = ", ".join(
        f'{{ name: G{port}, url: "127.0.0.1:{port}" }}' for port in wrong["gateway"]
    )
    top = (
        f"leafnodes {{ remotes [ {remotes} ] }}\n"
        f'gateway {{ name: C, listen: "127.0.0.1:-1", gateways [ {gateways} ] }}\n'
    )
    b = cluster.join("b", kind, *wrong["route"], top=top)
    wait_for(lambda: b.log.count("Attempted to connect to a port that is not for routes") >= 3)
    wait_for(lambda: b.log.count("attempted to connect to wrong port") >= 3)
    for port in wrong["gateway"]:
        text = f'Attempt to connect to gateway "G{port}" using wrong port'
        wait_for(lambda text=text: text in b.log, text)
    for name in "ab":
        assert cluster.page(name, "routez")["routes"] == []
        assert cluster.page(name, "leafz")["leafs"] == []
        assert cluster.page(name, "gatewayz")["inbound_gateways"] == {}
    publish(ears.talker(a), "x", b"end")
    wait_for(lambda: listener.payloads("x") == [b"end"])
