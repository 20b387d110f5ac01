"""All the deadlines of all connections, on one timer.

Every connection waits for something: CONNECT, the next PING, the end of a stall, a peer
that does not close. A delayed call of the reactor for each costs half a kilobyte and a
closure; a :class:`Deadline` costs under 100 bytes, and one delayed call serves them all.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

__all__ = ["Deadline", "Deadlines"]

#: Cancelled entries stay in the heap until their time comes, or until there are this many
#: and they are the majority: then one pass throws them out. Smaller heaps are not worth it.
_SWEEP_AT = 512


def _nothing(_: Any) -> None:
    """What a cancelled deadline calls."""


class Deadline:
    """Something that will be done at a certain time, unless it is cancelled."""

    __slots__ = ("argument", "function", "when")

    def __init__(self, when: float, function: Callable[[Any], object], argument: Any) -> None:
        self.when = when
        self.function = function
        self.argument = argument

    def __lt__(self, other: Deadline) -> bool:
        return self.when < other.when

    @property
    def active(self) -> bool:
        """Whether it is still to come: neither done nor cancelled."""
        return self.function is not _nothing


class Deadlines:
    """Calls functions when their time comes.

    :param clock: tells the time and calls back, once for the earliest deadline.
    """

    _log = Logger()

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._heap: list[Deadline] = []
        self._cancelled = 0
        self._call: IDelayedCall | None = None
        self._running = False

    def __len__(self) -> int:
        """How many are still to come."""
        return len(self._heap) - self._cancelled

    def add(self, delay: float, function: Callable[[Any], object], argument: Any) -> Deadline:
        """Call ``function(argument)`` in ``delay`` seconds. O(log n).

        ``function`` should be a plain function, not a bound method made for the occasion.
        What it raises is logged; other deadlines are met all the same.
        """
        deadline = Deadline(self._clock.seconds() + delay, function, argument)
        heappush(self._heap, deadline)
        if self._heap[0] is deadline and not self._running:
            self._arm()
        return deadline

    def cancel(self, deadline: Deadline | None) -> None:
        """Forget it; nothing happens if it is done, cancelled or ``None``. O(1)."""
        if deadline is None or deadline.function is _nothing:
            return
        deadline.function = _nothing
        deadline.argument = None
        self._cancelled += 1
        if self._cancelled > _SWEEP_AT and self._cancelled * 2 > len(self._heap):
            self._heap = [entry for entry in self._heap if entry.function is not _nothing]
            heapify(self._heap)
            self._cancelled = 0

    def stop(self) -> None:
        """Forget all of them."""
        self._heap.clear()
        self._cancelled = 0
        if self._call is not None and self._call.active():
            self._call.cancel()
        self._call = None

    def _arm(self) -> None:
        """See to it that :meth:`_run` is called when the earliest deadline comes."""
        delay = max(0.0, self._heap[0].when - self._clock.seconds())
        if self._call is not None and self._call.active():
            self._call.reset(delay)
        else:
            self._call = self._clock.callLater(delay, self._run)

    def _run(self) -> None:
        self._call = None
        self._running = True
        now = self._clock.seconds()
        try:
            while self._heap and self._heap[0].when <= now:
                deadline = heappop(self._heap)
                function, argument = deadline.function, deadline.argument
                if function is _nothing:
                    self._cancelled -= 1
                    continue
                deadline.function = _nothing
                deadline.argument = None
                try:
                    function(argument)
                except Exception:  # noqa: BLE001 - one connection's trouble is not the others'
                    self._log.failure("A deadline failed")
        finally:
            self._running = False
            if self._heap:
                self._arm()
