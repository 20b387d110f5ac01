"""What one server that misbehaves and stays connected can write into our log: not much."""

from __future__ import annotations

import json

from pubsub.client.faultlog import LINES_PER_PEER, SERVER_LINES_PER_SECOND
from tests.cluster.gateways.raw import INFO as GATEWAY_INFO
from tests.cluster.gateways.raw import a_server, found
from tests.cluster.leafs.world import Wire, World, a_hub, connect
from tests.cluster.network import Network
from tests.cluster.raw import INFO, line, member

#: ever different lines
MANY = range(300)


def about(log: list[str], text: str) -> int:
    """How many lines hold that."""
    return sum(text in line for line in log)


def errors() -> bytes:
    return b"".join(b"-ERR 'no. %d'\r\n" % number for number in MANY)


def bad_interest() -> list[bytes]:
    """Subjects that cannot be: it is told so, and stays."""
    return [b"RS+ $G a..%d" % number for number in MANY]


def test_a_route(log: list[str]) -> None:
    """That it ends is said, nevertheless."""
    raw = member(Network().node("a"))
    assert len(raw.send(*bad_interest())) == len(MANY)
    assert raw.state is None
    assert 0 < about(log, "Could not insert") <= LINES_PER_PEER
    raw.send(b"HELLO")
    assert about(log, "Router connection closed") == 1


def test_others_beside_it_are_seen(log: list[str]) -> None:
    node = Network().node("a")
    bad, good = member(node), member(node, server_id="NY", server_name="y")
    bad.send(*bad_interest())
    good.send(b"RS+ $G b..1")
    assert about(log, "b'b..1'") == 1


def test_it_is_said_that_lines_are_missing(log: list[str]) -> None:
    raw = member(Network().node("a"))
    raw.send(*bad_interest())
    raw.node.network.settle(1.5)
    raw.send(b"RS+ $G b..1")
    assert about(log, " lines about routes were left out of the log") == 1
    assert about(log, "b'b..1'") == 1


def test_a_member_that_tells_of_gateways(log: list[str]) -> None:
    """Unknown commands, and what cannot be read."""
    server = a_server()
    for number in MANY:
        server.gateways.told_by_member(b'{"gateway":"C","gateway_cmd":%d}' % (number + 10), "NB")
        server.gateways.told_by_member(b"{", "ND")
    assert about(log, "Unknown command") == LINES_PER_PEER
    assert about(log, "from server ND") == LINES_PER_PEER


def test_a_member_that_tells_of_servers_that_cannot_be(log: list[str]) -> None:
    raw = member(Network().node("a"))
    raw.send(
        *(line(b"INFO", INFO, server_id=f"N{number}", ip=f"nonsense {number}") for number in MANY)
    )
    assert 0 < about(log, "Error parsing URL") <= LINES_PER_PEER


def test_a_member_that_tells_of_servers_that_are_not_there(log: list[str]) -> None:
    """Each attempt fails, and there is no end of names."""
    raw = member(Network().node("a"))
    log.clear()
    for turn in range(3):
        urls = [f"nats-route://gone{turn}-{number}:6222/" for number in MANY]
        raw.send(*(line(b"INFO", INFO, server_id=f"N{url}", ip=url) for url in urls))
    raw.node.network.settle(0.2)
    assert 0 < about(log, "gone") <= 2 * SERVER_LINES_PER_SECOND


def test_a_member_that_tells_of_clusters_that_are_not_there(log: list[str]) -> None:
    server = a_server()
    for number in MANY:
        told = {"gateway": f"C{number}", "gateway_urls": ["gone:1"], "gateway_cmd": 1}
        server.gateways.told_by_member(json.dumps(told).encode(), "NB")
    server.network.settle(0.2)
    assert 0 < about(log, "gone") <= 2 * SERVER_LINES_PER_SECOND


def test_a_gateway(log: list[str]) -> None:
    """Commands nobody knows."""
    raw = found(a_server(to={"B": ["x"]}))
    raw.send(*(line(b"INFO", GATEWAY_INFO, gateway_cmd=number + 10) for number in MANY))
    assert raw.state is None
    assert 0 < about(log, "unknown command") <= LINES_PER_PEER


def test_a_leaf_node(world: World, log: list[str]) -> None:
    server = a_hub(world)
    bad, good = Wire(server), Wire(server)
    for wire, name in ((bad, "bad"), (good, "good")):
        wire.received()
        wire.send(connect(name=name))
    bad.send(errors())
    assert not bad.closed
    assert about(log, "Error 'no. ") <= LINES_PER_PEER
    good.send(b"-ERR 'once'\r\n")
    assert about(log, "Error 'once'") == 1
    bad.send(b"HELLO\r\n")
    assert about(log, "Leafnode connection closed") == 1


def test_clients_do_not_take_the_lines_of_leaf_nodes(world: World, log: list[str]) -> None:
    server = a_hub(world)
    for number in MANY:
        server.clients.faults.admits(number)
    wire = Wire(server)
    wire.send(connect())
    assert about(log, "Leafnode connection created") == 1


def test_a_hub_that_tells_of_others(world: World, log: list[str]) -> None:
    """It says in INFO where else to connect, which is no place."""
    remotes = 'leafnodes { remotes [ { url: "nats-leaf://127.0.0.1:7422" } ] }'
    spoke = world.server("spoke", remotes)
    (remote,) = spoke.remotes
    for number in MANY:
        remote.discovered([f"nats-leaf://nowhere:port{number}"])
    assert about(log, "Error parsing url") == LINES_PER_PEER
