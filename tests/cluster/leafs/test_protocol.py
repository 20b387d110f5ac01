"""Links between servers of ours, in memory, with both routers."""

from __future__ import annotations

from twisted.internet.interfaces import IHandshakeListener, IPushProducer
from zope.interface.verify import verifyObject

from pubsub.interfaces import ILinkHandler
from tests.cluster.leafs.world import World


def test_a_link_is_what_the_router_and_the_transport_expect(world: World) -> None:
    hub, _ = world.pair()
    for interface in (ILinkHandler, IPushProducer, IHandshakeListener):
        assert verifyObject(interface, hub.leaf)


def test_messages_cross_both_ways_with_their_headers(world: World) -> None:
    hub, spoke = world.pair()
    here, there = hub.client(), spoke.client()
    here.subscribe("a.>")
    there.subscribe("b.*")
    there.publish("a.x", b"one", headers=b"NATS/1.0\r\nk: v\r\n\r\n")
    here.publish("b.x", b"two")
    assert here.heard == [(b"a.x", b"one")]
    assert here.messages[0].headers == b"NATS/1.0\r\nk: v\r\n\r\n"
    assert there.heard == [(b"b.x", b"two")]


def test_a_request_is_answered_over_the_link(world: World) -> None:
    hub, spoke = world.pair()
    hub.client().answer("svc.hub", b"from the hub")
    spoke.client().answer("svc.spoke", b"from the spoke")
    assert spoke.client().ask("svc.hub", b"?") == [b"from the hub"]
    assert hub.client().ask("svc.spoke", b"?") == [b"from the spoke"]


def test_a_queue_group_is_served_where_the_message_is_if_it_can_be(world: World) -> None:
    hub, spoke = world.pair()
    here, there = hub.client(), spoke.client()
    here.subscribe("work", "q")
    sid = there.subscribe("work", "q")
    for _ in range(20):
        there.publish("work", b"")
    assert (len(here.messages), len(there.messages)) == (0, 20)
    there.unsubscribe(sid)
    there.publish("work", b"")
    assert (len(here.messages), len(there.messages)) == (1, 20)


def test_who_subscribed_before_the_link_was_made_hears_as_well(world: World) -> None:
    hub = world.server("hub", "leafnodes { port: 7422 }")
    spoke = world.server("spoke", 'leafnodes { remotes [ { url: "127.0.0.1" } ] }')
    here, there = hub.client(), spoke.client()
    here.subscribe("early")
    there.subscribe("early", "q")
    spoke.start()
    assert hub.heard() == [(b"early", b"q")]
    assert spoke.heard() == [(b"early", b"")]


def test_a_hub_passes_messages_on_between_its_leafs(world: World) -> None:
    hub, one = world.pair()
    two = world.server("two", 'leafnodes { remotes [ { url: "127.0.0.1" } ] }').start()
    listener = two.client()
    listener.subscribe("x")
    one.client().publish("x", b"hello")
    assert listener.heard == [(b"x", b"hello")]
    assert len(hub.context.linked) == 2


def test_isolated_leafs_do_not_hear_of_each_other(world: World) -> None:
    _, one = world.pair(hub="isolate: true")
    two = world.server("two", 'leafnodes { remotes [ { url: "127.0.0.1" } ] }').start()
    two.client().subscribe("x")
    assert one.heard() == []


def test_a_leaf_may_ask_to_be_isolated(world: World) -> None:
    hub, one = world.pair(remote="request_isolation: true")
    two = world.server("two", 'leafnodes { remotes [ { url: "127.0.0.1" } ] }').start()
    two.client().subscribe("x")
    one.client().subscribe("y")
    assert one.heard() == []
    assert two.heard() == [(b"y", b"")]
    assert hub.heard() == [(b"x", b""), (b"y", b"")]


def test_accounts_are_linked_one_by_one(world: World) -> None:
    hub = world.server(
        "hub",
        """
        accounts {
            A { users [ { user: a, password: a } ] }
            B { users [ { user: b, password: b } ] }
        }
        leafnodes { port: 7422 }
        """,
    )
    spoke = world.server(
        "spoke",
        """
        accounts { X { }, Y { } }
        leafnodes { remotes [
            { url: "nats://a:a@127.0.0.1:7422", account: X }
            { url: "nats://b:b@127.0.0.1:7422", account: Y }
        ] }
        """,
    ).start()
    in_a, in_b = hub.client("A"), hub.client("B")
    in_a.subscribe("s")
    in_b.subscribe("s")
    spoke.client("X").publish("s", b"from x")
    spoke.client("Y").publish("s", b"from y")
    assert in_a.heard == [(b"s", b"from x")]
    assert in_b.heard == [(b"s", b"from y")]


def test_fifty_breaks_leave_no_subscription_behind(world: World) -> None:
    hub, spoke = world.pair()
    here, there = hub.client(), spoke.client()
    here.subscribe("a.>")
    here.subscribe("a.*", "q")
    there.subscribe("b")
    before = [server.router.stats()["num_subscriptions"] for server in (hub, spoke)]
    for turn in range(50):
        world.cut([7422])
        assert hub.heard() == [] == spoke.heard()
        world.pass_time(0.3 * (turn % 4))
        world.mend()
        world.pass_time(1.0)
        assert len(hub.context.linked) == len(spoke.context.linked) == 1
        there.publish("a.x", b"%d" % turn)
        here.publish("b", b"%d" % turn)
    after = [server.router.stats()["num_subscriptions"] for server in (hub, spoke)]
    assert after == before
    assert len(there.heard) == 50
    assert hub.clients.registry.alive == spoke.clients.registry.alive == 1
