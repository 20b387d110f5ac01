"""Things that end at a time of day, by key: accounts, and the activations of their imports."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from twisted.internet.interfaces import IDelayedCall, IReactorTime

__all__ = ["Timers"]

#: Seconds: a longer wait is cut into pieces of this. Clocks are set, machines sleep, and
#: nothing that ends should be a day late for that.
LONGEST = 3600.0


class Timers:
    """One timer for each key.

    :param clock: waits.
    :param wall: epoch seconds.
    """

    def __init__(self, clock: IReactorTime, wall: Callable[[], float]) -> None:
        self._clock = clock
        self._wall = wall
        self._calls: dict[Hashable, IDelayedCall] = {}

    def at(self, key: Hashable, when: float, action: Callable[[], None]) -> None:
        """Call ``action`` once when it is ``when`` (epoch seconds), in place of what was
        planned for ``key``. Never if it is 0.0; soon, but not now, if it is over."""
        self.cancel(key)
        if when:
            self._plan(key, when, action)

    def cancel(self, key: Hashable) -> None:
        """Plan nothing for ``key``."""
        call = self._calls.pop(key, None)
        if call is not None:
            call.cancel()

    def stop(self) -> None:
        """Plan nothing any more."""
        for key in list(self._calls):
            self.cancel(key)

    def _plan(self, key: Hashable, when: float, action: Callable[[], None]) -> None:
        delay = min(max(0.0, when - self._wall()), LONGEST)
        self._calls[key] = self._clock.callLater(delay, self._due, key, when, action)

    def _due(self, key: Hashable, when: float, action: Callable[[], None]) -> None:
        del self._calls[key]
        if self._wall() < when:
            self._plan(key, when, action)
        else:
            action()
