"""One subscription: who wants which subject, and how many messages it had."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pubsub.interfaces import SubscriptionInfo

if TYPE_CHECKING:
    from pubsub.router.python.link import PythonLink

__all__ = ["Subscription"]


class Subscription:
    """A SUB line in force.

    :ivar serial: counts up over a whole router; deliveries go in this order.
    :ivar active: False once removed: a delivery in progress may still come across it.
    """

    __slots__ = ("active", "delivered", "link", "max", "queue", "serial", "sid", "subject")

    def __init__(
        self, link: PythonLink, subject: bytes, queue: bytes, sid: bytes, serial: int
    ) -> None:
        self.link = link
        self.subject = subject
        self.queue = queue
        self.sid = sid
        self.serial = serial
        self.delivered = 0
        self.max = 0
        self.active = True

    def info(self) -> SubscriptionInfo:
        """What /connz and /subsz show of it."""
        return SubscriptionInfo(
            self.link.account,
            self.link.cid,
            self.sid,
            self.subject,
            self.queue,
            self.delivered,
            self.max,
        )
