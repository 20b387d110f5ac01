"""The way back in front of replies, and how long it is remembered."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from pubsub.router.python.prefixes import MappedReplies, Way, is_prefixed, shown, way_of

PREFIX = b"_GR_.cccccc.ssssss."


@pytest.mark.parametrize(
    ("subject", "way"),
    [
        (PREFIX + b"a.b", Way(b"cccccc", b"ssssss", b"a.b")),
        (PREFIX + b"a", Way(b"cccccc", b"ssssss", b"a")),
        (PREFIX, None),
        (b"_GR_.a", None),
        (b"_gr_.cccccc.ssssss.a", None),
        (b"$GR.hhhh.a.b", Way(b"hhhh", b"", b"a.b")),
        (b"$GR.hhhh.", None),
        (b"", None),
        (b"a", None),
    ],
)
def test_the_way_in_front_of_a_subject(subject: bytes, way: Way | None) -> None:
    assert way_of(subject) == way
    assert shown(subject) == (subject if way is None else way.subject)
    assert is_prefixed(subject) == (way is not None and bool(way.server))


def test_replies_are_remembered_for_two_seconds() -> None:
    clock = Clock()
    replies = MappedReplies(clock.seconds)
    assert replies.remember(PREFIX + b"a") == b"a"
    clock.advance(1.999)
    assert replies.find(b"a") == PREFIX + b"a"
    clock.advance(0.001)
    assert b"a" in replies
    assert replies.find(b"a") is None
    assert b"a" not in replies
    assert replies.find(b"b") is None


def test_no_more_are_held_than_came_in_that_time() -> None:
    clock = Clock()
    replies = MappedReplies(clock.seconds)
    for number in range(1000):
        replies.remember(PREFIX + b"%d" % number)
        clock.advance(0.25)
    assert len(replies) == 8
    assert replies.find(b"999") == PREFIX + b"999"
    assert replies.find(b"992") is None


def test_one_that_comes_again_is_new() -> None:
    clock = Clock()
    replies = MappedReplies(clock.seconds)
    replies.remember(PREFIX + b"a")
    clock.advance(1.0)
    replies.remember(PREFIX + b"b")
    clock.advance(0.5)
    replies.remember(b"_GR_.dddddd.ssssss.a")
    clock.advance(1.5)
    replies.remember(PREFIX + b"c")
    assert len(replies) == 2
    assert replies.find(b"a") == b"_GR_.dddddd.ssssss.a"
    assert replies.find(b"b") is None
