"""Signals, as nats-server answers them.

=========== ===========================================================
``SIGINT``  shut down, exit code 0
``SIGTERM`` the same, but ignored in lame duck mode
``SIGHUP``  read the configuration again
``SIGUSR1`` open the log file again
``SIGUSR2`` enter lame duck mode
=========== ===========================================================

Twisted takes SIGINT and SIGTERM for itself when ``reactor.run`` begins. Either run it with
``installSignalHandlers=False``, or :meth:`Signals.install` once it runs
(``reactor.callWhenRunning``).
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

from twisted.logger import Logger
from zope.interface import Attribute, Interface

from pubsub.errors import PubSubError

__all__ = ["IServerControl", "Signals"]


class IServerControl(Interface):
    """What a signal can make a server do. None of these waits for its end."""

    lame_duck = Attribute("bool: lame duck mode was entered")

    def shutdown() -> None:
        """Close everything, then end the process with exit code 0. Idempotent."""

    def reload() -> None:
        """Read the configuration again and apply what changed.

        :raises pubsub.errors.PubSubError: it is wrong; nothing has changed.
        """

    def reopen_log() -> None:
        """Open the log file anew: somebody moved the old one away."""

    def enter_lame_duck() -> None:
        """Stop accepting clients, let those there are go slowly, then shut down."""


#: Go's names of the signals, which nats-server logs
_NAMES = {
    "SIGINT": "interrupt",
    "SIGTERM": "terminated",
    "SIGHUP": "hangup",
    "SIGUSR1": "user defined signal 1",
    "SIGUSR2": "user defined signal 2",
}


class Signals:
    """Turns signals into calls of an :class:`IServerControl`.

    :param schedule: runs a function soon, outside of the signal handler
        (``reactor.callFromThread``, which also wakes the reactor up).
    :param install: sets a handler and gives the previous one (``signal.signal``).
    """

    _log = Logger()

    def __init__(
        self,
        control: IServerControl,
        schedule: Callable[[Callable[[], None]], object],
        install: Callable[[int, Any], Any] = signal.signal,
    ) -> None:
        self._control = control
        self._schedule = schedule
        self._install = install
        self._previous: dict[int, Any] = {}
        self._actions = {
            "SIGINT": self._interrupted,
            "SIGTERM": self._terminated,
            "SIGHUP": self._reload,
            "SIGUSR1": self._control.reopen_log,
            "SIGUSR2": self._control.enter_lame_duck,
        }

    def install(self) -> None:
        """Set the handlers (of those signals that this system has)."""
        for name in self._actions:
            number = getattr(signal, name, None)
            if number is not None:
                previous = self._install(number, self._trapped)
                self._previous.setdefault(number, previous)

    def uninstall(self) -> None:
        """Set the handlers that were there before."""
        previous, self._previous = self._previous, {}
        for number, handler in previous.items():
            # None: it was set by C code, which Python cannot name, nor bring back.
            self._install(number, signal.SIG_DFL if handler is None else handler)

    def received(self, name: str) -> None:
        """Act on a signal, by its name (``"SIGHUP"``)."""
        self._log.info('Trapped "{signal}" signal', signal=_NAMES[name])
        self._actions[name]()

    def _trapped(self, number: int, frame: object) -> None:
        # A handler runs between any two instructions: only the schedule may be touched here.
        name = signal.Signals(number).name
        self._schedule(lambda: self.received(name))

    def _interrupted(self) -> None:
        self._control.shutdown()

    def _terminated(self) -> None:
        if not self._control.lame_duck:
            self._control.shutdown()

    def _reload(self) -> None:
        try:
            self._control.reload()
        except PubSubError as error:
            self._log.error("Failed to reload server configuration: {error}", error=error)
        except Exception:  # noqa: BLE001  a failed reload must not end a running server
            self._log.failure("Failed to reload server configuration")
