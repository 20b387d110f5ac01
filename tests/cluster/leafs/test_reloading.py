"""Another ``leafnodes`` block for a running server."""

from __future__ import annotations

from typing import Any

import pytest

from pubsub.auth.jwt.keys import KeyPair
from pubsub.client.preamble_types import PeerCertificate, TlsDetails
from pubsub.errors import ClosedState
from tests.cluster.leafs.world import Server, Wire, World, a_hub, connect


def text(*remotes: str) -> str:
    """A server with these remotes."""
    return f"leafnodes {{ remotes [ {', '.join(f'{{ {each} }}' for each in remotes)} ] }}"


A, B = 'url: "127.0.0.1:7001"', 'url: "127.0.0.1:7002"'


@pytest.fixture
def hubs(world: World) -> tuple[Server, Server]:
    """Two of them."""
    return (
        world.server("a", "leafnodes { port: 7001 }"),
        world.server("b", "leafnodes { port: 7002 }"),
    )


def links(*servers: Server) -> list[int]:
    return [len(server.context.linked) for server in servers]


def test_remotes_come_and_go(world: World, hubs: tuple[Server, Server]) -> None:
    server = world.server("s", "leafnodes { }").start()
    server.reload(text(A))
    assert links(*hubs) == [1, 0]
    first = server.leaf
    server.reload(text(B, A))
    assert links(*hubs) == [1, 1]
    assert first.closed_state is None
    server.reload(text(B))
    assert links(*hubs) == [0, 1]
    assert first.closed_state == ClosedState.CLIENT_CLOSED
    server.reload("leafnodes { }")
    assert links(*hubs) == [0, 0]
    world.pass_time(10)
    assert links(*hubs) == [0, 0]
    assert len(world.attempts) == 2


def test_a_remote_may_be_disabled_and_enabled(world: World, hubs: tuple[Server, Server]) -> None:
    server = world.server("s", text(A)).start()
    for _ in range(3):
        server.reload(text(f"{A}, disabled: true"))
        world.pass_time(5)
        assert links(hubs[0], server) == [0, 0]
        server.reload(text(A))
        assert links(hubs[0], server) == [1, 1]
    world.pass_time(30)
    assert len(world.attempts) == 4


def test_one_that_was_never_enabled_can_be(world: World, hubs: tuple[Server, Server]) -> None:
    server = world.server("s", text(f"{A}, disabled: true")).start()
    server.reload(text(A))
    assert links(hubs[0]) == [1]


def test_disabled_while_it_looks_for_its_hub(world: World) -> None:
    server = world.server("s", text(A)).start()
    world.pass_time(3)
    count = len(world.attempts)
    server.reload(text(f"{A}, disabled: true"))
    world.pass_time(5)
    assert len(world.attempts) == count
    server.reload(text(A))
    world.pass_time(3)
    assert count + 3 <= len(world.attempts) <= count + 8


def test_what_both_ends_agreed_on_takes_a_new_link(
    world: World, hubs: tuple[Server, Server]
) -> None:
    server = world.server("s", text(A)).start()
    old = server.leaf
    server.reload(text(f"{A}, deny_exports: x"))
    assert old.closed_state == ClosedState.CLIENT_CLOSED
    world.pass_time(1.1)
    assert server.leaf is not old
    client = hubs[0].client()
    client.subscribe(">")
    server.client().publish("x", b"")
    server.client().publish("y", b"")
    assert client.heard == [(b"y", b"")]


@pytest.mark.parametrize("more", ["dial_timeout: 3s", "tls { timeout: 3 }", "no_randomize: true"])
def test_what_only_the_next_attempt_needs_leaves_the_link(
    world: World, hubs: tuple[Server, Server], more: str
) -> None:
    server = world.server("s", text(A)).start()
    old = server.leaf
    server.reload(text(f"{A}, {more}"))
    server.reload(text(f"{A}, {more}"))
    assert server.leaf is old
    assert server.remotes[0].options == server.options.leafnodes.remotes[0]


def accepted(server: Server, **fields: Any) -> Wire:
    wire = Wire(server)
    wire.received()
    wire.send(connect(**fields))
    return wire


USERS = "authorization {{ users [ {{ user: a, password: {} }}, {{ user: b, password: b }} ] }}"


def test_users_of_the_listener_who_are_others_now_go(world: World) -> None:
    server = a_hub(world, USERS.format("a"))
    a = accepted(server, user="a", name="a", **{"pass": "a"})
    b = accepted(server, user="b", name="b", **{"pass": "b"})
    server.reload(f"leafnodes {{ port: 7422\n{USERS.format('other')} }}")
    assert (a.closed, b.closed) == (True, False)
    assert not accepted(server, user="a", **{"pass": "other"}).closed
    server.reload("leafnodes { port: 7422 }")
    assert b.closed


@pytest.mark.parametrize("kind", ["user: {0}, password: {0}", "nkey: {1}"])
def test_a_single_user_likewise(world: World, kind: str) -> None:
    key = KeyPair.generate("U").public_key
    server = a_hub(world, f"authorization {{ {kind.format('a', key)} }}")
    wire = accepted(server)
    assert wire.closed
    server.reload("leafnodes { port: 7422 }")
    wire = accepted(server)
    assert not wire.closed
    server.reload(f"leafnodes {{ port: 7422, authorization {{ {kind.format('b', key)} }} }}")
    assert wire.closed


def test_links_through_a_proxy_that_is_trusted_no_more_go(world: World) -> None:
    server = a_hub(world)
    by_proxy, direct = accepted(server, name="p"), accepted(server, name="d")
    first = next(iter(server.context.linked.values()))
    first.identity = type(first.identity)(proxy_key="NX")
    server.reload("leafnodes { port: 7422 }")
    assert (by_proxy.closed, direct.closed) == (True, False)


def test_links_whose_certificate_is_pinned_no_more_go(world: World) -> None:
    server = a_hub(world)
    pinned, other = accepted(server, name="p"), accepted(server, name="o")
    first = next(iter(server.context.linked.values()))
    first.tls = TlsDetails(peer_certificates=(PeerCertificate(b"", "", "a" * 64, ""),))
    tls = f'tls {{ cert_file: c, key_file: k, pinned_certs: ["{"a" * 64}"] }}'
    server.reload(f"leafnodes {{ port: 7422\n{tls} }}")
    assert (pinned.closed, other.closed) == (False, True)
