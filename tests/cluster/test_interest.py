"""What is wanted here is counted, and told when others have to know."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from zope.interface.verify import verifyObject

from pubsub.cluster.interest import Interest, LocalInterest
from pubsub.interfaces import ISubscriptionListener, PeerKind, ServerPeer


class Link:
    """Whose subscription it is."""

    def __init__(self, kind: PeerKind = PeerKind.CLIENT, origin: str = "") -> None:
        self.kind = kind
        self.peer = ServerPeer(origin=origin)


@pytest.fixture
def told() -> list[Any]:
    """What others were told."""
    return []


@pytest.fixture
def interest(told: list[Any]) -> LocalInterest:
    """Nothing is wanted yet."""
    made = LocalInterest()
    made.changed = lambda *change: told.append(change)
    return made


def change(
    interest: LocalInterest, by: int, queue: bytes = b"", link: Any = None, origin: bytes = b""
) -> None:
    """``by`` more subscriptions on foo."""
    interest.subscription_changed(link or Link(), "$G", b"foo", queue, by, origin)


def test_it_is_a_subscription_listener() -> None:
    assert verifyObject(ISubscriptionListener, LocalInterest())


def test_plain_subjects_are_told_with_the_first_and_the_last(
    interest: LocalInterest, told: list[Any]
) -> None:
    for by in (1, 1, -1, -1):
        change(interest, by)
    foo = Interest(b"", b"foo", b"")
    assert told == [("$G", foo, 1), ("$G", foo, 0)]
    assert interest.accounts() == []


def test_queue_groups_are_told_at_each_change(interest: LocalInterest, told: list[Any]) -> None:
    for by in (1, 1, 3, -1, -4):
        change(interest, by, b"group")
    assert [count for _, _, count in told] == [1, 2, 5, 4, 0]


def test_what_other_servers_want_is_not_passed_on(interest: LocalInterest, told: list[Any]) -> None:
    for kind in (PeerKind.ROUTE, PeerKind.GATEWAY):
        change(interest, 1, link=Link(kind))
    assert told == []


def test_leafs_are_counted_by_their_cluster(interest: LocalInterest, told: list[Any]) -> None:
    change(interest, 1, link=Link(PeerKind.LEAF, "far"))
    change(interest, 1, link=Link(PeerKind.LEAF))
    assert told == [
        ("$G", Interest(b"far", b"foo", b""), 1),
        ("$G", Interest(b"", b"foo", b""), 1),
    ]


def test_the_servers_own_count_too(interest: LocalInterest, told: list[Any]) -> None:
    interest.subscription_changed(None, "A", b"_R_.x", b"", 1, b"")
    assert list(interest.of("A")) == [(Interest(b"", b"_R_.x", b""), 1)]


def test_more_may_be_taken_back_than_was_told(interest: LocalInterest, told: list[Any]) -> None:
    change(interest, -1)
    assert told == []


@given(st.lists(st.tuples(st.sampled_from([b"", b"q"]), st.integers(-2, 3)), max_size=40))
def test_who_hears_all_changes_knows_what_is_wanted(changes: list[tuple[bytes, int]]) -> None:
    """A model: whatever happens, the other side's view is the truth."""
    seen: dict[Interest, int] = {}

    def hear(account: str, wanted: Interest, count: int) -> None:
        if count:
            seen[wanted] = count
        else:
            del seen[wanted]

    interest, truth = LocalInterest(), {b"": 0, b"q": 0}
    interest.changed = hear
    for queue, by in changes:
        by = max(by, -truth[queue])
        truth[queue] += by
        change(interest, by, queue)
        wanted = Interest(b"", b"foo", queue)
        assert bool(seen.get(wanted)) == bool(truth[queue])
        if queue:
            assert seen.get(wanted, 0) == truth[queue]
