"""The prepared way of publishing does what the readable one does, only sooner."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pubsub.interfaces import LinkOptions, RouterSettings, ServerPeer
from pubsub.router.python.backend import PythonBackend
from pubsub.router.python.fast import MAX_PLANS, MAX_READERS, publish_ordinary
from pubsub.router.python.link import PythonLink
from tests.router.recording import QUIET, World
from tests.router.serving import gateway, hears, use

HELLO = b"PUB foo 2\r\nhi\r\n"


def new_world(**settings: Any) -> tuple[World, PythonLink]:
    world = World(PythonBackend(), RouterSettings(seed=1, **settings))
    link = world.attach("a")
    assert isinstance(link, PythonLink)
    return world, link


def test_whole_operations_are_taken_off_the_front() -> None:
    _, link = new_world()
    data = HELLO * 3 + b"PING\r\n" + HELLO
    assert publish_ordinary(link, data, 0) == len(HELLO) * 3
    assert publish_ordinary(link, HELLO + HELLO[:-1], 0) == len(HELLO)
    assert publish_ordinary(link, HELLO[:5], 0) == 0
    assert link.in_msgs == 4


def taken(link: PythonLink, data: bytes) -> bool:
    """Whether the fast way knew what to do."""
    return publish_ordinary(link, data, 0) == len(data)


def test_what_is_odd_is_left_to_the_parser() -> None:
    world, link = new_world()
    assert taken(link, HELLO)
    for odd in (
        b"PUB foo\t2\r\nhi\r\n",
        b"PUB  foo 2\r\nhi\r\n",
        b"pub foo 2\r\nhi\r\n",
        b"PUB foo 2\nhi\r\n",
        b"PUB foo 2\r\nhi\n\n",
        b"PUB foo x\r\nhi\r\n",
        b"PUB foo _R_.x 2\r\nhi\r\n",
        b"PUB _GR_.x 2\r\nhi\r\n",
        b"HPUB foo 0 2\r\nhi\r\n",
        b"HPUB foo 3 2\r\nhi\r\n",
        b"PUB foo 2000000\r\n" + b"x" * 2000000 + b"\r\n",
        b"PUB %b 2\r\nhi\r\n" % (b"x" * 5000),
        b"PUB foo nobody.there 2\r\nhi\r\n",
        b"SUB foo 1\r\n",
    ):
        assert not taken(link, odd), odd
    world.feed("a", b"SUB nobody.there 9\r\nSUB foo 1\r\nUNSUB 1 5\r\n")
    assert not taken(link, HELLO), "a subscription that will end"
    link.unsubscribe(b"1")
    assert taken(link, HELLO)


def test_peers_that_need_more_than_a_frame_are_left_to_the_parser() -> None:
    world, link = new_world()
    b = world.attach("b")
    world.feed("b", b"SUB foo 1\r\n")
    assert taken(link, HELLO)
    b.trace = True
    assert not taken(link, HELLO)
    b.trace = False
    b.options = LinkOptions(headers=False)
    assert taken(link, HELLO)
    assert not taken(link, b"HPUB foo 1 2\r\nhi\r\n")
    b.options = QUIET
    assert taken(link, b"HPUB foo 1 2\r\nhi\r\n")
    b.set_permissions(None, None, lambda subject, queue: True)
    assert not taken(link, HELLO)
    world.feed("a", HELLO)
    assert taken(link, HELLO), "now the permission is known"


def test_publishers_with_more_to_say_are_left_to_the_parser() -> None:
    world, link = new_world()
    for options in (
        LinkOptions(verbose=True, pedantic=False),
        LinkOptions(verbose=False, pedantic=True),
    ):
        link.options = options
        assert taken(link, HELLO) is not options.verbose
        assert not taken(link, b"PUB foo.* 2\r\nhi\r\n")
    world.router.settings = RouterSettings(cache=False)
    link.options = QUIET
    assert not taken(link, HELLO)


def test_plans_are_bounded() -> None:
    _, link = new_world()
    for number in range(MAX_PLANS * 3):
        assert taken(link, b"PUB foo.%d 2\r\nhi\r\n" % number)
        assert len(link.plans) <= MAX_PLANS
        assert len(link.routes) <= MAX_PLANS


def test_plans_are_not_made_for_more_readers_than_are_worth_it() -> None:
    """Every publisher would keep its own list of all of them, for each of its lines."""
    world, link = new_world()
    for number in range(MAX_READERS):
        world.feed("a", b"SUB foo%b %d\r\n" % (b" q" if number % 2 else b"", number))
    assert taken(link, HELLO)
    world.feed("a", b"SUB foo q last\r\n")
    assert not taken(link, HELLO)
    assert world.feed("a", HELLO).count(b"MSG ") == MAX_READERS // 2 + 1


def test_close_to_the_limit_the_readable_way_takes_over() -> None:
    world, link = new_world(max_pending=1000)
    world.feed("a", b"SUB foo 1\r\nSUB foo 2\r\nSUB foo q 3\r\n")
    data = HELLO * 50
    done = publish_ordinary(link, data, 0)
    assert 0 < done < len(data)
    assert link.pending_bytes <= 750


OPERATIONS = st.sampled_from(
    [
        HELLO,
        b"PUB foo r 2\r\nhi\r\n",
        b"PUB foo.bar 5\r\nhello\r\n",
        b"PUB foo.bar 005\r\nhello\r\n",
        b"PUB other 0\r\n\r\n",
        b"PUB other inbox 0\r\n\r\n",
        b"HPUB foo 12 14\r\nNATS/1.0\r\n\r\nhi\r\n",
        b"PUB foo 3\r\nhi\r\r\n",
        b"SUB foo 5\r\n",
        b"SUB foo.* q 6\r\n",
        b"UNSUB 5\r\n",
        b"UNSUB 6 3\r\n",
        b"PING\r\n",
    ]
)


@given(
    talk=st.lists(st.lists(OPERATIONS, max_size=20).map(b"".join), max_size=4),
    echo=st.booleans(),
    headers=st.booleans(),
    most=st.sampled_from([100, 400, 1 << 20]),
)
def test_both_ways_lead_to_the_same(
    talk: list[bytes], echo: bool, headers: bool, most: int
) -> None:
    """A hook that allows everything makes every message go the readable way."""

    class Hook:
        def publishing(self, *message: Any) -> bool:
            return True

    states = []
    for hook in (None, Hook()):
        world, link = new_world(max_pending=most)
        world.router.set_hook(hook)  # type: ignore[arg-type]
        link.options = LinkOptions(False, False, echo, headers, True)
        world.attach("b")
        world.feed("b", b"SUB foo.> 1\r\nSUB foo q 2\r\nSUB * q 3\r\nSUB foo 4\r\n")
        world.attach("c")
        world.feed("c", b"SUB > q 1\r\n")
        for data in talk:
            world.feed("a", data)
        states.append(world.state())
    assert states[0] == states[1]


def test_what_nobody_abroad_wants_is_prepared() -> None:
    world, link = new_world()
    far = gateway(world, "g", presumed=lambda account, subject: subject == b"wanted")
    assert taken(link, HELLO)
    use(world, "g")
    assert not taken(link, HELLO), "somebody has to be asked"
    world.feed("a", HELLO)
    assert taken(link, HELLO)
    hears(far, b"foo")
    assert not taken(link, HELLO)
    far.unhear("$G", b"foo", b"", b"")
    world.feed("a", HELLO + b"PUB wanted 0\r\n\r\n")
    assert taken(link, HELLO)
    assert not taken(link, b"PUB wanted 0\r\n\r\n")
    far.peer = ServerPeer(presumed=lambda account, subject: True)
    assert not taken(link, HELLO)
    use(world)
    assert taken(link, HELLO)


def test_what_answers_another_cluster_is_not_prepared() -> None:
    _, link = new_world()
    other = b"PUB bar 2\r\nhi\r\n"
    headers = b"HPUB baz 2 2\r\nhi\r\n"
    for data in (HELLO, other, headers):
        assert taken(link, data)
    version = link.plans_version
    link.map_reply(b"_GR_.cccccc.ssssss.inbox")
    assert link.plans_version == version, "nothing was prepared for that"
    for reply in (b"foo", b"baz"):
        link.map_reply(b"_GR_.cccccc.ssssss.%b" % reply)
    assert not taken(link, HELLO)
    assert not taken(link, headers)
    assert not taken(link, b"PUB inbox 2\r\nhi\r\n")
    assert taken(link, other)


def test_no_plan_is_kept_without_its_route() -> None:
    """Else it would be followed after an answer is asked for there."""
    world, link = new_world()
    world.feed("a", b"SUB > 1\r\n")
    assert taken(link, HELLO)
    for number in range(MAX_PLANS):
        assert taken(link, b"PUB foo.%d r.%d 2\r\nhi\r\n" % (number, number))
    link.map_reply(b"_GR_.cccccc.ssssss.foo")
    assert not taken(link, HELLO)
