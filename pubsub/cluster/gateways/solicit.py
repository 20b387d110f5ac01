"""Connecting to other clusters, and coming back to them.

All servers of a cluster that are known are tried in turn. Clusters of ``gateways`` are tried for
ever; those another server told us of once, and then ``connect_retries`` times, or as long as they
connect to us. One second lies between two rounds, or with ``connect_backoff`` up to 30; before
coming back to one that was there a second and a little more, or only the little if another server
told us of it (nats-server: solicitGateway, reconnectGateway).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.defer import maybeDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from pubsub.cluster.solicit import (
    ATTEMPT_DELAY,
    LONGEST_DELAY,
    RECONNECT_DELAY,
    RECONNECT_JITTER,
)

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

    from pubsub.client.deadlines import Deadline
    from pubsub.cluster.gateways.remotes import Remote
    from pubsub.cluster.gateways.table import Gateways
    from pubsub.config.options import GatewayUrl

__all__ = ["Solicitor"]


class Solicitor:
    """Connects to other clusters.

    :param gateways: the table of those that are there.
    """

    def __init__(self, gateways: Gateways) -> None:
        self.gateways = gateways
        self._searches: dict[str, _Search] = {}

    def solicit(self, remote: Remote) -> None:
        """Connect now, and again until it works."""
        self._start(remote, 0.0, again=False)

    def come_back(self, remote: Remote) -> None:
        """Connect to who was there, in a moment."""
        delay = self.gateways.context.random.random() * RECONNECT_JITTER
        if not remote.implicit:
            delay += RECONNECT_DELAY
        self._start(remote, delay, again=True)

    def _start(self, remote: Remote, delay: float, *, again: bool) -> None:
        if self.gateways.closing or remote.name in self._searches:
            return
        search = self._searches[remote.name] = _Search(self, remote, again=again)
        search.wait(delay)

    def over(self, remote: Remote) -> None:
        """It is found, or given up."""
        self._searches.pop(remote.name, None)

    def stop(self) -> None:
        """Try no more."""
        for search in list(self._searches.values()):
            search.stop()
        self._searches.clear()


class _Search:
    """All attempts to connect to one cluster until it worked."""

    _log = Logger()

    def __init__(self, solicitor: Solicitor, remote: Remote, *, again: bool) -> None:
        self._solicitor = solicitor
        self._gateways = solicitor.gateways
        self._context = solicitor.gateways.context
        self._remote = remote
        self._again = again
        self._rounds = 0
        self._delay = ATTEMPT_DELAY
        #: those not tried in this round
        self._urls: list[GatewayUrl] = []
        self._deadline: Deadline | None = None
        self._connecting: Deferred[Any] | None = None

    def wait(self, delay: float) -> None:
        """Begin a round in so many seconds."""
        self._deadline = self._context.deadlines.add(delay, _Search._round, self)

    def stop(self) -> None:
        """Try no more."""
        self._context.deadlines.cancel(self._deadline)
        connecting, self._connecting = self._connecting, None
        if connecting is not None:
            connecting.cancel()

    def _round(self) -> None:
        self._deadline = None
        self._rounds += 1
        self._urls = self._remote.shuffled(self._context.random)
        if self._urls:
            self._next()
        else:
            self._solicitor.over(self._remote)

    def _next(self) -> None:
        from pubsub.cluster.gateways.factory import GatewayFactory

        url = self._urls.pop()
        self._say("Connecting to", url)
        # the address may be one that another server made up
        connecting = self._connecting = maybeDeferred(
            self._context.connect,
            url.host,
            url.port,
            GatewayFactory(self._gateways, self._remote, url),
        )
        connecting.addCallbacks(self._connected, self._failed, errbackArgs=(url,))

    def _connected(self, protocol: object) -> None:
        self._connecting = None
        self._solicitor.over(self._remote)

    def _failed(self, failure: Failure, url: GatewayUrl) -> None:
        if self._connecting is None:  # that is what became of stop()
            return
        self._connecting = None
        self._say("Error connecting to", url, f": {failure.getErrorMessage()}")
        if self._gateways.closing:
            return
        if self._urls:
            self._next()
            return
        retries = self._context.gateway.connect_retries
        enough = self._remote.implicit and (not retries or self._rounds > retries)
        # whoever connects to us is there
        if enough and not self._gateways.comes(self._remote.name):
            self._solicitor.over(self._remote)
            self._gateways.forget(self._remote)
            return
        delay = self._delay
        if self._context.gateway.connect_backoff:
            self._delay = min(delay * 2, LONGEST_DELAY)
        self.wait(delay)

    def _say(self, what: str, url: GatewayUrl, reason: str = "") -> None:
        options = self._context.options
        every = options.reconnect_error_reports if self._again else options.connect_error_reports
        emit = self._log.debug
        loud = self._rounds == 1 or (every and self._rounds % every == 0)
        # of clusters somebody told us of there may be any number
        if loud and self._remote.implicit:
            loud = self._context.faults.admits(self._remote.name)
        if loud:
            emit = self._log.error if reason else self._log.info
        emit(
            '{what} {sort} gateway "{name}" at {url} (attempt {count}){reason}',
            what=what,
            sort="implicit" if self._remote.implicit else "explicit",
            name=self._remote.name,
            url=url.address,
            count=self._rounds,
            reason=reason,
        )
