"""The other servers of the system, in whichever cluster, as far as they are heard of.

Each server tells its figures (STATSZ) every ten seconds in the system account, and says when it
leaves; all listen to that (nats-server: ``remoteServerUpdate``, ``remoteServerShutdown``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pubsub.router.internal import InternalMessage
    from pubsub.system.bus import SystemBus

__all__ = ["RemoteServers"]

#: Seconds without a word after which a server is gone: nats-server's orphMax.
_SILENCE = 150.0
#: what servers say when they are there, and when they leave
_PULSE = b"$SYS.SERVER.*.STATSZ"
_LEAVING = (b"$SYS.SERVER.*.SHUTDOWN", b"$SYS.SERVER.*.LAMEDUCK")


class RemoteServers:
    """Listens to the other servers.

    :param found: called when one is heard of for the first time.
    """

    def __init__(self, bus: SystemBus, found: Callable[[], None]) -> None:
        self._bus = bus
        self._found = found
        #: by id, when it was last heard of; who was heard of last is the last
        self._heard: dict[str, float] = {}

    def start(self) -> None:
        """Listen, until the bus closes."""
        self._bus.client.subscribe(_PULSE, self._beats)
        for subject in _LEAVING:
            self._bus.client.subscribe(subject, self._leaves)

    def ids(self) -> set[str]:
        """Those that are there."""
        self._forget_silent()
        return set(self._heard)

    def _beats(self, message: InternalMessage) -> None:
        server_id = _named(message)
        if server_id == self._bus.server.server_id:
            return
        known = self._heard.pop(server_id, None) is not None
        self._heard[server_id] = self._bus.server.clock.seconds()
        if not known:
            self._forget_silent()
            self._found()

    def _leaves(self, message: InternalMessage) -> None:
        self._heard.pop(_named(message), None)

    def _forget_silent(self) -> None:
        now = self._bus.server.clock.seconds()
        while self._heard:
            eldest = next(iter(self._heard))
            if now - self._heard[eldest] <= _SILENCE:
                break
            del self._heard[eldest]


def _named(message: InternalMessage) -> str:
    """The id in the subject."""
    return message.subject.split(b".")[2].decode("utf-8", "replace")
