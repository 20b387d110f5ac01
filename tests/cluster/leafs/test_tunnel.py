"""Hubs behind an HTTP proxy, from exact bytes."""

from __future__ import annotations

import pytest

from tests.cluster.leafs.test_soliciting import info, second
from tests.cluster.leafs.world import Hub, Server, World

AGREED = b"HTTP/1.1 200 Connection established\r\nVia: p\r\n\r\n"


def spoke(world: World, more: str = "", remote: str = "") -> Server:
    """A server whose hub is behind the proxy at 3128."""
    proxy = f'proxy {{ url: "http://127.0.0.1:3128", timeout: 500ms\n{more} }}'
    return world.server(
        "spoke", f'leafnodes {{ remotes [ {{ url: "hub.example:7422"\n{proxy}\n{remote} }} ] }}'
    ).start()


def test_the_proxy_is_asked_for_the_hub(world: World) -> None:
    proxy = Hub(world, 3128)
    spoke(world)
    assert proxy.received() == (
        b"CONNECT hub.example:7422 HTTP/1.1\r\nHost: hub.example:7422\r\n\r\n"
    )


def test_user_and_password_of_the_proxy(world: World) -> None:
    proxy = Hub(world, 3128)
    spoke(world, "username: u, password: p")
    assert b"\r\nProxy-Authorization: Basic dTpw\r\n" in proxy.received()


@pytest.mark.parametrize("piece", [1, 1000])
def test_behind_it_everything_is_as_without(world: World, piece: int) -> None:
    proxy = Hub(world, 3128)
    server = spoke(world)
    proxy.received()
    data, said = AGREED + info() + second() + b"LS+ a\r\n", b""
    for start in range(0, len(data), piece):
        said += proxy.send(data[start : start + piece])
    assert said.startswith(b"CONNECT {")
    assert server.heard() == [(b"a", b"")]
    server.client().publish("a", b"m")
    assert proxy.received() == b"LMSG a 1\r\nm\r\n"
    world.pass_time(2)
    assert len(world.attempts) == 1
    proxy.wires[-1].transport.abortConnection()
    world.pass_time(1.1)
    assert len(proxy.wires) >= 2


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
        b"HTTP/1.1\r\n\r\n",
        b"INFO {}\r\n\r\n",
        b"x" * 20000,
    ],
)
def test_a_proxy_that_will_not(world: World, answer: bytes) -> None:
    proxy = Hub(world, 3128)
    server = spoke(world)
    proxy.send(answer)
    assert proxy.wires[0].closed
    world.pass_time(3)
    assert len(proxy.wires) >= 3
    assert not server.context.all()


def test_a_proxy_that_hangs_up(world: World) -> None:
    proxy = Hub(world, 3128)
    spoke(world)
    proxy.wires[0].transport.loseConnection()
    world.pass_time(1.1)
    assert len(proxy.wires) >= 2


def test_a_proxy_that_says_nothing_is_left(world: World) -> None:
    proxy = Hub(world, 3128)
    server = spoke(world)
    world.pass_time(0.6)
    assert proxy.wires[0].closed
    world.pass_time(1)
    assert len(proxy.wires) >= 2
    assert not server.context.all()


def test_a_proxy_that_is_not_there(world: World) -> None:
    spoke(world)
    world.pass_time(3)
    assert len(world.attempts) >= 3


def test_who_is_stopped_meanwhile_stays_away(world: World) -> None:
    proxy = Hub(world, 3128)
    server = spoke(world)
    server.remotes[0].stop()
    world.settle()
    assert proxy.wires[0].closed
    world.pass_time(3)
    assert len(world.attempts) == 1


def test_a_hub_behind_it_that_wants_tls_needs_a_tls_block(world: World) -> None:
    proxy = Hub(world, 3128)
    spoke(world)
    proxy.send(AGREED + info(tls_required=True))
    assert proxy.wires[0].closed
