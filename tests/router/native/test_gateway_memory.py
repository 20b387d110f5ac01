"""Gateways that come, go and are forgotten while a message is on its way."""

from __future__ import annotations

import gc
import platform
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from pubsub.interfaces import ILink, PeerKind, RouterSettings
from tests.router.recording import World, native_backend
from tests.router.serving import gateway, hears, use

pytestmark = pytest.mark.skipif(
    platform.python_implementation() != "CPython", reason="counts references"
)


@pytest.fixture
def world() -> World:
    """A reader in this process, and two gateways that want what it hears."""
    world = World(native_backend(), RouterSettings(seed=1))
    for name in ("near", "far"):
        hears(gateway(world, name, hash=b"OTHERS"), b"a", b"")
        hears(world.peers[name].link, b"a", b"q")
    use(world, "near", "far")
    world.attach("reader", kind=PeerKind.INTERNAL).subscribe(b"a", b"", b"1")
    return world


def _forget(world: World, name: str) -> weakref.ref[ILink]:
    """Close a link, and let nobody hold it any more."""
    link = world.peers[name].link
    link.close()
    del world.peers[name].link
    return weakref.ref(link)


def _change_everything(world: World) -> None:
    _forget(world, "near")
    use(world, "far")
    gc.collect()


def _unhear(world: World, name: str) -> None:
    world.peers[name].link.unhear("$G", b"a", b"q", b"")


def _reuse(world: World) -> None:
    _forget(world, "near")
    _forget(world, "far")
    use(world)
    gc.collect()
    gateway(world, "new")
    use(world, "new")


@pytest.mark.parametrize(
    ("change", "left"),
    [
        (_change_everything, b"RMSG $G a | q 1\r\nx\r\n"),
        (lambda world: use(world, "far", "near"), b"RMSG $G a | q 1\r\nx\r\n"),
        (lambda world: world.peers["near"].link.close(), b"RMSG $G a | q 1\r\nx\r\n"),
        (lambda world: _unhear(world, "near"), b"RMSG $G a | q 1\r\nx\r\n"),
        (lambda world: _unhear(world, "far"), b"RMSG $G a 1\r\nx\r\n"),
        (_reuse, b""),
    ],
)
def test_a_message_goes_to_those_gateways_that_are_there_when_it_is_sent(
    world: World, change: Callable[[World], Any], left: bytes
) -> None:
    world.peers["reader"].on["message_received"] = lambda *message: change(world)
    world.router.publish("$G", b"a", b"", b"", b"x")
    world.router.flush()
    assert world.peers["far"].output == left


def test_what_is_presumed_may_change_everything(world: World) -> None:
    def presumed(account: str, subject: bytes) -> bool:
        world.peers["reader"].link.subscribe(b"b.*", b"", b"2")
        hears(world.peers["far"].link, b"b.c")
        return True

    gateway(world, "old", presumed=presumed)
    use(world, "old", "far")
    for _ in range(3):
        world.router.publish("$G", b"b.c", b"", b"", b"x")
    world.router.flush()
    assert world.peers["old"].output == 3 * b"RMSG $G b.c 1\r\nx\r\n"
    assert world.peers["far"].output.endswith(b"RMSG $G b.c 1\r\nx\r\n")


def test_a_router_with_gateways_is_freed() -> None:
    world = World(native_backend(), RouterSettings(seed=1))
    hears(gateway(world, "gateway", presumed=lambda account, subject: True), b"a")
    world.attach("client")
    use(world, "gateway")
    world.feed("client", b"SUB a 1\r\nPUB a 0\r\n\r\n")
    world.feed("gateway", b"RMSG $G a _GR_.OTHERS.SERVER.inbox 0\r\n\r\n")
    reference = weakref.ref(world.router)
    for peer in world.peers.values():
        peer.link.close()
    del world, peer
    gc.collect()
    assert reference() is None


def test_replies_that_were_shown_are_freed_with_the_link(world: World) -> None:
    client = world.attach("client")
    client.subscribe(b"a", b"", b"1")
    world.feed("near", b"RMSG $G a _GR_.OTHERS.SERVER.inbox 0\r\n\r\n")
    reference = weakref.ref(world.peers["client"])
    _forget(world, "client")
    del client, world.peers["client"]
    world.router.flush()
    gc.collect()
    assert reference() is None
