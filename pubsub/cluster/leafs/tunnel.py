"""Connecting to a hub through an HTTP proxy: ``CONNECT host:port``, and then it is a plain line.

nats-server: establishHTTPProxyTunnel; the method is RFC 9110's, 9.3.6.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from pubsub.errors import ProxyTunnelFailed

if TYPE_CHECKING:
    from twisted.internet.interfaces import IAddress, IProtocolFactory

    from pubsub.client.deadlines import Deadlines
    from pubsub.config.options import LeafProxyOptions, LeafUrl

__all__ = ["connect_through"]

#: of a proxy's answer: more is none
_LONGEST_ANSWER = 16 * 1024

#: as :attr:`pubsub.cluster.leafs.context.LeafContext.connect`
Connect = Callable[[str, int, "IProtocolFactory", float], "Deferred[Any]"]


def connect_through(
    proxy: LeafProxyOptions,
    url: LeafUrl,
    factory: IProtocolFactory,
    timeout: float,
    connect: Connect,
    deadlines: Deadlines,
) -> Deferred[Any]:
    """Connect a protocol of ``factory`` to the server at ``url``.

    :param timeout: seconds for everything, if the proxy has no time of its own.
    :returns: as ``connect``'s; it fails with :class:`pubsub.errors.ProxyTunnelFailed` if the
        proxy does not do it.
    """
    timeout = proxy.timeout or timeout
    done: Deferred[Any] = Deferred(lambda _: give_up())

    def finish(outcome: Any) -> None:
        deadlines.cancel(deadline)
        if not done.called:
            done.callback(outcome)

    def give_up() -> None:
        deadlines.cancel(deadline)
        tunnels.end()
        dialling.cancel()

    def too_late(argument: object) -> None:
        tunnels.end()
        dialling.cancel()
        finish(Failure(ProxyTunnelFailed("no answer in time")))

    deadline = deadlines.add(timeout, too_late, None)
    tunnels = _TunnelFactory(_request(proxy, url), factory, finish)
    dialling = connect(proxy.host, proxy.port, tunnels, timeout)
    dialling.addErrback(finish)
    return done


def _request(proxy: LeafProxyOptions, url: LeafUrl) -> bytes:
    lines = [f"CONNECT {url.address} HTTP/1.1", f"Host: {url.address}"]
    if proxy.user:
        secret = f"{proxy.user}:{proxy.password}".encode()
        lines.append(f"Proxy-Authorization: Basic {base64.b64encode(secret).decode('ascii')}")
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")


class _TunnelFactory(Factory):
    """Makes the tunnel; ``finish`` is told of the protocol at its end, or why there is none."""

    noisy = False

    def __init__(
        self, request: bytes, factory: IProtocolFactory, finish: Callable[[Any], None]
    ) -> None:
        self.request = request
        self.factory: Any = factory
        self._finish = finish
        self._tunnel: _Tunnel | None = None
        self._over = False

    def buildProtocol(self, addr: IAddress | None) -> _Tunnel:
        """A protocol for the connection to the proxy."""
        self._tunnel = _Tunnel(self, addr)
        return self._tunnel

    def finish(self, outcome: Any) -> None:
        """A protocol, or a Failure: the first counts."""
        if not self._over:
            self._over = True
            self._tunnel = None
            self._finish(outcome)

    def end(self) -> None:
        """It took too long, or nobody wants it any more."""
        self._over = True
        tunnel, self._tunnel = self._tunnel, None
        if tunnel is not None and tunnel.transport is not None:
            tunnel.transport.abortConnection()


class _Tunnel(Protocol):
    """Says CONNECT, and leaves the line to another protocol when the proxy agrees."""

    transport: Any

    def __init__(self, factory: _TunnelFactory, address: IAddress | None) -> None:
        self._tunnels = factory
        self._address = address
        self._answer = b""

    def connectionMade(self) -> None:
        """The proxy is there."""
        self.transport.write(self._tunnels.request)

    def dataReceived(self, data: bytes) -> None:
        """Its answer, and perhaps the first bytes of what is behind it."""
        self._answer += data
        head, blank, rest = self._answer.partition(b"\r\n\r\n")
        if not blank:
            if len(self._answer) > _LONGEST_ANSWER:
                self._refuse("its answer is too long")
            return
        status = head.partition(b"\r\n")[0].decode("latin-1")
        version, _, reason = status.partition(" ")
        if not version.startswith("HTTP/1."):
            self._refuse("it does not speak HTTP")
        elif not reason.startswith("2"):
            self._refuse(reason)
        else:
            self._hand_over(rest)

    def _refuse(self, text: str) -> None:
        self._tunnels.finish(Failure(ProxyTunnelFailed(text)))
        self.transport.abortConnection()

    def _hand_over(self, rest: bytes) -> None:
        transport = self.transport
        protocol = self._tunnels.factory.buildProtocol(self._address)
        transport.protocol = protocol
        self._tunnels.finish(protocol)
        protocol.makeConnection(transport)
        if rest:
            protocol.dataReceived(rest)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The proxy has closed the line without an answer."""
        text = f"the connection was closed: {reason.getErrorMessage()}"
        self._tunnels.finish(Failure(ProxyTunnelFailed(text)))
