"""Messages of JetStream from other servers: which subject a reader gets them on.

A consumer's message goes to the subject its reader listens on, and is shown with the one it was
published on. Between servers there is no place for two, so the second one stands behind the
reply: ``$JS.ACK.<stream>.<consumer>.<5 numbers>@<subject>``.
"""

from __future__ import annotations

import pytest

from pubsub.interfaces import IRouterBackend
from tests.router.recording import World
from tests.router.serving import gateway, hears, leaf, route, stop_clock, use

ACK = b"$JS.ACK.S.C.1.22.3.1795421633525568226.0"


@pytest.fixture
def world(backend: IRouterBackend) -> World:
    """A client that listens for answers, and links to servers of all kinds."""
    world = World(backend)
    world.attach("c")
    world.feed("c", b"SUB _INBOX.> 1\r\n")
    route(world, "r", account="$G")
    leaf(world, "l", spoke=True)
    gateway(world, "g")
    return world


@pytest.mark.parametrize(("link", "verb"), [("r", b"RMSG"), ("l", b"LMSG"), ("g", b"RMSG")])
@pytest.mark.parametrize("times", [1, 3])
def test_a_reader_gets_it_on_the_subject_behind_the_reply(
    world: World, link: str, verb: bytes, times: int
) -> None:
    account = b"" if link in "rl" else b"$G "
    line = b"%b %b_INBOX.x %b@orders.1 2\r\nhi\r\n" % (verb, account, ACK)
    world.feed(link, line * times)
    assert world.output("c") == b"MSG orders.1 1 %b 2\r\nhi\r\n" % ACK * times


@pytest.mark.parametrize(
    "reply",
    [
        ACK,
        ACK + b"@",
        b"$JS.ACK.S.C.1.22.3.4@x",
        b"$JS.ACK.S@x.C.1.22.3.4",
        b"$JS.ACKS.S.C.1.22.3.4.5@x",
        b"$JS.ACK.@",
        b"a.b.c.d.e.f.g.h.i@x",
    ],
)
def test_other_replies_stay_as_they_are(world: World, reply: bytes) -> None:
    world.feed("l", b"LMSG _INBOX.x %b 0\r\n\r\n" % reply)
    assert world.output("c") == b"MSG _INBOX.x 1 %b 0\r\n\r\n" % reply


def test_streams_and_consumers_may_have_such_names(world: World) -> None:
    reply = b"$JS.ACK.S@1.C@2.1.22.3.4.0"
    world.feed("l", b"LMSG _INBOX.x %b@orders@home 0\r\n\r\n" % reply)
    assert world.output("c") == b"MSG orders@home 1 %b 0\r\n\r\n" % reply


def test_other_servers_get_it_as_it_came(world: World) -> None:
    below = leaf(world, "below")
    hears(below, b"_INBOX.>")
    world.feed("l", b"LMSG _INBOX.x %b@orders.1 2\r\nhi\r\n" % ACK)
    assert world.output("below") == b"LMSG _INBOX.x %b@orders.1 2\r\nhi\r\n" % ACK


def test_members_of_queue_groups_likewise(world: World) -> None:
    world.feed("c", b"UNSUB 1\r\nSUB work q 2\r\n")
    world.feed("l", b"LMSG work + %b@orders.1 q 0\r\n\r\n" % ACK)
    assert world.output("c") == b"MSG orders.1 2 %b 0\r\n\r\n" % ACK


def test_a_client_may_not_say_so(world: World) -> None:
    """Nobody else would know that it is no server's."""
    world.attach("liar")
    world.feed("liar", b"PUB _INBOX.x %b@orders.1 0\r\n\r\n" % ACK)
    assert world.output("c") == b""


def test_behind_a_gateway_the_way_back_is_not_shown_either(world: World) -> None:
    stop_clock(world)
    use(world, "g")
    world.feed("g", b"RMSG $G _INBOX.x _GR_.THEIRS.SERVER.%b@orders.1 0\r\n\r\n" % ACK)
    assert world.output("c") == b"MSG orders.1 1 %b 0\r\n\r\n" % ACK
