"""What concerns the whole process of a server that has one of its own."""

from __future__ import annotations

import gc
import platform
from typing import Any

from twisted.logger import Logger
from twisted.python.failure import Failure

__all__ = ["Outcome", "settle"]

#: Collect the youngest objects after so many allocations (Python: 700 or 2,000): what a
#: connection makes is freed by reference counts, so collections mostly find nothing.
YOUNG = 20_000
#: and the older ones after so many collections of the younger ones
MIDDLE, OLD = 50, 100


def settle() -> None:
    """The server is up: what exists now stays, so the collector need not look at it again."""
    gc.collect()
    if platform.python_implementation() != "CPython":
        # PyPy's collector moves on by itself
        return
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)


class Outcome:
    """How the process ends.

    :param reactor: is stopped by the first of :meth:`stop` and :meth:`fail`.
    :ivar code: the exit code.
    """

    _log = Logger()

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._over = False
        self.code = 0

    def stop(self) -> None:
        """The server has stopped as it should."""
        if not self._over:
            self._over = True
            self._reactor.stop()

    def fail(self, failure: Failure) -> None:
        """The server could not start: say why, in one line."""
        self._log.critical("{reason}", reason=failure.getErrorMessage())
        self.code = 1
        self.stop()
