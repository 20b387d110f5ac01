"""Coming back to a hub."""

from __future__ import annotations

import json

import pytest

from pubsub.config.options import LeafUrl
from tests.cluster.leafs.test_soliciting import info, second, spoke
from tests.cluster.leafs.world import Hub, World


def test_a_hub_that_is_not_there_is_asked_for_at_least_once_a_second(world: World) -> None:
    spoke(world).start()
    world.pass_time(20)
    gaps = [
        later - earlier for earlier, later in zip(world.attempts, world.attempts[1:], strict=False)
    ]
    assert len(gaps) >= 18
    assert all(0.5 <= gap <= 1.05 for gap in gaps)


def test_a_link_is_back_within_a_second_of_its_return(world: World) -> None:
    hub, server = world.pair()
    for seconds in (0.2, 3.3, 10.0):
        world.cut([7422])
        world.pass_time(seconds)
        world.mend()
        returned = world.now
        while not hub.context.linked:
            world.pass_time(0.05)
        assert world.now - returned <= 1.1
    assert server.leaf.linked


def test_the_pace_may_be_chosen(world: World) -> None:
    server = world.server(
        "spoke", 'leafnodes { reconnect: 100ms, remotes [ { url: "127.0.0.1" } ] }'
    )
    server.start()
    world.pass_time(2, step=0.01)
    assert 19 <= len(world.attempts) <= 41


def test_a_hub_that_refuses_in_words_is_asked_less_often(world: World) -> None:
    hub = Hub(world, 7422)
    spoke(world).start()
    times = []
    for _ in range(6):
        count = len(hub.wires)
        hub.send(info())
        hub.wires[-1].transport.write(b"-ERR 'Authorization Violation'\r\n")
        hub.wires[-1].transport.loseConnection()
        started = world.now
        while len(hub.wires) == count:
            world.pass_time(0.05)
        times.append(round(world.now - started))
    assert times == [2, 4, 8, 8, 8, 8]
    hub.send(info() + second())
    hub.wires[-1].transport.abortConnection()
    count, started = len(hub.wires), world.now
    while len(hub.wires) == count:
        world.pass_time(0.05)
    assert world.now - started <= 1.05


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        ("Loop detected for leafnode account", 30),
        ("remote leafnode has same cluster name", 30),
        ('connection rejected since minimum version required is "9.0.0"', 5),
    ],
)
def test_who_is_told_why_waits(world: World, error: str, seconds: float) -> None:
    hub = Hub(world, 7422)
    spoke(world).start()
    hub.send(info() + second() + f"-ERR '{error}'\r\n".encode())
    hub.wires[-1].transport.loseConnection()
    world.pass_time(seconds - 1)
    assert len(hub.wires) == 1
    world.pass_time(1.1)
    assert len(hub.wires) == 2


def test_urls_are_tried_in_turn(world: World) -> None:
    server = world.server(
        "spoke",
        'leafnodes { remotes [ { urls: ["a:1", "b:2", "c:3"], no_randomize: true } ] }',
    )
    (remote,) = server.remotes
    tried = []
    for _ in range(4):
        remote._try()
        tried.append(remote.url.host)
    assert tried == ["a", "b", "c", "a"]


def test_urls_are_mixed_unless_they_may_not_be(world: World) -> None:
    hosts = [f"h{number}:1" for number in range(20)]
    text = "leafnodes {{ remotes [ {{ urls: {}, no_randomize: {} }} ] }}"
    orders = [
        [
            url.host
            for url in world.server("s", text.format(json.dumps(hosts), kept)).remotes[0].urls
        ]
        for kept in ("true", "false")
    ]
    assert orders[0] == [host[:-2] for host in hosts]
    assert orders[1] != orders[0]
    assert sorted(orders[1]) == sorted(orders[0])


def test_a_hub_tells_of_others(world: World) -> None:
    hub = Hub(world, 7422)
    server = spoke(world).start()
    (remote,) = server.remotes
    others = ["127.0.0.1:7422", "other:7423"]
    hub.send(info(leafnode_urls=others) + second(leafnode_urls=others))
    assert [url.address for url in remote.urls] == ["other:7423", "127.0.0.1:7422"]
    hub.send(info(leafnode_urls=["127.0.0.1:7422", "third:1"]))
    assert [url.address for url in remote.urls] == ["third:1", "127.0.0.1:7422"]
    assert remote.tls_name() == "third"


def test_what_a_hub_tells_of_others_may_be_ignored(world: World) -> None:
    hub = Hub(world, 7422)
    server = spoke(world, "ignore_discovered_servers: true").start()
    hub.send(info(leafnode_urls=["other:7423"]))
    assert server.remotes[0].urls == (LeafUrl("127.0.0.1"),)


def test_credentials_of_the_first_url_are_for_those_that_were_told_of(world: World) -> None:
    hub, other = Hub(world, 7422), Hub(world, 7500)
    spoke(world, url="nats://u:p@127.0.0.1:7422").start()
    hub.send(info(leafnode_urls=["127.0.0.1:7500"]) + second(leafnode_urls=["127.0.0.1:7500"]))
    hub.wires[-1].transport.abortConnection()
    world.pass_time(1.1)
    assert b'"user":"u","pass":"p"' in other.send(info())


def test_a_disabled_remote_does_nothing(world: World) -> None:
    spoke(world, "disabled: true").start()
    world.pass_time(3)
    assert world.attempts == []


def test_a_remote_that_was_stopped_stays_away(world: World) -> None:
    hub, server = world.pair()
    server.remotes[0].stop()
    world.cut()
    world.pass_time(5)
    assert not hub.context.linked
    assert len(world.attempts) == 1


def test_three_servers_in_a_circle_find_out(world: World) -> None:
    text = 'leafnodes {{ port: {}, remotes [ {{ url: "127.0.0.1:{}" }} ] }}'
    a = world.server("a", text.format(7001, 7002))
    b = world.server("b", text.format(7002, 7003))
    c = world.server("c", text.format(7003, 7001))
    for server in (a, b, c):
        server.start()
    world.pass_time(3)
    links = sum(1 for server in (a, b, c) for leaf in server.context.linked.values() if leaf.spoke)
    assert 1 <= links <= 2
    assert max(server.router.stats()["num_subscriptions"] for server in (a, b, c)) < 10


def test_two_servers_that_are_each_others_leafs_find_out(world: World) -> None:
    text = 'leafnodes {{ port: {}, remotes [ {{ url: "127.0.0.1:{}" }} ] }}'
    a = world.server("a", text.format(7001, 7002)).start()
    b = world.server("b", text.format(7002, 7001)).start()
    world.pass_time(3)
    assert len(a.context.linked) + len(b.context.linked) <= 2


def test_a_server_that_connects_may_be_the_hub(world: World) -> None:
    below, hub = world.pair(remote="hub: true")
    assert below.leaf.spoke
    assert not hub.leaf.spoke
    other = world.server("other", 'leafnodes { remotes [ { url: "127.0.0.1:7600" } ] }')
    assert other.remotes
    client = below.client()
    client.subscribe("x")
    hub.client().publish("x", b"m")
    assert client.heard == [(b"x", b"m")]
