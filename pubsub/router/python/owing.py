"""Requests to imported services that wait for their answers, and the end of those in vain.

They are found in two ways: in the exporting account by the reply the service was given, and in
the importing one by the reply that was asked for, since who unsubscribes from that needs no
answer any more. (nats-server: ``checkForReverseEntry``.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.logger import Logger

if TYPE_CHECKING:
    from pubsub.interfaces import ServiceRoute
    from pubsub.router.python.account import Account

__all__ = ["Pending", "expire", "give_up", "lost", "owe", "settled"]

_log = Logger()

#: the reason why nobody needs an answer any more, where it is not the time
INTEREST_LOST = "interest lost"

#: Requests looked at when somebody unsubscribes from a pattern: nats-server goes through so
#: many at once. The others are found within a second.
MOST_LOOKED_AT = 64


class Pending:
    """A request that waits for answers.

    :ivar importer: whose reply it is.
    :ivar token: what the route's observer knows it by; ``None`` once there is an answer.
    :ivar since: when it was made, or last answered.
    :ivar exporter: where the answer is to come, on ``given``.
    :ivar older: another one that waits for an answer on the same reply, ``newer`` likewise.
    """

    __slots__ = (
        "exporter", "given", "importer", "newer", "older", "reply", "route", "since", "token",
    )  # fmt: skip

    def __init__(
        self, importer: Account, reply: bytes, route: ServiceRoute, token: Any, exporter: Account
    ) -> None:
        self.importer = importer
        self.reply = reply
        self.route = route
        self.token = token
        self.exporter = exporter
        self.since = 0.0
        self.given = b""
        self.older: Pending | None = None
        self.newer: Pending | None = None

    def is_late(self, now: float) -> bool:
        """Whether an answer would come too late."""
        return now - self.since > self.route.threshold


def owe(pending: Pending, given: bytes) -> None:
    """An answer on ``given`` is waited for."""
    owed = pending.importer.owed
    pending.given = given
    pending.exporter.waiting[given] = pending
    pending.older = owed.get(pending.reply)
    if pending.older is not None:
        pending.older.newer = pending
    owed[pending.reply] = pending


def settled(exporter: Account, given: bytes) -> Pending | None:
    """It is not waited for any more; ``None`` if it was not."""
    pending = exporter.waiting.pop(given, None)
    if pending is None:
        return None
    older, newer, owed = pending.older, pending.newer, pending.importer.owed
    if older is not None:
        older.newer = newer
    if newer is not None:
        newer.older = older
    elif older is not None:
        owed[pending.reply] = older
    else:
        del owed[pending.reply]
    pending.older = pending.newer = None
    return pending


def give_up(exporter: Account, given: bytes, reason: str) -> None:
    """Forget a request, if it still waits for an answer."""
    pending = settled(exporter, given)
    if pending is None:
        return
    token, pending.token = pending.token, None
    if token is not None and pending.route.observer is not None:
        try:
            pending.route.observer.unanswered(token, reason)
        except Exception:  # noqa: BLE001 (others wait to be forgotten, too)
            _log.failure("Measuring no answer on {reply!r} failed", reply=pending.reply)
    if reason == INTEREST_LOST:
        _give_up_all(exporter, given)


def _give_up_all(importer: Account, reply: bytes) -> None:
    """Nobody needs what is answered on ``reply``, nor do services that ask others for it."""
    while (pending := importer.owed.get(reply)) is not None:
        give_up(pending.exporter, pending.given, INTEREST_LOST)


def expire(exporter: Account, now: float) -> int:
    """Forget the requests nobody needs an answer to any more; how many."""
    outdated = []
    for given, pending in exporter.waiting.items():
        if pending.is_late(now):
            outdated.append((given, "timeout"))
        elif not pending.importer.index.match(pending.reply).fanout:
            outdated.append((given, INTEREST_LOST))
    for given, reason in outdated:
        give_up(exporter, given, reason)
    return len(outdated)


def lost(account: Account, subject: bytes) -> None:
    """A subscription is gone: forget the requests whose answers nobody hears any more."""
    owed = account.owed
    if subject in owed:
        wanted = [subject]
    elif (b"*" not in subject and b">" not in subject) or len(owed) > MOST_LOOKED_AT:
        return
    else:
        wanted = list(owed)
    for reply in wanted:
        if not account.index.match(reply).fanout:
            _give_up_all(account, reply)
