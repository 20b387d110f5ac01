"""Connecting to other servers, and coming back to them.

Servers of ``routes`` are tried for ever; those another server told us of once, and then
``connect_retries`` times. One second lies between two attempts, or with ``connect_backoff`` up to
30; a little more before coming back to a server that was there, since both sides may try at once
(nats-server: connectToRoute, reConnectToRoute).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import maybeDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from pubsub.config.options import RouteUrl

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

    from pubsub.client.deadlines import Deadline
    from pubsub.cluster.members import Members

__all__ = ["Solicitor", "Target"]

#: nats-server's DEFAULT_ROUTE_CONNECT, DEFAULT_ROUTE_CONNECT_MAX, DEFAULT_ROUTE_RECONNECT
ATTEMPT_DELAY = 1.0
LONGEST_DELAY = 30.0
RECONNECT_DELAY = 1.0
RECONNECT_JITTER = 0.1
#: a cluster is smaller: beyond that another server makes them up
MOST_ATTEMPTS = 1024


@dataclass(frozen=True)
class Target:
    """A server to connect to."""

    url: RouteUrl
    #: it is one of ``routes``
    explicit: bool
    #: the connection is for this account only
    account: str = ""
    gossip_mode: int = 0
    #: it was connected before
    again: bool = False


class Solicitor:
    """Connects to servers.

    :param members: knows which are there already.
    """

    _log = Logger()

    def __init__(self, members: Members) -> None:
        self._members = members
        self._context = members.context
        self._attempts: set[_Attempt] = set()

    def solicit(self, target: Target) -> None:
        """Connect now, and again until it works."""
        self._start(target, 0.0)

    def come_back(self, target: Target) -> None:
        """Connect to who was there, in a moment."""
        delay = self._context.random.random() * RECONNECT_JITTER
        if target.explicit:
            delay += RECONNECT_DELAY
        self._start(replace(target, again=True, gossip_mode=0), delay)

    def _start(self, target: Target, delay: float) -> None:
        if self._members.closing:
            return
        same = sum(attempt.target == target for attempt in self._attempts)
        if same:
            # two routes of one pool ended together: each has its own way back
            self._log.debug("Already connecting to {url}", url=target.url)
            if same >= self._members.pool_size:
                return
        if not target.explicit and len(self._attempts) >= MOST_ATTEMPTS:
            if self._context.faults.admits(self):
                self._log.error("Too many servers to connect to, {url} is left out", url=target.url)
            return
        attempt = _Attempt(self, target)
        self._attempts.add(attempt)
        attempt.wait(delay)

    def forget(self, attempt: _Attempt) -> None:
        """It connected, or gave up."""
        self._attempts.discard(attempt)

    def still_wanted(self, target: Target) -> bool:
        """Whether it is (still) one of ``routes``."""
        if not target.explicit:
            return True
        return target.url in self._context.options.cluster.routes

    def reconsider(self) -> None:
        """``routes`` have changed: leave those alone that are none any more."""
        for attempt in list(self._attempts):
            if not self.still_wanted(attempt.target):
                attempt.stop()
                self._attempts.discard(attempt)

    def stop(self) -> None:
        """Try no more."""
        for attempt in list(self._attempts):
            attempt.stop()
        self._attempts.clear()


class _Attempt:
    """All attempts to connect to one server until it worked."""

    _log = Logger()

    def __init__(self, solicitor: Solicitor, target: Target) -> None:
        self.target = target
        self._solicitor = solicitor
        self._members = solicitor._members
        self._context = solicitor._context
        self._count = 0
        self._delay = ATTEMPT_DELAY
        self._deadline: Deadline | None = None
        self._connecting: Deferred[Any] | None = None

    def wait(self, delay: float) -> None:
        """Try in so many seconds."""
        self._deadline = self._context.deadlines.add(delay, _Attempt._try, self)

    def stop(self) -> None:
        """Try no more."""
        self._context.deadlines.cancel(self._deadline)
        connecting, self._connecting = self._connecting, None
        if connecting is not None:
            connecting.cancel()

    def _try(self) -> None:
        from pubsub.cluster.factory import RouteFactory

        self._deadline = None
        target = self.target
        if self._members.closing or not self._solicitor.still_wanted(target):
            self._solicitor.forget(self)
            return
        self._log.debug("Trying to connect to route on {url}", url=target.url)
        # the address may be one that another server made up
        connecting = maybeDeferred(
            self._context.connect,
            target.url.host,
            target.url.port,
            RouteFactory(self._members, target),
        )
        self._connecting = connecting
        connecting.addCallbacks(self._connected, self._failed)

    def _connected(self, protocol: object) -> None:
        self._connecting = None
        self._solicitor.forget(self)

    def _failed(self, failure: Failure) -> None:
        if self._connecting is None:  # that is what became of stop()
            return
        self._connecting = None
        self._count += 1
        self._report(failure)
        options = self._context.options.cluster
        if not self.target.explicit and self._count > options.connect_retries:
            self._solicitor.forget(self)
            return
        delay = self._delay
        if options.connect_backoff:
            self._delay = min(delay * 2, LONGEST_DELAY)
        self.wait(delay)

    def _report(self, failure: Failure) -> None:
        options = self._context.options
        every = (
            options.reconnect_error_reports if self.target.again else options.connect_error_reports
        )
        emit = self._log.debug
        loud = self._count == 1 or (every and self._count % every == 0)
        # of servers somebody told us of there may be any number
        if loud and not self.target.explicit:
            loud = self._context.faults.admits(self.target.url)
        if loud:
            emit = self._log.error
        emit(
            "Error trying to connect to route (attempt {count}): {url}: {reason}",
            count=self._count,
            url=self.target.url,
            reason=failure.getErrorMessage(),
        )
