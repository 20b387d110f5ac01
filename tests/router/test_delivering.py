"""Who gets a message, in which order, and as what."""

from __future__ import annotations

import gc
from dataclasses import replace
from typing import Any

import pytest

from pubsub.interfaces import IRouterBackend, PeerKind, RouterSettings
from tests.router.recording import QUIET, Recorder, World, play

FRAME = b"MSG foo %d 2\r\nhi\r\n"
HELLO = b"PUB foo 2\r\nhi\r\n"


def test_every_matching_subscription_gets_it_in_order_of_subscribing(
    backend: IRouterBackend,
) -> None:
    data = b"SUB > 1\r\nSUB foo 2\r\nSUB * 3\r\nSUB bar 4\r\nSUB foo 5\r\nSUB > 6\r\n" + HELLO
    world = play(backend, data)
    assert world.output("a") == b"".join(FRAME % sid for sid in (1, 2, 3, 5, 6))


@pytest.mark.parametrize(
    ("pattern", "subject", "matches"),
    [
        (b"foo", b"foo", True),
        (b"foo", b"FOO", False),
        (b"foo.*", b"foo.bar", True),
        (b"foo.*", b"foo", False),
        (b"foo.*", b"foo.bar.baz", False),
        (b"foo.>", b"foo.bar.baz", True),
        (b"foo.>", b"foo", False),
        (b"*.bar", b"foo.bar", True),
        (b"*.*", b"foo.bar", True),
        (b"*.*.>", b"foo.bar", False),
        (b">", b"foo.bar", True),
        (b"foo.*.baz", b"foo.bar.baz", True),
        (b"foo.*.baz", b"foo.bar.bar", False),
        (b"foo*", b"foobar", False),
        (b"foo*", b"foo*", True),
        (b"foo>", b"foo>", True),
        (b"foo.*", b"foo.>", True),
        (b"foo.bar", b"foo.*", False),
        (b">", b"foo..bar", False),
        (b"foo.*.bar", b"foo..bar", False),
        (b">", b".foo", False),
        (b">", b"foo.", False),
        (b">", b".", False),
    ],
)
def test_matching(backend: IRouterBackend, pattern: bytes, subject: bytes, matches: bool) -> None:
    world = World(backend)
    world.attach("a")
    world.feed("a", b"SUB %b 1\r\n" % pattern)
    for _ in range(3):
        world.feed("a", b"PUB %b 0\r\n\r\n" % subject)
    assert world.output("a") == b"MSG %b 1 0\r\n\r\n" % subject * 3 * matches
    assert len(world.router.matching("$G", subject)) == matches


def test_the_same_subject_finds_its_new_readers_at_once(world: World) -> None:
    """A remembered result is forgotten when a subscription comes or goes."""
    world.attach("a")
    data = b"PUB foo.bar.baz 0\r\n\r\n"
    subscribed: list[bytes] = []
    for sid, pattern in enumerate(
        [b"foo.bar.baz", b"foo.bar.*", b"foo.bar.>", b"foo.*.baz", b"foo.>", b"*.bar.baz", b">"]
    ):
        world.feed("a", b"SUB %b %d\r\n" % (pattern, sid))
        subscribed.append(b"%d" % sid)
        expected = b"".join(b"MSG foo.bar.baz %b 0\r\n\r\n" % sid for sid in subscribed)
        assert world.feed("a", data) == expected
    for sid in range(7):
        world.feed("a", b"UNSUB %d\r\n" % sid)
        del subscribed[0]
        expected = b"".join(b"MSG foo.bar.baz %b 0\r\n\r\n" % sid for sid in subscribed)
        assert world.feed("a", data) == expected


def test_accounts_do_not_hear_each_other(world: World) -> None:
    for name in ("a", "b"):
        world.attach(name, account=name)
        world.feed(name, b"SUB > 1\r\n")
    world.feed("a", HELLO)
    assert world.output("a") == FRAME % 1
    assert world.output("b") == b""


# --- echo and permissions ---------------------------------------------------------------


def test_without_echo_one_does_not_hear_oneself(backend: IRouterBackend) -> None:
    def setup(world: World) -> None:
        world.attach("b")
        world.feed("b", b"SUB foo 9\r\n")

    world = play(backend, b"SUB foo 1\r\n" + HELLO, setup, replace(QUIET, echo=False))
    assert world.output("a") == b""
    assert world.output("b") == FRAME % 9


def test_a_changed_option_counts_from_the_next_message(world: World) -> None:
    link = world.attach("a")
    assert world.feed("a", b"SUB foo 1\r\n" + HELLO) == FRAME % 1
    link.options = replace(QUIET, echo=False)
    assert world.feed("a", HELLO) == b""
    link.options = replace(QUIET, verbose=True)
    assert world.feed("a", HELLO) == b"+OK\r\n" + FRAME % 1
    assert link.options == replace(QUIET, verbose=True)


def test_deliveries_need_permission(backend: IRouterBackend) -> None:
    def setup(world: World) -> None:
        b = world.attach("b")
        world.feed("b", b"SUB > 1\r\nSUB foo q 2\r\n")
        b.set_permissions(None, None, lambda subject, queue: subject != b"foo")

    world = play(backend, HELLO + b"PUB bar 0\r\n\r\n" + HELLO, setup)
    assert world.output("b") == b"MSG bar 1 0\r\n\r\n"
    assert [sub.delivered for sub in world.router.subscriptions()] == [1, 0]


def test_a_delivery_permission_is_asked_once_for_each_subject_and_group(world: World) -> None:
    asked: list[tuple[bytes, bytes]] = []

    def may(subject: bytes, queue: bytes) -> bool:
        asked.append((subject, queue))
        return queue != b"q"

    world.attach("a").set_permissions(None, None, may)
    world.feed("a", b"SUB > 1\r\n" + HELLO * 3 + b"PUB bar 0\r\n\r\n")
    assert asked == [(b"foo", b""), (b"bar", b"")]
    world.feed("a", b"SUB foo q 2\r\nSUB foo r 3\r\n")
    assert world.feed("a", HELLO * 2) == FRAME % 1 + FRAME % 3 + FRAME % 1 + FRAME % 3
    assert asked[2:] == [(b"foo", b"q"), (b"foo", b"r")]


def test_links_with_the_same_predicate_share_its_answers(world: World) -> None:
    asked: list[bytes] = []

    def may(subject: bytes, queue: bytes) -> bool:
        asked.append(subject)
        return True

    for name in ("a", "b"):
        world.attach(name).set_permissions(None, None, may)
        world.feed(name, b"SUB foo 1\r\n")
    world.feed("a", HELLO * 2)
    assert world.output("a") == world.output("b") == FRAME % 1 * 2
    assert asked == [b"foo"]


# --- queue groups -----------------------------------------------------------------------


def draws(seed: int, count: int) -> list[int]:
    """The generator as it is specified, written down a second time."""
    state, numbers = seed, []
    for _ in range(count):
        state ^= state >> 12
        state = (state ^ (state << 25)) & 0xFFFFFFFFFFFFFFFF
        state ^= state >> 27
        numbers.append((state * 2685821657736338717 & 0xFFFFFFFFFFFFFFFF) >> 32)
    return numbers


def sids(output: bytes) -> list[int]:
    return [int(frame.split()[1]) for frame in output.split(b"MSG ")[1:]]


@pytest.mark.parametrize("seed", [1, 42, 2**64 - 1])
def test_one_member_of_a_group_gets_it_chosen_by_the_seed(
    backend: IRouterBackend, seed: int
) -> None:
    settings = RouterSettings(seed=seed)
    data = b"SUB foo q 0\r\nSUB * q 1\r\nSUB > q 2\r\n" + HELLO * 10
    world = play(backend, data, settings=settings)
    assert sids(world.output("a")) == [number % 3 for number in draws(seed, 10)]


def test_plain_subscriptions_come_first_then_groups_by_their_oldest_member(
    backend: IRouterBackend,
) -> None:
    data = (
        b"SUB * late 1\r\nSUB foo q 2\r\nSUB foo 3\r\nSUB foo late 4\r\nUNSUB 1\r\n"
        b"SUB > 5\r\nSUB > q 6\r\n" + HELLO * 5
    )
    world = play(backend, data)
    expected: list[int] = []
    numbers = iter(draws(1, 10))
    for _ in range(5):
        expected += [3, 5, (2, 6)[next(numbers) % 2]]
        next(numbers)
        expected.append(4)
    assert sids(world.output("a")) == expected


def test_a_group_of_one_draws_too(backend: IRouterBackend) -> None:
    data = b"SUB foo a 0\r\nSUB foo b 1\r\nSUB foo b 2\r\n" + HELLO * 6
    world = play(backend, data)
    numbers = draws(1, 12)
    expected = [sid for n in numbers[1::2] for sid in (0, 1 + n % 2)]
    assert sids(world.output("a")) == expected


def test_a_member_that_cannot_take_it_leaves_it_to_the_next(backend: IRouterBackend) -> None:
    def setup(world: World) -> None:
        world.attach("b")
        world.feed("b", b"SUB foo q 7\r\n")

    data = b"SUB foo q 0\r\nSUB foo q 1\r\n" + HELLO * 10
    world = play(backend, data, setup, replace(QUIET, echo=False))
    assert world.output("a") == b""
    assert sids(world.output("b")) == [7] * 10


def test_the_same_group_on_other_subjects_is_the_same_group(world: World) -> None:
    world.attach("a")
    world.feed("a", b"SUB foo q 1\r\nSUB * q 2\r\nSUB > q 3\r\n" + HELLO * 20)
    assert len(sids(world.output("a"))) == 20
    delivered = {sub.sid: sub.delivered for sub in world.router.subscriptions()}
    assert sum(delivered.values()) == 20
    assert all(delivered.values())


def test_new_settings_do_not_start_the_choice_anew(world: World) -> None:
    world.attach("a")
    world.feed("a", b"SUB foo q 0\r\nSUB foo q 1\r\nSUB foo q 2\r\n")
    first = sids(world.feed("a", HELLO * 4))
    world.router.settings = RouterSettings(seed=1)
    assert first + sids(world.feed("a", HELLO * 4)) == [n % 3 for n in draws(1, 8)]


def test_without_a_seed_the_choice_differs_from_router_to_router(
    backend: IRouterBackend,
) -> None:
    seen = set()
    for _ in range(4):
        world = World(backend, RouterSettings())
        world.attach("a")
        world.feed("a", b"".join(b"SUB foo q %d\r\n" % sid for sid in range(50)))
        seen.add(tuple(sids(world.feed("a", HELLO * 12))))
    assert len(seen) == 4


# --- inside this process ----------------------------------------------------------------


def test_an_internal_link_is_called(backend: IRouterBackend) -> None:
    def setup(world: World) -> None:
        link = world.attach("i", kind=PeerKind.INTERNAL)
        link.subscribe(b"foo.*", b"", b"7")

    data = b"PUB foo.a bar 2\r\nhi\r\nHPUB foo.b 12 14\r\nNATS/1.0\r\n\r\nho\r\n"
    world = play(backend, data, setup)
    assert world.calls() == [
        ("i", "message_received", b"7", b"foo.a", b"bar", b"", b"hi"),
        ("i", "message_received", b"7", b"foo.b", b"", b"NATS/1.0\r\n\r\n", b"ho"),
    ]
    assert world.peers["i"].link.counters()[2:4] == (2, 16)
    assert tuple(world.router.counters()) == (2, 16, 0, 0)
    assert world.peers["i"].output == b""


def test_a_link_lives_until_it_is_closed_whether_or_not_anybody_holds_it(world: World) -> None:
    reader = Recorder("i", world.log)
    world.router.attach(reader, PeerKind.INTERNAL, 1, "$G").subscribe(b"foo", b"", b"7")
    gc.collect()
    assert world.router.publish("$G", b"foo", b"", b"", b"hi") == 1
    assert world.calls() == [("i", "message_received", b"7", b"foo", b"", b"", b"hi")]


def test_an_internal_link_without_the_headers_option_gets_none(world: World) -> None:
    link = world.attach("i", replace(QUIET, headers=False), PeerKind.INTERNAL)
    link.subscribe(b"foo", b"", b"7")
    world.router.publish("$G", b"foo", b"", b"NATS/1.0\r\n\r\n", b"hi")
    assert world.calls() == [("i", "message_received", b"7", b"foo", b"", b"", b"hi")]


def test_an_exception_in_a_reader_is_logged_and_the_others_get_theirs(
    world: World, logged_failures: Any
) -> None:
    world.attach("a")
    link = world.attach("i", kind=PeerKind.INTERNAL)
    link.subscribe(b"foo", b"", b"1")

    def fail(*arguments: bytes) -> None:
        raise RuntimeError("a broken reader")

    world.peers["i"].on["message_received"] = fail
    assert world.feed("a", b"SUB foo 1\r\n" + HELLO) == FRAME % 1
    assert len(logged_failures.flush(RuntimeError)) == 1


def test_a_sink_gets_the_messages_of_a_turn_in_one_call(world: World) -> None:
    world.attach("a")
    link = world.attach("s", kind=PeerKind.SINK)
    link.subscribe(b"foo", b"", b"1")
    batches: list[Any] = []
    world.peers["s"].on["batch_received"] = lambda messages: batches.append(list(messages))
    world.peers["a"].link.feed(HELLO + b"HPUB foo r 12 13\r\nNATS/1.0\r\n\r\nx\r\n")
    assert batches == []
    world.router.flush()
    world.router.flush()
    assert batches == [
        [(b"1", b"foo", b"", b"", b"hi"), (b"1", b"foo", b"r", b"NATS/1.0\r\n\r\n", b"x")]
    ]


def test_what_a_sink_publishes_goes_out_in_the_same_flush(world: World) -> None:
    world.attach("a")
    link = world.attach("s", kind=PeerKind.SINK)
    link.subscribe(b"foo", b"", b"1")
    world.peers["s"].on["batch_received"] = lambda messages: link.publish(b"ack", b"", b"", b"ok")
    assert world.feed("a", b"SUB ack 1\r\n" + HELLO) == b"MSG ack 1 2\r\nok\r\n"


def test_an_exception_in_a_sink_is_logged_and_the_others_are_flushed(
    world: World, logged_failures: Any
) -> None:
    link = world.attach("s", kind=PeerKind.SINK)
    link.subscribe(b"foo", b"", b"1")
    world.attach("a")

    def fail(messages: Any) -> None:
        raise RuntimeError("a broken sink")

    world.peers["s"].on["batch_received"] = fail
    assert world.feed("a", b"SUB foo 1\r\n" + HELLO) == FRAME % 1
    assert len(logged_failures.flush(RuntimeError)) == 1
