"""How much of what is wanted in this cluster: by clients, other members, and leaf nodes.

Other clusters are told of a subject, or of a queue group in it, when the first subscription comes
and the last one goes (nats-server: ``pasi``, gatewayUpdateSubInterest). What other clusters want to
hear is never told to others, nor is what our hubs want to hear.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from zope.interface import implementer

from pubsub.interfaces import ILink, ISubscriptionListener, PeerKind

__all__ = ["Tally"]


@implementer(ISubscriptionListener)
class Tally:
    """Counts.

    :ivar coming: called with an account's name before the first interest in it is counted.
    :ivar changed: called with account, subject, queue group and whether it is wanted, after the
        first subscription came or the last one went.
    """

    def __init__(self) -> None:
        self.coming: Callable[[str], None] = _nobody
        self.changed: Callable[[str, bytes, bytes, bool], None] = _nobody
        self._counts: dict[str, dict[tuple[bytes, bytes], int]] = {}

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
        if link is not None and (
            link.kind == PeerKind.GATEWAY or (link.kind == PeerKind.LEAF and link.peer.spoke)
        ):
            return
        counts = self._counts.get(account)
        if counts is None:
            if change <= 0:
                return
            self.coming(account)
            counts = self._counts[account] = {}
        key = (subject, queue)
        before = counts.get(key, 0)
        count = max(0, before + change)
        if count:
            counts[key] = count
        elif before:
            del counts[key]
            if not counts:
                del self._counts[account]
        if bool(count) != bool(before):
            self.changed(account, subject, queue, bool(count))

    def accounts(self) -> list[str]:
        """The accounts in which anything is wanted."""
        return list(self._counts)

    def wanted(self, account: str) -> bool:
        """Whether anything is."""
        return account in self._counts

    def plain(self, account: str) -> Iterator[bytes]:
        """The subjects that are wanted by others than queue groups."""
        return (subject for subject, queue in list(self._counts.get(account, ())) if not queue)

    def queues(self, account: str) -> Iterator[tuple[bytes, bytes]]:
        """The queue groups, with their subjects."""
        return (key for key in list(self._counts.get(account, ())) if key[1])


def _nobody(*arguments: object) -> None:
    """There are no other clusters."""
