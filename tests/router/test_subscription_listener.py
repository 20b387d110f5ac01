"""Whoever has to tell other servers learns of every subscription."""

from __future__ import annotations

from typing import Any

import pytest
from zope.interface.verify import verifyObject

from pubsub.interfaces import ISubscriptionListener, PeerKind, ServiceRoute
from tests.router.importing import Interest, Prefix, Streams
from tests.router.recording import World
from tests.router.serving import Subscriptions, hears, leaf, route


@pytest.fixture
def listener(world: World) -> Subscriptions:
    """Listens to ``world``."""
    listener = Subscriptions()
    assert verifyObject(ISubscriptionListener, listener)
    world.router.add_subscription_listener(listener)
    return listener


def test_every_subscription_of_a_client_is_told(world: World, listener: Subscriptions) -> None:
    world.attach("a", account="X")
    world.attach("b", account="X")
    for name in "ab":
        world.feed(name, b"SUB foo 1\r\nSUB foo 2\r\nSUB foo.* q 3\r\nSUB foo 1\r\n")
    assert listener.news() == [
        (cid, "X", subject, queue, 1, b"")
        for cid in (1, 2)
        for subject, queue in ((b"foo", b""), (b"foo", b""), (b"foo.*", b"q"))
    ]
    world.feed("a", b"UNSUB 1\r\nUNSUB 9\r\nUNSUB 3\r\n")
    world.peers["b"].link.close()
    assert listener.news() == [
        (cid, "X", subject, queue, -1, b"")
        for cid, subject, queue in (
            (1, b"foo", b""), (1, b"foo.*", b"q"),
            (2, b"foo", b""), (2, b"foo", b""), (2, b"foo.*", b"q"),
        )
    ]  # fmt: skip


def test_a_subscription_that_had_its_last_message_is_told(
    world: World, listener: Subscriptions
) -> None:
    world.attach("a")
    world.feed("a", b"SUB foo 1\r\nUNSUB 1 1\r\n")
    listener.news()
    world.feed("a", b"PUB foo 0\r\n\r\n")
    assert listener.news() == [(1, "$G", b"foo", b"", -1, b"")]


def test_bad_subscriptions_are_not_told(world: World, listener: Subscriptions) -> None:
    world.attach("a")
    world.feed("a", b"SUB foo..bar 1\r\n")
    route(world, "r").hear("$G", b"foo..bar", b"", 1, b"")
    assert listener.news() == []


def test_internal_subscriptions_are_told(world: World, listener: Subscriptions) -> None:
    link = world.attach("i", kind=PeerKind.INTERNAL)
    link.subscribe(b"foo", b"q", b"1")
    link.clear_subscriptions()
    assert listener.news() == [(1, "$G", b"foo", b"q", n, b"") for n in (1, -1)]


def test_what_servers_hear_is_told_with_the_difference_of_weights(
    world: World, listener: Subscriptions
) -> None:
    link = route(world, "r")
    hears(link, b"foo", account="X")
    hears(link, b"foo", account="X")
    for weight in (3, 3, 5, 1):
        hears(link, b"foo", b"q", weight, origin=b"L")
    hears(link, b"foo", b"q", 2)
    assert listener.news() == [
        (1, "X", b"foo", b"", 1, b""),
        (1, "$G", b"foo", b"q", 3, b"L"),
        (1, "$G", b"foo", b"q", 2, b"L"),
        (1, "$G", b"foo", b"q", -4, b"L"),
        (1, "$G", b"foo", b"q", 2, b""),
    ]
    link.unhear("X", b"foo", b"", b"")
    link.unhear("X", b"foo", b"", b"")
    link.close()
    assert listener.news() == [
        (1, "X", b"foo", b"", -1, b""),
        (1, "$G", b"foo", b"q", -1, b"L"),
        (1, "$G", b"foo", b"q", -2, b""),
    ]


def test_shadows_are_told_with_the_account_they_are_in(
    world: World, listener: Subscriptions
) -> None:
    world.router.set_stream_imports("$G", Streams({b"in.a": [("X", b"a", Prefix(b"in."))]}))
    world.attach("a")
    hears(leaf(world, "l"), b"in.a", b"q", 3)
    world.feed("a", b"SUB in.a 1\r\n")
    assert listener.news() == [
        (2, "$G", b"in.a", b"q", 3, b""),
        (2, "X", b"a", b"q", 3, b""),
        (1, "$G", b"in.a", b"", 1, b""),
        (1, "X", b"a", b"", 1, b""),
    ]
    hears(world.peers["l"].link, b"in.a", b"q", 2)
    world.feed("a", b"UNSUB 1\r\n")
    world.peers["l"].link.close()
    assert listener.news() == [
        (2, "$G", b"in.a", b"q", -1, b""),
        (2, "X", b"a", b"q", -1, b""),
        (1, "X", b"a", b"", -1, b""),
        (1, "$G", b"in.a", b"", -1, b""),
        (2, "X", b"a", b"q", -2, b""),
        (2, "$G", b"in.a", b"q", -2, b""),
    ]


def test_the_weight_of_a_shadow_is_that_of_what_it_is_a_shadow_of(world: World) -> None:
    world.router.set_stream_imports("$G", Streams({b"in.a": [("X", b"a", Prefix(b"in."))]}))
    link = leaf(world, "l")
    hears(link, b"in.a", b"q", 3)
    hears(link, b"in.a", b"q", 7)
    world.router.publish("X", b"a", b"", b"", b"")
    assert world.output("l") == b"LMSG in.a | q 0\r\n\r\n"


def test_where_answers_are_heard_is_told_and_imports_of_services_are_not(
    world: World, listener: Subscriptions
) -> None:
    world.router.set_service_imports("$G", [ServiceRoute(b"help", "X")])
    world.attach("x", account="X")
    world.attach("a")
    world.feed("x", b"SUB help 1\r\n")
    listener.news()
    world.feed("a", b"PUB help inbox 0\r\n\r\nPUB help inbox 0\r\n\r\n")
    reply = world.output("x").split()[3]
    assert listener.news() == [(None, "X", reply[:-8] + b">", b"", 1, b"")]


def test_it_is_told_after_the_change(world: World) -> None:
    counts: list[int] = []

    class Counting(Subscriptions):
        def subscription_changed(self, *change: Any) -> None:
            counts.append(world.router.subscription_count("$G"))

    world.router.add_subscription_listener(Counting())
    world.attach("a")
    world.feed("a", b"SUB foo 1\r\nSUB foo q 2\r\nUNSUB 1\r\n")
    hears(route(world, "r"), b"foo")
    world.peers["r"].link.close()
    assert counts == [1, 2, 1, 2, 1]


def test_what_servers_want_is_no_interest_of_this_server(world: World) -> None:
    """Nor does it change how many here are interested."""
    interest = Interest()
    world.router.add_interest_listener(interest)
    world.attach("a")
    for link in (route(world, "r"), leaf(world, "l")):
        hears(link, b"foo")
        hears(link, b"foo.*", b"q", 4)
    assert interest.told == []
    world.feed("a", b"SUB foo 1\r\nSUB foo.* q 2\r\n")
    world.peers["r"].link.close()
    world.feed("a", b"UNSUB 1\r\nUNSUB 2\r\n")
    assert interest.told == [
        ("$G", b"foo", b"", 1),
        ("$G", b"foo.*", b"q", 1),
        ("$G", b"foo", b"", 0),
        ("$G", b"foo.*", b"q", 0),
    ]


def test_a_listener_may_end_what_it_is_told_of(world: World) -> None:
    """As the cluster does with a link that hears what it must not."""

    class Ending(Subscriptions):
        def subscription_changed(self, link: Any, *change: Any) -> None:
            super().subscription_changed(link, *change)
            if change[3] > 0:
                link.close()

    listener = Ending()
    world.router.add_subscription_listener(listener)
    hears(route(world, "r"), b"foo")
    assert listener.news() == [(1, "$G", b"foo", b"", n, b"") for n in (1, -1)]
    world.attach("a")
    world.feed("a", b"SUB foo 1\r\nSUB bar 2\r\n")
    assert listener.news() == [(2, "$G", b"foo", b"", n, b"") for n in (1, -1)]
    assert list(world.router.subscriptions()) == []
