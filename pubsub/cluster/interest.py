"""What this server wants to hear, counted, and told to the other servers.

For each account there is a count of the local subscriptions on a subject in a queue group:
clients', the server's own, and those of leaf nodes, which are kept apart by the cluster the leaf
belongs to. Other servers are told of a plain subject when the first subscription comes and the
last one goes, of a queue group at each change: they draw among its members (nats-server:
``updateRouteSubscriptionMap``). What routes and gateways want to hear is never told to others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from zope.interface import implementer

from pubsub.interfaces import ILink, ISubscriptionListener, PeerKind

__all__ = ["Interest", "LocalInterest"]

_ELSEWHERE = (PeerKind.ROUTE, PeerKind.GATEWAY)


class Interest(NamedTuple):
    """Something that is wanted here."""

    #: the cluster of the leaf that wants it, ``b""`` for others
    origin: bytes
    subject: bytes
    queue: bytes


@implementer(ISubscriptionListener)
class LocalInterest:
    """Counts; :attr:`changed` is called with account, interest and the new count if others have
    to be told of it (0: nobody wants it any more)."""

    def __init__(self) -> None:
        self.changed: Callable[[str, Interest, int], None] = _nobody
        self._counts: dict[str, dict[Interest, int]] = {}

    def subscription_changed(
        self,
        link: ILink | None,
        account: str,
        subject: bytes,
        queue: bytes,
        change: int,
        origin: bytes,
    ) -> None:
        """The router tells (ISubscriptionListener)."""
        if link is not None:
            kind = link.kind
            if kind in _ELSEWHERE:
                return
            if kind == PeerKind.LEAF:
                origin = link.peer.origin.encode()
        interest = Interest(origin, subject, queue)
        counts = self._counts.get(account)
        if counts is None:
            counts = self._counts[account] = {}
        before = counts.get(interest, 0)
        # more may be taken back than was ever told: a link whose origin became known later
        count = before + change
        if count < 0:
            count = 0
        if count:
            counts[interest] = count
        elif before:
            del counts[interest]
            if not counts:
                del self._counts[account]
        if count != before and (queue or not count or not before):
            self.changed(account, interest, count)

    def accounts(self) -> list[str]:
        """The accounts in which anything is wanted."""
        return list(self._counts)

    def of(self, account: str) -> Iterator[tuple[Interest, int]]:
        """All that is wanted in an account, with counts."""
        return iter(list(self._counts.get(account, {}).items()))


def _nobody(account: str, interest: Interest, count: int) -> None:
    """There are no other servers."""
