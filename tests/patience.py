"""How tests wait: for what has to come, and in vain only for as long as a failing test may take.

Nothing else is to be read from these figures: a machine that is busy with other things may take
seconds for what takes a millisecond.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.task import deferLater

__all__ = ["PATIENCE", "make_nats_py_patient", "until", "wait_for"]

reactor: Any = installed

#: seconds; less than the limit of a test (tests.timelimit), which says less about what was missing
PATIENCE = 60.0
#: seconds, once something has been waited for in vain: that run has failed, but it has to end
_IMPATIENCE = 5.0
#: what never happened in this run
_disappointments: list[str] = []
#: of nats-py's functions
_TIMEOUTS = frozenset(["timeout", "connect_timeout", "drain_timeout"])
#: seconds between one look and the next
_PAUSE = 0.005


def _deadline() -> float:
    return time.monotonic() + (_IMPATIENCE if _disappointments else PATIENCE)


def _check(deadline: float, what: str) -> None:
    if time.monotonic() >= deadline:
        _disappointments.append(what)
        raise AssertionError(f"{what} never happened")


def until(condition: Callable[[], Any], what: str = "it") -> Deferred[None]:
    """Fires when that is true: the reactor goes on meanwhile."""

    async def look() -> None:
        deadline = _deadline()
        while not condition():
            _check(deadline, what)
            await deferLater(reactor, _PAUSE)

    return ensureDeferred(look())


def wait_for(condition: Callable[[], Any], what: str = "it") -> None:
    """Block until that is true: of what other processes and threads do."""
    deadline = _deadline()
    while not condition():
        _check(deadline, what)
        time.sleep(_PAUSE)


def make_nats_py_patient() -> None:
    """Its timeouts are for people: half a second for an answer, two to connect."""
    from nats.aio.client import Client
    from nats.aio.subscription import Subscription

    waiting = (Client.connect, Client.request, Client.flush, Client.rtt, Subscription.next_msg)
    for function in waiting:
        defaults = [
            PATIENCE if name in _TIMEOUTS else parameter.default
            for name, parameter in inspect.signature(function).parameters.items()
            if parameter.default is not inspect.Parameter.empty
        ]
        function.__defaults__ = tuple(defaults)
