"""What links have done."""

from __future__ import annotations

from pubsub.cluster.leafs.figures import LeafFigures
from tests.cluster.leafs.world import World


def test_without_links_there_is_nothing() -> None:
    assert LeafFigures().traffic([]) == (0, 0, 0, 0)


def test_what_links_have_carried_stays_when_they_are_gone(world: World) -> None:
    hub, spoke = world.pair()
    hub.client().subscribe("s")
    for _ in range(2):
        spoke.client().publish("s", b"hello")
        assert hub.context.figures.traffic(hub.context.linked.values()).in_msgs >= 1
        world.cut()
        world.pass_time(1.1)
    figures = hub.context.figures
    assert figures.traffic(hub.context.linked.values())[:2] == (2, 10)
    assert spoke.context.figures.past[2:] == (2, 10)
