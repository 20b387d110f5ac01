"""A small device and a hub whose link breaks all the time, for days."""

from __future__ import annotations

import gc
from collections import Counter
from typing import Any

from tests.cluster.leafs.world import Server, World

#: days in which the link holds for less than ten minutes
BREAKS = 200


def census(world: World) -> Counter[str]:
    """How many objects of ours and of Twisted's there are, by type."""
    world.transports.clear()
    gc.collect()
    counts = Counter(
        f"{kind.__module__}.{kind.__qualname__}"
        for kind in map(type, gc.get_objects())
        if str(kind.__module__).startswith(("pubsub.", "twisted.internet"))
    )
    # deadlines that were cancelled are swept when there are enough; figures() counts the others
    del counts["pubsub.client.deadlines.Deadline"]
    return counts


def figures(*servers: Server) -> list[dict[str, Any]]:
    """What must not grow."""
    return [
        {
            "subscriptions": server.router.stats()["num_subscriptions"],
            "heard": server.heard(),
            "told": len(server.context.interest.told(server.leaf, "$G")),
            "connections": len(server.context.all()),
            "alive": server.clients.registry.alive,
            "members": server.clients.accounts.leafnodes("$G"),
            "deadlines": len(server.clients.deadlines),
            "timers": len(server.world.clock.getDelayedCalls()),
        }
        for server in servers
    ]


def broken(world: World, times: int, hub: Server) -> None:
    """Let the link break so often; in all ways there are."""
    for turn in range(times):
        world.cut([7422] if turn % 3 else [])
        world.pass_time((turn % 7) * 0.4, step=0.2)
        world.mend()
        world.pass_time(1.2, step=0.2)
        assert len(hub.context.linked) == 1


def test_hundreds_of_breaks_leave_nothing_behind(world: World) -> None:
    hub, spoke = world.pair()
    listeners = [server.client() for server in (hub, spoke)]
    for number in range(20):
        listeners[0].subscribe(f"up.{number}.*", "workers" if number % 2 else "")
        listeners[1].subscribe(f"down.{number}", "workers" if number % 2 else "")
    broken(world, 10, hub)
    before, objects = figures(hub, spoke), census(world)
    broken(world, BREAKS, hub)
    assert figures(hub, spoke) == before
    grown = {name: more for name, more in (census(world) - objects).items() if more > 2}
    assert grown == {}
    spoke.client().publish("up.2.x", b"still here")
    hub.client().publish("down.3", b"here, too")
    assert [client.heard[-1][1] for client in listeners] == [b"still here", b"here, too"]
    assert [len(client.heard) for client in listeners] == [1, 1]


def test_a_hub_that_refuses_for_days_costs_nothing_either(world: World) -> None:
    users = "authorization { user: u, password: p }"
    world.server("hub", f"leafnodes {{ port: 7422, {users} }}")
    spoke = world.server("spoke", 'leafnodes { remotes [ { url: "127.0.0.1:7422" } ] }').start()
    world.pass_time(60, step=0.5)
    before, timers = census(world), len(world.clock.getDelayedCalls())
    world.pass_time(1800, step=0.5)
    assert len(world.attempts) > 200
    assert len(world.clock.getDelayedCalls()) <= timers + 2
    assert {name: more for name, more in (census(world) - before).items() if more > 4} == {}
    assert not spoke.context.linked
