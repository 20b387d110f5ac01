"""Decisions that are remembered, and permissions to answer."""

from __future__ import annotations

import pytest

from pubsub.interfaces import ResponsePermission
from pubsub.router.python.permissions import MAX_DECISIONS, PRUNE_AFTER, Decisions, Replies


def test_a_predicate_is_asked_once() -> None:
    asked: list[bytes] = []

    def predicate(subject: bytes) -> bool:
        asked.append(subject)
        return subject == b"yes"

    decisions = Decisions(predicate)
    assert [decisions(s) for s in (b"yes", b"no", b"yes", b"no")] == [True, False, True, False]
    assert asked == [b"yes", b"no"]


def test_an_answer_may_be_recalled_without_asking() -> None:
    decisions = Decisions(lambda subject: subject == b"yes")
    assert decisions.recall(b"yes") is None
    decisions(b"yes")
    decisions(b"no")
    assert decisions.recall(b"yes") is True
    assert decisions.recall(b"no") is False


def test_each_queue_group_is_another_question() -> None:
    decisions = Decisions(lambda subject, queue: queue == b"q")
    assert decisions(b"a", b"q")
    assert not decisions(b"a", b"")
    assert decisions.recall(b"a", b"q") is True
    assert decisions.recall(b"a", b"") is False
    assert decisions.recall(b"a", b"r") is None


def test_what_is_asked_in_passing_is_not_remembered() -> None:
    decisions = Decisions(lambda subject: subject == b"yes")
    assert decisions.ask(b"yes")
    assert not decisions.ask(b"no")
    assert decisions.recall(b"yes") is None
    decisions(b"yes")
    assert decisions.ask(b"yes")


def test_only_so_many_answers_are_kept() -> None:
    asked: list[bytes] = []
    decisions = Decisions(lambda subject: asked.append(subject) is None)
    for number in range(MAX_DECISIONS + 1):
        assert decisions(b"%d" % number)
    assert decisions.recall(b"0") is None
    assert decisions.recall(b"1") is True
    assert decisions.recall(b"%d" % MAX_DECISIONS) is True


class Time:
    """Seconds that pass when they are told to."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_reply_is_used_up() -> None:
    replies = Replies(ResponsePermission(max_messages=2, expires=0.0), Time())
    assert not replies.allow(b"r")
    replies.remember(b"r")
    assert [replies.allow(b"r") for _ in range(4)] == [True, True, False, False]
    replies.remember(b"r")
    assert replies.allow(b"r")


@pytest.mark.parametrize("most", [0, -1])
def test_there_may_be_any_number_of_answers(most: int) -> None:
    replies = Replies(ResponsePermission(max_messages=most, expires=0.0), Time())
    replies.remember(b"r")
    assert all(replies.allow(b"r") for _ in range(100))


def test_a_reply_goes_out_of_date() -> None:
    time = Time()
    replies = Replies(ResponsePermission(max_messages=9, expires=5.0), time)
    replies.remember(b"r")
    time.now += 5.0
    assert replies.allow(b"r"), "not later than that is in time"
    time.now += 0.1
    assert not replies.allow(b"r")
    assert replies.waiting == {}


def test_to_be_asked_again_begins_anew() -> None:
    time = Time()
    replies = Replies(ResponsePermission(max_messages=1, expires=5.0), time)
    replies.remember(b"r")
    assert replies.allow(b"r")
    time.now += 4.0
    replies.remember(b"r")
    time.now += 4.0
    assert replies.allow(b"r")
    assert not replies.allow(b"r")


def test_replies_out_of_use_are_forgotten_once_a_second() -> None:
    time = Time()
    replies = Replies(ResponsePermission(max_messages=1, expires=10.0), time)
    for reply in (b"old", b"used", b"new"):
        replies.remember(reply)
    replies.allow(b"used")
    time.now += 1.0
    replies.remember(b"other")
    assert b"used" in replies.waiting, "not yet"
    time.now += 0.5
    replies.remember(b"another")
    assert sorted(replies.waiting) == [b"another", b"new", b"old", b"other"]
    time.now += 9.0
    replies.remember(b"last")
    assert sorted(replies.waiting) == [b"another", b"last", b"other"]


def test_replies_out_of_use_are_forgotten_when_there_are_many() -> None:
    replies = Replies(ResponsePermission(max_messages=1, expires=0.0), Time())
    for number in range(PRUNE_AFTER + 1):
        replies.remember(b"%d" % number)
        replies.allow(b"%d" % number)
    assert len(replies.waiting) == PRUNE_AFTER + 1
    replies.remember(b"one more")
    assert list(replies.waiting) == [b"one more"]
