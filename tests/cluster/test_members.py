"""Clusters form, heal, and carry messages."""

from __future__ import annotations

import pytest

from tests.cluster.network import Network
from tests.router.recording import native_backend


@pytest.fixture(params=["python", "native"])
def network(request: pytest.FixtureRequest) -> Network:
    """No servers yet."""
    return Network(native_backend() if request.param == "native" else None)


def test_two_servers_carry_messages_to_each_other(network: Network) -> None:
    """A subscription here hears what is published there, in both directions."""
    a, b = network.node("a"), network.node("b", "a")
    network.start()
    assert (a.peers(), b.peers()) == (["b"], ["a"])
    for here, there in ((a, b), (b, a)):
        listener, talker = here.client(), there.client()
        listener.send("SUB foo.* 1")
        network.settle(0.1)
        talker.send("PUB foo.bar 5", "hello")
        network.settle(0.1)
        assert listener.received() == ["MSG foo.bar 1 5", "hello"]


def test_interest_from_before_the_route_is_told_when_it_comes_up(network: Network) -> None:
    """All of it, and with the weight of queue groups."""
    a, b = network.node("a"), network.node("b", "a")
    one, two = a.client(), a.client()
    one.send("SUB plain 1", "SUB work group 2")
    two.send("SUB plain 1", "SUB work group 2")
    network.start()
    heard = sorted((s.subject, s.queue) for s in b.router.subscriptions("$G"))
    assert heard == [(b"plain", b""), (b"work", b"group")]


def test_a_new_server_that_knows_one_member_finds_all_others(network: Network) -> None:
    """The full mesh forms by gossip."""
    network.node("a")
    for name in "bcdefghi":
        network.node(name, "a")
    network.start()
    for name, node in network.nodes.items():
        assert node.peers() == sorted(set("abcdefghi") - {name})


@pytest.mark.parametrize("pool_size", [-1, 1, 3])
def test_servers_that_connect_to_each_other_end_with_one_pool(
    network: Network, pool_size: int
) -> None:
    """Whoever loses the duplicate settles with the one that stays."""
    names = "abcde"
    for name in names:
        network.node(name, *(set(names) - {name}), pool_size=pool_size)
    network.start()
    network.settle(10)
    for name, node in network.nodes.items():
        assert node.peers() == sorted(set(names) - {name})
        for remote in node.members.remotes.values():
            assert len(remote.connections()) == max(1, pool_size)
        if pool_size > 0:
            assert len(node.members.dedicated["$SYS"]) == len(names) - 1


def test_a_killed_server_comes_back(network: Network) -> None:
    """Its interest goes with it, and is there again when it returns."""
    a, b = network.node("a"), network.node("b", "a")
    b.client().send("SUB foo 1")
    network.start()
    assert len(list(a.router.subscriptions("$G"))) == 1
    network.kill("b")
    assert a.peers() == []
    assert not list(a.router.subscriptions("$G"))
    again = network.node("b", "a")
    again.client().send("SUB foo 1")
    again.start()
    network.settle(0.5)
    assert a.peers() == ["b"]
    assert len(list(a.router.subscriptions("$G"))) == 1


def test_members_tell_each_other_where_leaf_nodes_connect() -> None:
    """As long as they are there."""
    network = Network()
    a, b = network.node("a"), network.node("b", "a")
    b.context.leafnode_url = lambda: "b:7422"
    changes: list[tuple[str, ...]] = []
    a.context.leafnode_urls_changed = lambda: changes.append(a.members.leafnode_urls.all())
    network.start()
    network.kill("b")
    assert changes == [("b:7422",), ()]


def test_a_route_of_the_configuration_is_tried_for_ever(network: Network) -> None:
    """Once a second, until the other server is there."""
    b = network.node("b", "a")
    network.start()
    network.settle(30)
    network.node("a")
    network.settle(1.2)
    assert b.peers() == ["a"]
