"""Lame duck mode: leave without every client reconnecting elsewhere in the same second.

Theory of operation, which is nats-server's ``lameDuckMode``:

1. The client listeners close.
2. Nobody is connected: shut down at once.
3. Clients are told (INFO with ``ldm``), so that those that can go by themselves.
4. After ``lame_duck_grace_period`` the others are closed one by one, spread evenly over
   what is left of ``lame_duck_duration``, but never more than a second apart. Each pause is
   random, between half of and the whole interval. When there are more clients than
   nanoseconds, several go at once.
5. The last one gone, shut down.

A shutdown may come at any time in between: :meth:`LameDuck.cancel`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import Interface

from pubsub.errors import ClosedState

__all__ = ["ILameDuckServer", "LameDuck", "Pace", "pace"]

_SECOND = 1_000_000_000


class ILameDuckServer(Interface):
    """What lame duck mode needs of a server."""

    def stop_listening() -> Deferred[None] | None:
        """Accept no more clients."""

    def connections() -> Sequence[Any]:
        """The clients that are connected now."""

    def send_lame_duck_info() -> None:
        """Tell them, where they understand it, with INFO."""

    def close_connection(connection: Any, reason: ClosedState) -> None:  # noqa: N805
        """Close one of them; nothing happens if it is gone already."""

    def shutdown() -> None:
        """All of them are gone: end the server."""


class Pace(NamedTuple):
    """How fast clients are closed."""

    #: nanoseconds between two pauses' ends, at most
    interval: int
    #: clients closed between two pauses
    batch: int


def pace(clients: int, duration: float, grace_period: float) -> Pace:
    """How fast to close that many clients.

    :param clients: more than 0.
    :param duration: ``lame_duck_duration`` in seconds, which the grace period is part of.
    """
    left = round(duration * _SECOND) - round(grace_period * _SECOND)
    if left <= 0:
        left = _SECOND
    interval = left // clients
    if interval < 1:
        return Pace(1, clients // left)
    return Pace(min(interval, _SECOND), 1)


class LameDuck:
    """Lame duck mode of one server.

    :param server: who it is about.
    :param clock: keeps the grace period and the pauses.
    :param randrange: ``random.randrange``; tests fix it.
    """

    _log = Logger()

    def __init__(
        self,
        server: ILameDuckServer,
        clock: IReactorTime,
        randrange: Callable[[int], int] = random.randrange,
    ) -> None:
        self._server = server
        self._clock = clock
        self._randrange = randrange
        #: True once it was entered, for good
        self.active = False
        self._cancelled = False
        self._call: IDelayedCall | None = None
        self._clients: list[Any] = []
        self._closed = 0
        self._pace = Pace(1, 1)

    def enter(self, duration: float, grace_period: float) -> None:
        """Begin, unless it has begun before.

        :param duration: seconds until all clients are closed, about.
        :param grace_period: seconds before the first one is.
        """
        if self.active or self._cancelled:
            return
        self.active = True
        self._log.info("Entering lame duck mode, stop accepting new clients")
        stopped = maybeDeferred(self._server.stop_listening)
        stopped.addErrback(self._not_stopped)
        stopped.addCallback(lambda _: self._warn(duration, grace_period))

    def cancel(self) -> None:
        """The server shuts down by other means: do nothing more."""
        self._cancelled = True
        call, self._call = self._call, None
        if call is not None and call.active():
            call.cancel()

    def _not_stopped(self, failure: Failure) -> None:
        # It matters less than the clients, who want to be told either way.
        self._log.failure("Error closing the client listener", failure)

    def _warn(self, duration: float, grace_period: float) -> None:
        if self._cancelled:
            return
        self._clients = list(self._server.connections())
        if not self._clients:
            self._finish()
            return
        self._pace = pace(len(self._clients), duration, grace_period)
        self._server.send_lame_duck_info()
        self._call = self._clock.callLater(grace_period, self._begin)

    def _begin(self) -> None:
        self._log.info("Closing existing clients")
        self._close_some()

    def _close_some(self) -> None:
        """Close clients up to the next pause."""
        self._call = None
        while not self._cancelled:
            index = self._closed
            self._closed += 1
            try:
                self._server.close_connection(self._clients[index], ClosedState.SERVER_SHUTDOWN)
            except Exception:  # noqa: BLE001  one client must not keep the others from leaving
                self._log.failure("Error closing a client in lame duck mode")
            if self._closed == len(self._clients):
                self._finish()
                return
            if index % self._pace.batch == 0:
                interval = self._pace.interval
                pause = max(self._randrange(interval), interval // 2)
                self._call = self._clock.callLater(pause / _SECOND, self._close_some)
                return

    def _finish(self) -> None:
        self._clients = []
        if not self._cancelled:
            self._server.shutdown()
