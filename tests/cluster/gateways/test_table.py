"""Clusters find each other, and stay connected whoever goes."""

from __future__ import annotations

import pytest

from pubsub.cluster.gateways.remotes import MOST_REMOTES
from pubsub.cluster.hashes import old_hash, short_hash
from pubsub.errors import ClosedState
from pubsub.interfaces import GatewayNames
from tests.cluster.gateways.raw import INFO, a_server, came, found
from tests.cluster.gateways.world import GATEWAYS, World
from tests.cluster.network import info_of
from tests.cluster.raw import line


@pytest.fixture
def world() -> World:
    """Two clusters of two servers; only ``a`` knows where the other cluster is."""
    made = World()
    made.server("a", "A", to={"B": ["x"]})
    made.server("b", "A", "a")
    made.server("x", "B")
    made.server("y", "B", "x")
    made.start()
    made.settle(4)
    return made


def ways(world: World) -> dict[str, list[str]]:
    """The clusters each server sends to."""
    return {name: list(server.outbound()) for name, server in world.nodes.items()}


def test_every_server_is_connected_to_every_other_cluster(world: World) -> None:
    """Once."""
    assert ways(world) == {"a": ["B"], "b": ["B"], "x": ["A"], "y": ["A"]}
    for server in world.nodes.values():
        gateways = server.gateways
        assert len(gateways.open) == len(gateways.outbound) + len(gateways.inbound)
    assert world.nodes["a"].gateways.remotes["B"].implicit is False
    assert world.nodes["b"].gateways.remotes["B"].implicit is True
    assert set(world.nodes["y"].gateways.remotes["A"].urls) == {"a:7222", "b:7222"}


def test_a_mapped_reply_finds_the_server_that_asked(world: World) -> None:
    """Routes know the hash of the other server's id."""
    (route,) = world.nodes["a"].members.first_routes()
    assert route.link is not None
    assert route.link.peer.hash == short_hash("NB")


def test_a_third_cluster_finds_the_second_by_the_first(world: World) -> None:
    """And the second finds it."""
    world.server("p", "C", to={"A": ["b"]}).start()
    world.server("q", "C", "p").start()
    world.settle(4)
    assert ways(world) == {
        "a": ["B", "C"],
        "b": ["B", "C"],
        "x": ["A", "C"],
        "y": ["A", "C"],
        "p": ["A", "B"],
        "q": ["A", "B"],
    }


def test_members_that_come_and_go_are_told(world: World) -> None:
    """To those who are connected to us: they would find another one."""
    urls = world.nodes["x"].gateways.remotes["A"].urls
    assert set(urls) == {"a:7222", "b:7222"}
    world.server("c", "A", "a").start()
    world.settle(3)
    assert set(world.nodes["x"].gateways.remotes["A"].urls) >= {"a:7222", "b:7222", "c:7222"}
    world.kill("c")
    world.settle(1)
    assert set(world.nodes["x"].gateways.remotes["A"].urls) == {"a:7222", "b:7222"}
    assert world.nodes["a"].gateways.urls() == ["a:7222", "b:7222"]


def test_when_a_server_dies_another_one_of_its_cluster_is_found(world: World) -> None:
    """Also by servers that were told of it by others."""
    world.kill("x")
    world.settle(4)
    assert {world.nodes[name].outbound()["B"] for name in "ab"} == {"y"}
    world.kill("y")
    world.settle(4)
    assert ways(world) == {"a": [], "b": []}
    assert list(world.nodes["a"].gateways.remotes) == ["B"]
    world.server("x", "B").start()
    world.settle(4)
    assert ways(world)["a"] == ["B"]
    assert ways(world)["x"] == ["A"]


@pytest.mark.parametrize("both", [True, False], ids=["both ways", "one way"])
def test_who_is_cut_off_is_noticed_and_found_again(world: World, both: bool) -> None:
    """By PINGs without an answer; meanwhile interest changes, and is right in the end."""
    reader = world.nodes["y"].client()
    reader.send("SUB foo 1", "SUB old 2")
    world.settle(0.2)
    cut = [cable for cable in world.cables if set(cable.nodes) & set("xy")]
    for cable in cut:
        # what the other cluster says does not arrive, or nothing does
        cable.dead = both or cable.direction[1] in "ab"
    world.unreachable |= set("xy") if both else set()
    reader.send("UNSUB 2", "SUB new 3")
    world.settle(50)
    world.unreachable.clear()
    world.settle(50)
    assert ways(world) == {"a": ["B"], "b": ["B"], "x": ["A"], "y": ["A"]}
    for name in "ab":
        assert world.nodes[name].wants("B") == {("$G", "foo", ""), ("$G", "new", "")}
        assert world.nodes[name].gateways.stale_connections


def test_two_clusters_that_know_each_other_connect_once_each_way() -> None:
    """Whoever is first."""
    world = World()
    world.server("a", "A", to={"B": ["x"]})
    world.server("x", "B", to={"A": ["a"]})
    world.start()
    world.settle(4)
    for name in ("a", "x"):
        gateways = world.nodes[name].gateways
        assert (len(gateways.outbound), len(gateways.inbound), gateways.alive) == (1, 1, 2)


def test_our_own_cluster_may_be_in_the_list() -> None:
    """It is not connected to: one configuration serves all."""
    world = World()
    clusters = {"A": ["a"], "B": ["x"]}
    world.server("a", "A", to=clusters)
    world.server("x", "B", to=clusters)
    world.start()
    world.settle(3)
    assert ways(world) == {"a": ["B"], "x": ["A"]}
    assert [str(url) for url in world.nodes["a"].gateways.own_urls] == ["nats://a:7222"]


def test_unknown_clusters_are_rejected_if_so_configured() -> None:
    """Neither let in nor looked for."""
    world = World()
    world.server("a", "A", to={"B": ["x"]}, reject_unknown_cluster=True)
    world.server("x", "B")
    world.server("p", "C", to={"B": ["x"]})
    world.start()
    world.settle(4)
    assert ways(world) == {"a": ["B"], "x": ["A", "C"], "p": ["B"]}


def test_the_nearest_cluster_is_sent_to_first() -> None:
    """By the time a PING takes."""
    server = a_server(to={"B": ["x"], "C": ["y"]})
    used: list[tuple[GatewayNames, int]] = []
    gateways = server.gateways
    before = gateways.context.router.use_gateways
    gateways.context.router.use_gateways = lambda names, links: (  # type: ignore[method-assign]
        used.append((names, len(links))),
        before(names, links),
    )[-1]
    first = found(server)
    from tests.cluster.gateways.raw import dialled

    second = dialled(server, "C")
    second.send(line(b"INFO", INFO, gateway="C", server_name="y", server_id="NY"))
    names = GatewayNames(short_hash("A"), short_hash("NA"), old_hash("A"))
    assert used == [(names, 1), (names, 2)]
    first.protocol.rtt, second.protocol.rtt = 0.2, 0.1
    gateways.order()
    assert [gateway.name for gateway in gateways.nearest()] == ["C", "B"]
    gateways.order()
    assert len(used) == 3
    second.protocol.close(ClosedState.CLIENT_CLOSED)
    assert used[3:] == [(names, 1)]


def test_where_others_find_us() -> None:
    """``advertise``, the host, or an address of this machine that others can reach."""
    assert a_server(advertise="far").gateways.url == "far:7222"
    server = a_server(advertise="far:1")
    assert server.gateways.url == "far:1"
    assert server.gateways.address() == ("far", 1)
    server = World().server("a", "A")
    server.gateway_context.options = _listening_everywhere(server.gateway_context.options)
    server.gateway_context.addresses = lambda: ["127.0.0.1", "::1", "x", "192.0.2.7"]
    server.gateways.start(GATEWAYS)
    assert server.gateways.url == "192.0.2.7:7222"
    server.gateway_context.addresses = list
    server.gateways.start(GATEWAYS)
    assert server.gateways.address() == ("0.0.0.0", GATEWAYS)


def _listening_everywhere(options: object) -> object:
    from dataclasses import replace

    from pubsub.config.options import Options

    assert isinstance(options, Options)
    return replace(options, gateway=replace(options.gateway, host="0.0.0.0"))


def test_nobody_fills_the_list_of_clusters() -> None:
    """There are not that many."""
    server = a_server(connect_retries=1)
    raw = came(server)
    assert raw.state is None
    for number in range(MOST_REMOTES + 10):
        server.gateways.told_by_member(
            b'{"gateway":"C%d","gateway_urls":["nowhere:1"],"gateway_cmd":1}' % number, "NB"
        )
    assert len(server.gateways.remotes) == MOST_REMOTES


@pytest.mark.parametrize(
    "argument",
    [
        b"{",
        b'{"gateway":"C","gateway_cmd":2}',
        b'{"gateway":"C","gateway_cmd":1}',
        b'{"gateway":"A","gateway_urls":["a:1"],"gateway_cmd":1}',
    ],
)
def test_what_a_member_tells_may_be_of_no_use(argument: bytes) -> None:
    """It stays a member."""
    server = a_server()
    server.gateways.told_by_member(argument, "NB")
    assert not server.gateways.remotes


def test_a_url_two_servers_share_goes_with_the_last() -> None:
    """An advertised one may be a load balancer's."""
    server = a_server()
    raw = came(server)
    gateways = server.gateways
    gateways.add_url("lb:1")
    gateways.add_url("lb:1")
    gateways.add_url("")
    assert [info_of(each)["gateway_urls"] for each in raw.received()] == [["a:7222", "lb:1"]]
    gateways.remove_url("lb:1")
    gateways.remove_url("never")
    assert raw.received() == []
    gateways.remove_url("lb:1")
    assert [info_of(each)["gateway_urls"] for each in raw.received()] == [["a:7222"]]


def test_the_end_of_a_server_closes_all(world: World) -> None:
    """And it is known when that is done; it does not come back."""
    gateways = world.nodes["b"].gateways
    ended: list[None] = []
    gateways.close_all().addCallback(ended.append)
    assert not ended
    world.settle(1)
    assert ended == [None]
    assert (gateways.alive, gateways.open, gateways.outbound) == (0, {}, {})
    world.settle(4)
    assert gateways.alive == 0
    gateways.close_all().addCallback(ended.append)
    assert len(ended) == 2


def test_figures_of_gateways_that_are_gone_stay(world: World) -> None:
    """What they have carried."""
    world.nodes["y"].client().send("SUB foo 1")
    world.settle(0.2)
    client = world.nodes["a"].client()
    client.send("PUB foo 5", "hello")
    world.settle(0.2)
    world.kill("x")
    gateways = world.nodes["a"].gateways
    assert (gateways.past.out_msgs, gateways.past.out_bytes) == (1, 5)
    assert gateways.past.subscriptions == 0
