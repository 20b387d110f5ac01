"""Replies on their way through gateways: ``_GR_.<cluster>.<server>.<reply>``.

Whoever asks in one cluster may be answered in another before that has heard of the inbox.
So a new inbox crosses a gateway with the way back in front of it: the hashes of the
cluster's name and of the server's id, 6 characters each. Whoever answers is not shown the
prefix; its server remembers it for a while instead (:class:`MappedReplies`). Servers before
2.2 know ``$GR.<cluster>.<reply>``, with 4 characters of another hash, which everybody sees.
(nats-server: ``isGWRoutedReply``, ``trackGWReply``.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

__all__ = ["MAPPED_SECONDS", "MappedReplies", "Way", "ack_end", "is_prefixed", "shown", "way_of"]

#: How long a subscription is new, and how long the way back of a reply is remembered:
#: nats-server's defaultGatewayRecentSubExpiration.
MAPPED_SECONDS = 2.0

_PREFIX = b"_GR_."
_PREFIX_END = len(b"_GR_.cccccc.ssssss.")
_OLD_PREFIX = b"$GR."
_OLD_PREFIX_END = len(b"$GR.cccc.")
#: acknowledgements of JetStream: two tokens, then stream, consumer and four numbers, each with
#: its dot, and one more number
_ACK = b"$JS.ACK."
_ACK_DOTS = 8


class Way(NamedTuple):
    """Where a prefixed subject leads."""

    #: hash of the cluster's name
    cluster: bytes
    #: hash of the server's id, ``b""`` in the old form
    server: bytes
    #: the subject without prefix
    subject: bytes


def is_prefixed(reply: bytes) -> bool:
    """Whether it begins with a way back in the form of today."""
    return reply.startswith(_PREFIX) and len(reply) > _PREFIX_END


def way_of(subject: bytes) -> Way | None:
    """The way back in front of a subject, in either form."""
    if is_prefixed(subject):
        return Way(subject[5:11], subject[12:18], subject[_PREFIX_END:])
    if subject.startswith(_OLD_PREFIX) and len(subject) > _OLD_PREFIX_END:
        return Way(subject[4:8], b"", subject[_OLD_PREFIX_END:])
    return None


def shown(subject: bytes) -> bytes:
    """The subject without the way back, if there is one in front of it."""
    way = way_of(subject)
    return subject if way is None else way.subject


def ack_end(reply: bytes) -> int:
    """Where the ``@`` of a reply ``$JS.ACK.<seven tokens>@<subject>`` is; 0 for another reply.

    It is what a server makes of a message of JetStream that its reader shall get on another
    subject: there is no other place for it in a line. (nats-server: ``jsAckDeliverIdx``.)
    """
    start = _PREFIX_END if is_prefixed(reply) else 0
    if not reply.startswith(_ACK, start):
        return 0
    at = start
    for _ in range(_ACK_DOTS):
        at = reply.find(b".", at) + 1
        if not at:
            return 0
    end = reply.find(b"@", at)
    return end if 0 < end < len(reply) - 1 else 0


class MappedReplies:
    """Replies shown without prefix, and what they were; each for :data:`MAPPED_SECONDS`.

    It never holds more than were remembered in that time.
    """

    __slots__ = ("_known", "_monotonic")

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        #: since when, and the whole reply; the oldest first
        self._known: dict[bytes, tuple[float, bytes]] = {}

    def remember(self, reply: bytes) -> bytes:
        """Keep a prefixed reply, and forget the outdated ones; the reply without prefix."""
        known, now = self._known, self._monotonic()
        subject = reply[_PREFIX_END:]
        known.pop(subject, None)
        while known:
            oldest = next(iter(known))
            if now - known[oldest][0] < MAPPED_SECONDS:
                break
            del known[oldest]
        known[subject] = (now, reply)
        return subject

    def find(self, subject: bytes) -> bytes | None:
        """The whole reply behind ``subject``, if it was shown to somebody lately."""
        since, reply = self._known.get(subject, (0.0, b""))
        if not reply:
            return None
        if self._monotonic() - since < MAPPED_SECONDS:
            return reply
        del self._known[subject]
        return None

    def __contains__(self, subject: bytes) -> bool:
        """Whether it is held, outdated or not."""
        return subject in self._known

    def __len__(self) -> int:
        return len(self._known)
