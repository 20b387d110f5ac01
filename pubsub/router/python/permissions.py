"""What a link may publish and hear: decisions asked for once and remembered."""

from __future__ import annotations

import math
from collections.abc import Callable

from pubsub.interfaces import ResponsePermission

__all__ = ["MAX_DECISIONS", "PRUNE_AFTER", "Decisions", "Replies"]

#: nats-server remembers 256 denials and 128 permissions for each connection. These are kept
#: for each predicate, which all connections of a user share.
MAX_DECISIONS = 1024

#: New replies, and seconds, after which the used and outdated ones are looked for:
#: nats-server's replyPermLimit and replyPruneTime.
PRUNE_AFTER = 4096
_PRUNE_SECONDS = 1.0


class Decisions:
    """A predicate on subjects, or subjects and queue groups, that remembers its answers.

    The number of answers kept is bounded; the oldest goes first.
    """

    __slots__ = ("__weakref__", "_known", "_predicate")

    def __init__(self, predicate: Callable[..., bool]) -> None:
        self._predicate = predicate
        self._known: dict[tuple[bytes, ...], bool] = {}

    def __call__(self, *question: bytes) -> bool:
        """What the predicate said, or says now."""
        known = self._known
        answer = known.get(question)
        if answer is None:
            answer = bool(self._predicate(*question))
            if len(known) >= MAX_DECISIONS:
                del known[next(iter(known))]
            known[question] = answer
        return answer

    def recall(self, *question: bytes) -> bool | None:
        """What the predicate said, without asking it."""
        return self._known.get(question)

    def ask(self, question: bytes) -> bool:
        """What it says about something that will hardly be asked again, such as a reply."""
        answer = self._known.get((question,))
        return bool(self._predicate(question)) if answer is None else answer


class Replies:
    """``allow_responses``: where a link may publish because it was asked to.

    (nats-server: ``responseAllowed``, ``pruneReplyPerms``.)

    :param monotonic: seconds that never go back.
    """

    __slots__ = ("_last_prune", "_monotonic", "_permission", "_since_prune", "waiting")

    def __init__(self, permission: ResponsePermission, monotonic: Callable[[], float]) -> None:
        self._permission = permission
        self._monotonic = monotonic
        self._since_prune = 0
        self._last_prune = -math.inf
        #: by reply: since when, and how often it was used
        self.waiting: dict[bytes, tuple[float, int]] = {}

    def remember(self, reply: bytes) -> None:
        """A message with that reply was delivered."""
        now = self._monotonic()
        self.waiting[reply] = (now, 0)
        self._since_prune += 1
        if self._since_prune > PRUNE_AFTER or now - self._last_prune > _PRUNE_SECONDS:
            self._prune(now)

    def allow(self, subject: bytes) -> bool:
        """Whether one more message may be published there; it is counted."""
        since, used = self.waiting.get(subject, (0.0, -1))
        if used < 0:
            return False
        most = self._permission.max_messages
        if 0 < most < used + 1 or self._outdated(since, self._monotonic()):
            del self.waiting[subject]
            return False
        self.waiting[subject] = (since, used + 1)
        return True

    def _outdated(self, since: float, now: float) -> bool:
        return 0.0 < self._permission.expires < now - since

    def _prune(self, now: float) -> None:
        most = self._permission.max_messages
        self.waiting = {
            reply: (since, used)
            for reply, (since, used) in self.waiting.items()
            if not (0 < most <= used or self._outdated(since, now))
        }
        self._since_prune = 0
        self._last_prune = now
