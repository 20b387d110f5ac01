"""Decisions that are remembered."""

from __future__ import annotations

from pubsub.router.python.permissions import MAX_DECISIONS, Decisions


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


def test_only_so_many_answers_are_kept() -> None:
    asked: list[bytes] = []
    decisions = Decisions(lambda subject: asked.append(subject) is None)
    for number in range(MAX_DECISIONS + 1):
        assert decisions(b"%d" % number)
    assert decisions.recall(b"0") is None
    assert decisions.recall(b"1") is True
    assert decisions.recall(b"%d" % MAX_DECISIONS) is True
