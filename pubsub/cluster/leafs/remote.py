"""Connecting to a hub, and coming back to it for ever.

One ``reconnect`` (a second) at most lies between the starts of two attempts, so that a link that
comes back is used within about that time: half of it, and a random share of the other half, which
keeps a fleet from coming all at once. Who is refused in words waits longer each time, up to eight
times that; who is told how long to wait (a loop, the same cluster, a permission) waits so long.
(nats-server waits for one to two seconds, whatever the reason: connectToRemoteLeafNode.)

The URLs are tried in turn, in random order unless ``no_randomize``; those that a hub tells of in
its INFO come before those of the configuration (pickNextURL, doUpdateLNURLs).
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

from pubsub.cluster.leafs.factory import LeafFactory
from pubsub.config.options import LeafRemoteOptions, LeafUrl
from pubsub.config.special_leafnodes import parse_leaf_url

if TYPE_CHECKING:
    from collections.abc import Iterable

    from twisted.internet.defer import Deferred

    from pubsub.client.deadlines import Deadline
    from pubsub.cluster.leafs.context import LeafContext
    from pubsub.cluster.leafs.protocol import LeafProtocol

__all__ = ["LeafRemote"]

#: How often the delay doubles while a hub refuses: 2, 4, 8 times ``reconnect``.
_MOST_DOUBLINGS = 3


class LeafRemote:
    """One entry of ``remotes``.

    :ivar url: the hub of the present attempt or link.
    :ivar leaf: the present link, or ``None``.
    :ivar delay: seconds to wait before the next attempt, 0.0 for as long as usual.
    """

    _log = Logger()

    def __init__(self, context: LeafContext, options: LeafRemoteOptions) -> None:
        self.options = options
        self.delay = 0.0
        self.leaf: LeafProtocol | None = None
        self._context = context
        self._urls = list(options.urls)
        if not options.no_randomize:
            context.client.random.shuffle(self._urls)
        self.url = self._urls[0]
        self._tried = False
        self._stopped = False
        #: attempts that failed since the last link
        self._attempts = 0
        #: times a hub refused in words since the last link
        self._refusals = 0
        self._ever = False
        self._started = 0.0
        self._connecting: Deferred[Any] | None = None
        self._deadline: Deadline | None = None

    @property
    def urls(self) -> tuple[LeafUrl, ...]:
        """Where it tries, in this order."""
        return tuple(self._urls)

    def start(self) -> None:
        """Connect, unless it is disabled."""
        if not self.options.disabled:
            self._stopped = False
            self._attempts = self._refusals = 0
            self.delay = 0.0
            self._try()

    def stop(self) -> LeafProtocol | None:
        """Connect no more, unless :meth:`start` is called again.

        :returns: the link there is, for whoever calls to close.
        """
        self._stopped = True
        leaf, self.leaf = self.leaf, None
        deadline, self._deadline = self._deadline, None
        self._context.client.deadlines.cancel(deadline)
        connecting, self._connecting = self._connecting, None
        if connecting is not None:
            connecting.cancel()
        return leaf

    def tls_name(self) -> str:
        """Whose certificate the hub must have: of an address, that of the first name known."""
        if not _is_address(self.url.host):
            return self.url.host
        names = (url.host for url in self._urls if not _is_address(url.host))
        return next(names, self.url.host)

    def discovered(self, urls: Iterable[str]) -> None:
        """A hub says where else it, or its cluster, is."""
        if self.options.ignore_discovered_servers:
            return
        found = []
        configured = {url.address for url in self.options.urls}
        for text in urls:
            try:
                url = parse_leaf_url(text)
            except ValueError:
                if self._context.faults.admits(self):
                    self._log.error("Error parsing url {url}", url=text)
                continue
            if url.address not in configured and url not in found:
                found.append(url)
        if found or len(self._urls) != len(self.options.urls):
            self._urls = [*found, *self.options.urls]

    def linked(self) -> None:
        """The hub has taken it in."""
        self._ever = True
        self._attempts = self._refusals = 0

    def lost(self, leaf: LeafProtocol) -> None:
        """A link, or an attempt that got as far as a connection, is over."""
        if self.leaf is not leaf or self._stopped:
            # somebody stopped it, and may have started it again meanwhile
            return
        self.leaf = None
        if leaf.refused and not leaf.linked:
            self._refusals = min(self._refusals + 1, _MOST_DOUBLINGS)
        context = self._context
        reconnect = context.options.reconnect
        if self.delay:
            delay, self.delay = self.delay, 0.0
        elif self._refusals:
            delay = reconnect * 2**self._refusals
        else:
            delay = self._soon()
        self._wait(delay)

    def _soon(self) -> float:
        """Seconds from now to the next attempt, if nothing speaks against it."""
        client, reconnect = self._context.client, self._context.options.reconnect
        apart = reconnect * (1 + client.random.random()) / 2
        return max(0.0, self._started + apart - client.clock.seconds())

    def _wait(self, delay: float) -> None:
        deadlines = self._context.client.deadlines
        deadlines.cancel(self._deadline)
        self._deadline = deadlines.add(delay, LeafRemote._try, self)

    def _try(self) -> None:
        self._deadline = None
        if self._stopped:
            return
        context = self._context
        if self._tried and len(self._urls) > 1 and self._urls[0] == self.url:
            self._urls.append(self._urls.pop(0))
        self._tried = True
        self.url = self._urls[0]
        self._started = context.client.clock.seconds()
        if context.client.options.debug:
            self._log.debug(
                "Trying to connect as leafnode to remote server on {url}", url=self.url.address
            )
        timeout = self.options.dial_timeout or context.options.dial_timeout
        connecting = self._connect(timeout)
        self._connecting = connecting
        connecting.addCallbacks(self._connected, self._failed)

    def _connect(self, timeout: float) -> Deferred[Any]:
        context, url, proxy = self._context, self.url, self.options.proxy
        factory = LeafFactory(context, self)
        if proxy is None:
            return context.connect(url.host, url.port, factory, timeout)
        # only who has a proxy loads what it takes
        from pubsub.cluster.leafs.tunnel import connect_through

        deadlines = context.client.deadlines
        return connect_through(proxy, url, factory, timeout, context.connect, deadlines)

    def _connected(self, leaf: LeafProtocol) -> None:
        self._connecting = None

    def _failed(self, failure: Failure) -> None:
        if self._stopped or (failure.check(CancelledError) and self._connecting is None):
            return
        self._connecting = None
        self._attempts += 1
        self._report(failure)
        self._wait(self._soon())

    def _report(self, failure: Failure) -> None:
        options = self._context.client.options
        every = options.reconnect_error_reports if self._ever else options.connect_error_reports
        loud = self._attempts == 1 or (every and self._attempts % every == 0)
        self._log.emit(
            LogLevel.error if loud else LogLevel.debug,
            "Error trying to connect as leafnode to remote server {url} (attempt {attempt}):"
            " {reason}",
            url=self.url.address,
            attempt=self._attempts,
            reason=failure.getErrorMessage(),
        )


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
