"""The other servers of the system, in whichever cluster, as far as they are heard of.

Each server tells its figures (STATSZ) every ten seconds in the system account, and says when it
leaves; all listen to that (nats-server: ``remoteServerUpdate``, ``remoteServerShutdown``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from twisted.internet.interfaces import IDelayedCall

    from pubsub.router.internal import InternalMessage
    from pubsub.system.bus import SystemBus

__all__ = ["RemoteServers"]

#: Seconds without a word after which a server is gone: nats-server's orphMax.
_SILENCE = 150.0
#: Servers that are remembered, those heard of last: a system has hundreds at most.
_MOST = 4096
#: Seconds between two looks for silent ones at least.
_SWEEP = 1.0
#: what servers say when they are there, and when they leave
_PULSE = b"$SYS.SERVER.*.STATSZ"
_LEAVING = (b"$SYS.SERVER.*.SHUTDOWN", b"$SYS.SERVER.*.LAMEDUCK")


class RemoteServers:
    """Listens to the other servers.

    :param found: called when one is heard of for the first time.
    """

    def __init__(self, bus: SystemBus, found: Callable[[], None]) -> None:
        self._bus = bus
        self._found = [found]
        self._lost: list[Callable[[str], None]] = []
        self._sweeping: IDelayedCall | None = None
        self._stopped = False
        #: by id, when it was last heard of; who was heard of last is the last
        self._heard: dict[str, float] = {}

    def start(self) -> None:
        """Listen, until the bus closes."""
        self._bus.client.subscribe(_PULSE, self._beats)
        for subject in _LEAVING:
            self._bus.client.subscribe(subject, self._leaves)

    def stop(self) -> None:
        """Hear of nobody any more."""
        self._stopped = True
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None

    def watch(self, found: Callable[[], None], lost: Callable[[str], None]) -> None:
        """Call ``found`` when a server is heard of for the first time, and ``lost`` with its id
        when it leaves or has been silent for long."""
        self._found.append(found)
        self._lost.append(lost)

    def ids(self) -> set[str]:
        """Those that are there."""
        self._forget_silent()
        return set(self._heard)

    def hear(self, server_id: str) -> bool:
        """That server said something.

        :returns: whether it is another one, and we listen.
        """
        if self._stopped or server_id == self._bus.server.server_id:
            return False
        known = self._heard.pop(server_id, None) is not None
        self._heard[server_id] = self._bus.server.clock.seconds()
        if len(self._heard) > _MOST:
            self._forget(next(iter(self._heard)))
        self._plan()
        if not known:
            self._forget_silent()
            for found in self._found:
                found()
        return True

    def _beats(self, message: InternalMessage) -> None:
        self.hear(_named(message))

    def _leaves(self, message: InternalMessage) -> None:
        self._forget(_named(message))

    def _forget(self, server_id: str) -> None:
        if self._heard.pop(server_id, None) is not None:
            for lost in self._lost:
                lost(server_id)

    def _forget_silent(self) -> None:
        now = self._bus.server.clock.seconds()
        while self._heard:
            eldest = next(iter(self._heard))
            if now - self._heard[eldest] <= _SILENCE:
                break
            self._forget(eldest)

    def _plan(self) -> None:
        """Look again when the one that was silent longest may be gone."""
        if self._sweeping is None and self._heard:
            clock = self._bus.server.clock
            left = next(iter(self._heard.values())) + _SILENCE - clock.seconds()
            self._sweeping = clock.callLater(max(0.0, left) + _SWEEP, self._sweep)

    def _sweep(self) -> None:
        self._sweeping = None
        self._forget_silent()
        self._plan()


def _named(message: InternalMessage) -> str:
    """The id in the subject."""
    return message.subject.split(b".")[2].decode("utf-8", "replace")
