"""What stands in an index: the subscriptions of links, and those the router needs itself."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from pubsub.interfaces import PeerKind, SubscriptionInfo

if TYPE_CHECKING:
    from pubsub.router.python.account import Account
    from pubsub.router.python.link import PythonLink
    from pubsub.router.python.mapping import Mapping
    from pubsub.router.python.message import Message
    from pubsub.router.python.router import PythonRouter

__all__ = ["SERVERS", "Carrier", "Entry", "Heard", "HeardKey", "Subscription"]

#: Kinds of links with a server at the other end.
SERVERS = (PeerKind.ROUTE, PeerKind.GATEWAY, PeerKind.LEAF)

#: Kinds whose subscriptions say what other servers want, not what this one wants.
_REMOTE = (PeerKind.ROUTE, PeerKind.GATEWAY)


#: Origin, account, subject, queue group.
HeardKey = tuple[bytes, str, bytes, bytes]


class Entry:
    """Something messages reach.

    :ivar home: the account in whose index it stands.
    :ivar serial: counts up over a whole router; deliveries go in this order.
    :ivar active: False once removed: a delivery in progress may still come across it.
    :ivar since: when it was made, if gateways were in use and it is :attr:`local`.
    """

    __slots__ = ("active", "home", "queue", "serial", "since", "subject")

    #: Whether it is no interest of anybody's: it is not counted where interest is.
    silent = False
    #: How many members of a queue group it stands for.
    weight = 1

    def __init__(self, home: Account, subject: bytes, queue: bytes, serial: int) -> None:
        self.home = home
        self.subject = subject
        self.queue = queue
        self.serial = serial
        self.active = True
        self.since = -math.inf

    @property
    def told(self) -> bool:
        """Whether it is something that this server wants to hear from others."""
        return not self.silent

    @property
    def local(self) -> bool:
        """Whether somebody of this account wants it, here or at a leaf."""
        return not self.silent


class Subscription(Entry):
    """A SUB line in force, or the shadow of one in an account whose stream is imported.

    :ivar mapping: from the published subject to the one that is delivered.
    :ivar primary: the subscription this one is a shadow of.
    :ivar shadows: its own.
    """

    __slots__ = ("delivered", "link", "mapping", "max", "primary", "shadows", "sid")

    def __init__(
        self,
        link: PythonLink,
        home: Account,
        subject: bytes,
        queue: bytes,
        sid: bytes,
        serial: int,
    ) -> None:
        super().__init__(home, subject, queue, serial)
        self.link = link
        self.sid = sid
        self.delivered = 0
        self.max = 0
        self.mapping: Mapping | None = None
        self.primary: Subscription | None = None
        self.shadows: tuple[Subscription, ...] = ()

    @property
    def told(self) -> bool:
        """Not what other servers said they want."""
        return self.link.kind not in _REMOTE

    @property
    def local(self) -> bool:
        """Not what other servers said, but for leafs; and not what is imported."""
        link = self.link
        if self.primary is not None or link.kind in _REMOTE:
            return False
        return not (link.kind == PeerKind.LEAF and link.peer.spoke)

    @property
    def total(self) -> int:
        """Deliveries to a subscription and all its shadows: what UNSUB counts."""
        if self.primary is not None:
            return self.primary.total
        return self.delivered + sum(shadow.delivered for shadow in self.shadows)

    def info(self) -> SubscriptionInfo:
        """What /connz and /subsz show of it."""
        return SubscriptionInfo(
            self.home.name, self.link.cid, self.sid, self.subject, self.queue, self.total, self.max
        )

    def limit(self, maximum: int) -> None:
        """UNSUB with a maximum."""
        self.max = maximum
        for shadow in self.shadows:
            shadow.max = maximum


class Heard(Subscription):
    """What a server wants to hear, or a leaf's shadow of that: messages for it are collected.

    :ivar key: what it is known by to its link: origin, account, subject, queue.
    :ivar weight: how many members of the queue group it stands for; 1 without one.
    :ivar origin: the cluster of the leaf behind that server, which it is for.
    """

    __slots__ = ("key", "origin", "weight")

    #: It is nothing this server wants.
    silent = True
    told = False

    def __init__(
        self, link: PythonLink, home: Account, key: HeardKey, weight: int, serial: int
    ) -> None:
        super().__init__(link, home, key[2], key[3], b"", serial)
        self.key = key
        self.weight = weight
        self.origin = key[0]


class Carrier(Entry, ABC):
    """A subscription of the router's own, that carries messages to another account."""

    __slots__ = ()

    @abstractmethod
    def carry(
        self, router: PythonRouter, publisher: PythonLink | None, message: Message, payload: bytes
    ) -> int:
        """Take over a message; to how many links it went there."""
