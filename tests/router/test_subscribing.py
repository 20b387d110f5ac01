"""SUB and UNSUB: checks, limits, automatic ends, interest."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from zope.interface import implementer

from pubsub.interfaces import (
    IInterestListener,
    IRouterBackend,
    PeerKind,
    RouterSettings,
    SubscriptionInfo,
)
from tests.router.recording import QUIET, World, play

VERBOSE = replace(QUIET, verbose=True)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"SUB foo 1\r\n", (b"foo", b"", b"1")),
        (b"sub foo.* workers abc\r\n", (b"foo.*", b"workers", b"abc")),
        (b"SUB \t>\t \tq  1 \r\n", (b">", b"q", b"1")),
        (b"SUB foo\r1\n", (b"foo", b"", b"1")),
        (b"SUB foo* 1\n", (b"foo*", b"", b"1")),
    ],
)
def test_subscribing(
    backend: IRouterBackend, line: bytes, expected: tuple[bytes, bytes, bytes]
) -> None:
    world = play(backend, line, options=VERBOSE)
    assert world.output("a") == b"+OK\r\n"
    subject, queue, sid = expected
    info = SubscriptionInfo("$G", 1, sid, subject, queue, 0, 0)
    assert list(world.peers["a"].link.subscriptions()) == [info]
    assert list(world.router.subscriptions()) == [info]


@pytest.mark.parametrize("subject", [b"foo..bar", b".foo", b"foo.", b"foo.>.bar", b".", b">.a"])
def test_bad_subjects_are_refused(backend: IRouterBackend, subject: bytes) -> None:
    world = play(backend, b"SUB %b 1\r\nSUB ok 2\r\n" % subject, options=VERBOSE)
    assert world.output("a") == b"-ERR 'Invalid Subject'\r\n+OK\r\n"
    assert world.calls() == [("a", "fault", "InvalidSubject", "Invalid Subject")]


def test_of_two_subscriptions_with_one_sid_the_first_stays(backend: IRouterBackend) -> None:
    data = b"SUB foo 1\r\nSUB bar 1\r\nPUB bar 0\r\n\r\nPUB foo 0\r\n\r\n"
    world = play(backend, data)
    assert world.output("a") == b"MSG foo 1 0\r\n\r\n"
    assert world.router.stats()["num_inserts"] == 1


def test_subscribing_needs_permission(backend: IRouterBackend) -> None:
    def setup(world: World) -> None:
        world.peers["a"].link.set_permissions(None, lambda s, q: s == b"ok" and q != b"bad", None)

    data = b"SUB ok 1\r\nSUB no 2\r\nSUB ok bad 3\r\nSUB ok good 4\r\n"
    world = play(backend, data, setup, VERBOSE)
    assert world.output("a") == (
        b"+OK\r\n"
        b"-ERR 'Permissions Violation for Subscription to \"no\"'\r\n"
        b'-ERR \'Permissions Violation for Subscription to "ok" using queue "bad"\'\r\n'
        b"+OK\r\n"
    )


def test_the_group_of_servers_is_not_for_clients(backend: IRouterBackend) -> None:
    world = play(backend, b"SUB foo _sys_ 1\r\n")
    assert world.output("a") == (
        b'-ERR \'Permissions Violation for Subscription to "foo" using queue "_sys_"\'\r\n'
    )


def test_a_subscription_may_have_so_many_tokens(backend: IRouterBackend) -> None:
    settings = RouterSettings(seed=1, max_sub_tokens=2)
    world = play(backend, b"SUB a.b 1\r\nSUB a.b.c 2\r\n", options=VERBOSE, settings=settings)
    assert world.output("a") == (
        b"+OK\r\n-ERR 'Permissions Violation for Subscription to \"a.b.c\", too many tokens'\r\n"
    )


def test_a_link_may_have_so_many_subscriptions(backend: IRouterBackend) -> None:
    options = replace(VERBOSE, max_subscriptions=2)
    data = b"SUB a 1\r\nSUB b 2\r\nSUB c 3\r\nUNSUB 1\r\nSUB d 4\r\n"
    world = play(backend, data, options=options)
    assert world.output("a") == (
        b"+OK\r\n+OK\r\n-ERR 'maximum subscriptions exceeded'\r\n+OK\r\n+OK\r\n"
    )
    assert [sub.sid for sub in world.peers["a"].link.subscriptions()] == [b"2", b"4"]


def test_the_limits_are_checked_in_nats_servers_order(backend: IRouterBackend) -> None:
    """Permission, tokens, number, and only then the subject."""

    def setup(world: World) -> None:
        world.peers["a"].link.set_permissions(None, lambda s, q: not s.startswith(b"no"), None)

    data = b"SUB a 1\r\nSUB no.b.c 2\r\nSUB a..b 3\r\nSUB a. 4\r\nSUB a. 1\r\n"
    world = play(
        backend,
        data,
        setup,
        replace(QUIET, max_subscriptions=1),
        RouterSettings(seed=1, max_sub_tokens=2),
    )
    assert [call[2] for call in world.calls()] == [
        "SubscriptionPermissionViolation",
        "TooManyTokens",
        "MaximumSubscriptionsExceeded",
        "MaximumSubscriptionsExceeded",
    ]


# --- the end of a subscription ----------------------------------------------------------


def test_unsubscribing(backend: IRouterBackend) -> None:
    data = b"SUB foo 1\r\nUNSUB 1\r\nUNSUB 1\r\nUNSUB nobody\r\nPUB foo 0\r\n\r\n"
    world = play(backend, data, options=VERBOSE)
    assert world.output("a") == b"+OK\r\n" * 5
    assert list(world.router.subscriptions()) == []


def test_a_subscription_ends_after_so_many_messages(backend: IRouterBackend) -> None:
    data = b"SUB foo 1\r\nUNSUB 1 2\r\n" + b"PUB foo 0\r\n\r\n" * 4
    world = play(backend, data)
    assert world.output("a") == b"MSG foo 1 0\r\n\r\n" * 2
    assert world.peers["a"].link.counters().subscriptions == 0


def test_messages_delivered_before_count_too(backend: IRouterBackend) -> None:
    data = b"SUB foo 1\r\n" + b"PUB foo 0\r\n\r\n" * 2 + b"UNSUB 1 3\r\n" + b"PUB foo 0\r\n\r\n" * 3
    assert play(backend, data).output("a") == b"MSG foo 1 0\r\n\r\n" * 3


@pytest.mark.parametrize("line", [b"UNSUB 1 2\r\n", b"UNSUB 1 1\r\n", b"UNSUB 1 0\r\n"])
def test_a_number_already_reached_ends_it_now(backend: IRouterBackend, line: bytes) -> None:
    data = b"SUB foo 1\r\n" + b"PUB foo 0\r\n\r\n" * 2 + line
    world = play(backend, data)
    assert list(world.router.subscriptions()) == []


@pytest.mark.parametrize("number", [b"x", b"-5", b"1234567890", b"1e3"])
def test_a_number_that_is_none_ends_it_now(backend: IRouterBackend, number: bytes) -> None:
    world = play(backend, b"SUB foo 1\r\nUNSUB 1 %b\r\n" % number)
    assert list(world.router.subscriptions()) == []


def test_a_number_may_be_changed(backend: IRouterBackend) -> None:
    data = b"SUB foo 1\r\nUNSUB 1 5\r\nPUB foo 0\r\n\r\nUNSUB 1 2\r\n" + b"PUB foo 0\r\n\r\n" * 3
    assert play(backend, data).output("a") == b"MSG foo 1 0\r\n\r\n" * 2


def test_the_number_is_shown(world: World) -> None:
    world.attach("a")
    world.feed("a", b"SUB foo 1\r\nUNSUB 1 5\r\nPUB foo 0\r\n\r\n")
    assert list(world.router.subscriptions()) == [
        SubscriptionInfo("$G", 1, b"1", b"foo", b"", 1, 5)
    ]


def test_without_echo_a_message_of_ones_own_does_not_count(backend: IRouterBackend) -> None:
    data = b"SUB foo 1\r\nUNSUB 1 1\r\nPUB foo 0\r\n\r\n"
    world = play(backend, data, options=replace(QUIET, echo=False))
    assert [sub.delivered for sub in world.router.subscriptions()] == [0]


def test_queue_group_members_end_too_and_the_others_go_on(world: World) -> None:
    world.attach("a")
    world.feed("a", b"SUB foo q 1\r\nSUB foo q 2\r\nUNSUB 1 2\r\nUNSUB 2 2\r\n")
    world.feed("a", b"PUB foo 0\r\n\r\n" * 10)
    assert sorted(world.output("a").split(b"MSG foo ")) == [b"", *[b"1 0\r\n\r\n"] * 2,
                                                            *[b"2 0\r\n\r\n"] * 2]  # fmt: skip
    assert list(world.router.subscriptions()) == []


def test_subscribing_by_call(world: World) -> None:
    link = world.attach("i", kind=PeerKind.INTERNAL)
    assert link.subscribe(b"foo.>", b"", b"1")
    assert link.subscribe(b"foo", b"q", b"2")
    assert not link.subscribe(b"foo..", b"", b"3")
    assert world.calls() == [], "who calls is answered, not accused"
    assert link.subscribe(b"bar", b"", b"1")
    assert [(s.sid, s.subject, s.queue) for s in link.subscriptions()] == [
        (b"1", b"foo.>", b""),
        (b"2", b"foo", b"q"),
    ]
    link.unsubscribe(b"1")
    link.unsubscribe(b"2", 1)
    link.unsubscribe(b"nobody")
    assert [(s.sid, s.max) for s in link.subscriptions()] == [(b"2", 1)]


def test_clearing_drops_them_all(world: World) -> None:
    link = world.attach("a")
    world.feed("a", b"SUB foo 1\r\nSUB foo.* 2\r\nSUB > q 3\r\n")
    link.clear_subscriptions()
    assert world.feed("a", b"PUB foo 0\r\n\r\n") == b""
    assert list(link.subscriptions()) == []
    assert world.router.stats()["num_removes"] == 3


def test_closing_drops_them_too(world: World) -> None:
    world.attach("a")
    b = world.attach("b")
    world.feed("b", b"SUB foo 1\r\nSUB foo.* 2\r\n")
    b.close()
    assert world.router.stats()["num_subscriptions"] == 0
    assert list(world.router.subscriptions()) == []
    world.feed("a", b"PUB foo 0\r\n\r\n")
    assert world.output("b") == b""


def test_a_link_moves_to_another_account(world: World) -> None:
    a, b = world.attach("a"), world.attach("b")
    world.feed("b", b"SUB foo 1\r\n")
    world.feed("a", b"PUB foo 1\r\nx\r\n")
    b.clear_subscriptions()
    b.account = "other"
    world.feed("b", b"SUB foo 2\r\n")
    world.feed("a", b"PUB foo 1\r\ny\r\n")
    assert world.output("b") == b"MSG foo 1 1\r\nx\r\n"
    a.account = "other"
    world.feed("a", b"PUB foo 1\r\nz\r\n")
    assert world.output("b") == b"MSG foo 2 1\r\nz\r\n"
    assert tuple(world.router.account_counters("$G")) == (2, 2, 1, 1)
    assert tuple(world.router.account_counters("other")) == (1, 1, 1, 1)
    assert tuple(world.router.counters()) == (3, 3, 2, 2)


# --- interest ---------------------------------------------------------------------------


@implementer(IInterestListener)
class Listener:
    """Records what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def interest_changed(self, account: str, subject: bytes, queue: bytes, members: int) -> None:
        self.told.append((account, subject, queue, members))


@pytest.mark.parametrize("subject", [b"foo", b"foo.*", b"foo.>", b">"])
def test_interest_is_told_when_it_begins_and_ends(world: World, subject: bytes) -> None:
    listener = Listener()
    world.router.add_interest_listener(listener)
    world.attach("a")
    world.attach("b")
    world.feed("a", b"SUB %b 1\r\n" % subject)
    world.feed("b", b"SUB %b 1\r\n" % subject)
    assert listener.told == [("$G", subject, b"", 1)]
    world.feed("a", b"UNSUB 1\r\n")
    world.peers["b"].link.close()
    assert listener.told[1:] == [("$G", subject, b"", 0)]


def test_interest_of_queue_groups_is_told_at_each_change(world: World) -> None:
    listener = Listener()
    world.attach("a", account="X")
    world.feed("a", b"SUB before 0\r\n")
    world.router.add_interest_listener(listener)
    world.feed("a", b"SUB foo q 1\r\nSUB foo q 2\r\nSUB foo p 3\r\nSUB foo 4\r\nUNSUB 1\r\n")
    world.feed("a", b"UNSUB 2 1\r\nPUB foo 0\r\n\r\n")
    assert listener.told == [
        ("X", b"foo", b"q", 1),
        ("X", b"foo", b"q", 2),
        ("X", b"foo", b"p", 1),
        ("X", b"foo", b"", 1),
        ("X", b"foo", b"q", 1),
        ("X", b"foo", b"q", 0),
    ]


def test_internal_subscriptions_are_interest_too(world: World) -> None:
    listener = Listener()
    world.router.add_interest_listener(listener)
    link = world.attach("i", kind=PeerKind.INTERNAL)
    link.subscribe(b"foo", b"", b"1")
    link.clear_subscriptions()
    assert listener.told == [("$G", b"foo", b"", 1), ("$G", b"foo", b"", 0)]
