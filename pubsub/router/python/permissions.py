"""Decisions about subjects, asked once and remembered."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["MAX_DECISIONS", "Decisions"]

#: nats-server remembers 256 denials and 128 permissions for each connection.
MAX_DECISIONS = 256


class Decisions:
    """A predicate on subjects that remembers its answers.

    The number of answers kept is bounded; the oldest goes first.
    """

    __slots__ = ("_known", "_predicate")

    def __init__(self, predicate: Callable[[bytes], bool]) -> None:
        self._predicate = predicate
        self._known: dict[bytes, bool] = {}

    def __call__(self, subject: bytes) -> bool:
        """What the predicate said, or says now."""
        known = self._known
        answer = known.get(subject)
        if answer is None:
            answer = bool(self._predicate(subject))
            if len(known) >= MAX_DECISIONS:
                del known[next(iter(known))]
            known[subject] = answer
        return answer

    def recall(self, subject: bytes) -> bool | None:
        """What the predicate said, without asking it."""
        return self._known.get(subject)
