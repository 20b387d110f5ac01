"""Imports for router tests: streams and services as a table, and who measures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zope.interface import implementer

from pubsub.interfaces import (
    IInterestListener,
    ILink,
    IServiceObserver,
    IStreamImports,
    ISubjectMapper,
    ShadowSubscription,
)

#: Calls, as :class:`tests.router.recording.World` writes them.
Log = list[tuple[Any, ...]]


@implementer(ISubjectMapper)
class Prefix:
    """``x`` becomes ``<prefix>x``; ``always`` says whether that may be remembered."""

    def __init__(self, prefix: bytes, always: bool = True) -> None:
        self.prefix = prefix
        self.always = always
        self.asked: list[bytes] = []

    def map(self, subject: bytes) -> tuple[bytes, bool]:
        self.asked.append(subject)
        return self.prefix + subject, self.always


@implementer(IStreamImports)
class Streams:
    """What each subject means elsewhere: account, subject there, and maybe a mapper."""

    def __init__(self, table: Mapping[bytes, Sequence[tuple[Any, ...]]]) -> None:
        self.table = table
        self.asked: list[bytes] = []

    def shadows(self, subject: bytes) -> Sequence[ShadowSubscription]:
        self.asked.append(subject)
        return [
            ShadowSubscription(row[0], row[1], row[2] if len(row) > 2 else None)
            for row in self.table.get(subject, ())
        ]


@implementer(IServiceObserver)
class Observer:
    """Writes down what it is told; measures every request, by a number, unless told not to."""

    def __init__(self, log: Log, measures: bool = True) -> None:
        self.log = log
        self.measures = measures
        self.requests = 0

    def requested(self, link: ILink | None, reply: bytes, headers: bytes) -> Any:
        self.log.append(("requested", link and link.cid, reply, headers))
        self.requests += 1
        return self.requests if self.measures else None

    def answered(self, token: Any, link: ILink | None, reply: bytes) -> None:
        self.log.append(("answered", token, link and link.cid))

    def unanswered(self, token: Any, reason: str) -> None:
        self.log.append(("unanswered", token, reason))


@implementer(IInterestListener)
class Interest:
    """Writes down every change."""

    def __init__(self) -> None:
        self.told: list[tuple[str, bytes, bytes, int]] = []

    def interest_changed(self, account: str, subject: bytes, queue: bytes, members: int) -> None:
        self.told.append((account, subject, queue, members))
