"""Room for slow checks of passwords: a few at a time, and a bounded crowd waiting.

A hash takes a twentieth of a second of a processor, which is what it is for. So whoever
sends wrong passwords as fast as the network takes them must not fill the reactor's threads,
memory, or the time of those with right ones:

* :data:`PARALLEL` checks run at once;
* the peers' hosts take turns, however much one of them has waiting;
* of one host :data:`PER_HOST` wait and of all :data:`IN_ALL`; the next one is refused, and
  one line of the log names who it was;
* who hangs up is not checked, but a check that runs keeps its place until it has ended.
"""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.logger import Logger

from pubsub.errors import AuthenticationFailed
from pubsub.interfaces import ConnectionAttempt

__all__ = ["IN_ALL", "PARALLEL", "PER_HOST", "DeferToThread", "SlowWork", "host_of"]

#: ``twisted.internet.threads.deferToThread``, which is injected: it needs the reactor
DeferToThread = Callable[..., "Deferred[Any]"]

#: Checks must not occupy all of the reactor's ten threads.
PARALLEL = 4
#: Four processors check some eighty a second at bcrypt's usual cost: more than those of two
#: seconds, the usual time limit, would wait in vain.
IN_ALL = 256
#: Enough for the processes of one machine that all come back at once.
PER_HOST = 64

#: seconds between two lines about refusals
_SAY_AGAIN = 1.0


def host_of(attempt: ConnectionAttempt) -> str:
    """Who takes turns: the peer's address without its port, ``""`` where there is none."""
    return attempt.host or attempt.peer.rpartition(":")[0]


_Job = tuple["Deferred[Any]", Callable[..., Any], tuple[Any, ...]]


class SlowWork:
    """Runs functions in threads, with the limits above.

    :param defer_to_thread: where they run.
    :param seconds: the time, for the log; any clock.
    """

    _log = Logger()

    def __init__(
        self, defer_to_thread: DeferToThread, seconds: Callable[[], float] = time.monotonic
    ) -> None:
        self._defer_to_thread = defer_to_thread
        self._seconds = seconds
        self._running = 0
        self._waiting = 0
        self._queues: OrderedDict[str, deque[_Job]] = OrderedDict()
        self._said = float("-inf")
        self._unsaid = 0

    @classmethod
    def on(cls, defer_to_thread: DeferToThread) -> SlowWork:
        """``defer_to_thread`` itself if it is one already: the chain's own share theirs."""
        return defer_to_thread if isinstance(defer_to_thread, SlowWork) else cls(defer_to_thread)

    def __call__(self, function: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
        """On behalf of nobody in particular."""
        return self._run("", function, *arguments)

    def of(self, host: str) -> DeferToThread:
        """As ``deferToThread``, on behalf of ``host``.

        Its Deferred fails with :class:`pubsub.errors.AuthenticationFailed` at once if too
        many wait.
        """
        return partial(self._run, host)

    def _run(self, host: str, function: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
        if self._running < PARALLEL and not self._waiting:
            result: Deferred[Any] = Deferred(_abandoned)
            self._begin(result, function, arguments)
            return result
        queue = self._queues.setdefault(host, deque())
        if self._waiting >= IN_ALL or len(queue) >= PER_HOST:
            if not queue:
                del self._queues[host]
            self._refused(host)
            return fail(AuthenticationFailed("too many passwords wait for being checked"))
        result = Deferred(partial(self._withdraw, host))
        queue.append((result, function, arguments))
        self._waiting += 1
        return result

    def _begin(
        self, result: Deferred[Any], function: Callable[..., Any], arguments: tuple[Any, ...]
    ) -> None:
        self._running += 1

        def ended(outcome: Any) -> None:
            self._running -= 1
            if not result.called:
                result.callback(outcome)  # a Failure makes it an errback
            self._next()

        self._defer_to_thread(function, *arguments).addBoth(ended)

    def _next(self) -> None:
        """The first of the host whose turn it is; then that host is the last."""
        while self._waiting and self._running < PARALLEL:
            host, queue = next(iter(self._queues.items()))
            result, function, arguments = queue.popleft()
            self._waiting -= 1
            if queue:
                self._queues.move_to_end(host)
            else:
                del self._queues[host]
            self._begin(result, function, arguments)

    def _withdraw(self, host: str, result: Deferred[Any]) -> None:
        """Cancelled: if it still waits, it does not any more; its place in a thread it keeps."""
        queue = self._queues.get(host, ())
        for job in queue:
            if job[0] is result:
                queue.remove(job)  # type: ignore[union-attr]
                self._waiting -= 1
                if not queue:
                    del self._queues[host]
                return

    def _refused(self, host: str) -> None:
        self._unsaid += 1
        now = self._seconds()
        if now - self._said >= _SAY_AGAIN:
            self._log.warn(
                "Too many logins: {count} refused unchecked, the last one from {host}",
                count=self._unsaid,
                host=host or "an unknown host",
            )
            self._said, self._unsaid = now, 0


def _abandoned(result: Deferred[Any]) -> None:
    """Nothing stops a thread: Twisted fires the Deferred, and what the thread says is lost."""
