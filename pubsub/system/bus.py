"""Where the server speaks about itself: in the system account, and to those who listen there."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pubsub.system.advisories import EventIds
from pubsub.wire.gotime import rfc3339
from pubsub.wire.info import go_json

if TYPE_CHECKING:
    from pubsub.interfaces import IServerAccess
    from pubsub.router.internal import InternalClient

__all__ = ["SystemBus"]


class SystemBus:
    """Publishes events and answers, numbered and dated, as this server.

    Nothing is put together for which nobody has subscribed.

    :param server: whose voice it is; it has a system account.
    :param wall: epoch seconds.
    :param abroad: whether there are other clusters: who listens there only the router knows.
    """

    def __init__(
        self,
        server: IServerAccess,
        wall: Callable[[], float] = time.time,
        abroad: Callable[[], bool] = bool,
    ) -> None:
        self.server = server
        self.account: str = server.system_account
        self.client: InternalClient = server.internal_client(self.account)
        self.now = wall
        self._abroad = abroad
        self.ids = EventIds()
        self._sequence = 0

    def is_wanted(self, subject: str, account: str = "") -> bool:
        """Whether a message on ``subject`` may reach anybody, here or in another cluster.

        :param account: another one than the system account.
        """
        matching = self.server.router.matching
        return self._abroad() or bool(matching(account or self.account, subject.encode()))

    def stamp(self) -> dict[str, Any]:
        """Who says it, with the number and the time of this message (``ServerInfo``)."""
        self._sequence += 1
        block = dict(self.server.server_info())
        block.update(seq=self._sequence, time=rfc3339(self.now()))
        return block

    def publish(self, subject: str, payload: Mapping[str, Any], account: str = "") -> None:
        """Say it, as JSON.

        :param account: another one than the system account.
        """
        if not account or account == self.account:
            self.client.publish(subject.encode(), go_json(payload))
        elif self.server.router.publish(account, subject.encode(), b"", b"", go_json(payload)):
            self.server.clock.callLater(0, self.server.router.flush)

    def answer(self, reply: bytes, payload: bytes, headers: bytes = b"") -> None:
        """Answer a request of the system account."""
        self.client.publish(reply, payload, headers=headers)

    def close(self) -> None:
        """Say nothing more, hear nothing more."""
        self.client.close()
