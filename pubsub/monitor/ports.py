"""The monitoring ports of a server: ``http_port`` or ``https_port``, opened and closed."""

from __future__ import annotations

from typing import Any

from OpenSSL import SSL
from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.internet.interfaces import (
    IListeningPort,
    IOpenSSLServerConnectionCreator,
    IProtocolFactory,
)
from twisted.protocols.policies import WrappingFactory
from twisted.protocols.tls import TLSMemoryBIOFactory
from zope.interface import implementer

from pubsub.config.options import Options
from pubsub.errors import InvalidOption
from pubsub.monitor.server import monitor_site
from pubsub.monitor.state import IServerState
from pubsub.transport.listen import BoundAddress, bind_tcp
from pubsub.transport.tls import ServerTls

__all__ = ["MonitoringPorts"]


class MonitoringPorts:
    """The monitoring ports of one server.

    :param state: the server; its options say what to open.
    :param reactor: where to listen, and the clock.
    :param tls: the TLS of the client listener, which https_port uses too, but without
        asking for client certificates.
    """

    def __init__(self, state: IServerState, reactor: Any, tls: ServerTls | None) -> None:
        self._state = state
        self._reactor = reactor
        self._tls = tls
        self._site = _Connections(monitor_site(state, reactor))
        self._open: list[tuple[str, IListeningPort, BoundAddress]] = []

    def open(self) -> None:
        """Listen, if the options say so.

        :raises InvalidOption: both ports are configured, or https_port without TLS.
        :raises ListenError: the port is taken or not ours.
        """
        options: Options = self._state.options
        host = options.http_host or options.host
        if options.http_port and options.https_port:
            raise InvalidOption(
                f"can't specify both HTTP ({options.http_port}) "
                f"and HTTPs ({options.https_port}) ports"
            )
        if options.http_port:
            port, bound = bind_tcp(self._reactor, "http_port", host, options.http_port, self._site)
            self._open.append(("http", port, bound))
        if options.https_port:
            port, bound = bind_tcp(
                self._reactor, "https_port", host, options.https_port, self._encrypted()
            )
            self._open.append(("https", port, bound))

    @property
    def http_port(self) -> int:
        """The port that is open, whichever protocol it speaks; 0 if none is."""
        return self._open[0][2].port if self._open else 0

    def addresses(self) -> list[tuple[str, str, int]]:
        """Scheme, host as configured, and port of what is open."""
        return [(scheme, bound.host, bound.port) for scheme, _, bound in self._open]

    def close(self) -> Deferred[None]:
        """Close the ports and every connection; fires when none is left. Idempotent."""
        ports, self._open = self._open, []
        closing: list[Deferred[Any]] = [maybeDeferred(port.stopListening) for _, port, _ in ports]
        closing.append(self._site.abort())
        return DeferredList(closing, consumeErrors=True).addCallback(lambda _: None)

    def _encrypted(self) -> IProtocolFactory:
        if self._tls is None:
            raise InvalidOption("TLS cert and key required for HTTPS")
        return TLSMemoryBIOFactory(_Anonymous(self._tls), False, self._site, self._reactor)


class _Connections(WrappingFactory):
    """Knows the open connections of a factory.

    HTTP clients keep connections open between requests; a server that stops must not
    leave them, and the timers they have, to a reactor that goes on without it.
    """

    noisy = False

    def __init__(self, factory: Any) -> None:
        super().__init__(factory)  # type: ignore[no-untyped-call]
        self._gone: Deferred[None] | None = None

    def abort(self) -> Deferred[None]:
        """Drop all connections; fires when they are gone."""
        if self._gone is None:
            self._gone = Deferred()
            for protocol in list(self.protocols):
                protocol.abortConnection()
            self._check()
        gone: Deferred[None] = Deferred()
        self._gone.addCallback(lambda _: gone.callback(None))
        return gone

    def unregisterProtocol(self, protocol: Any) -> None:
        """One of them is gone."""
        super().unregisterProtocol(protocol)  # type: ignore[no-untyped-call]
        self._check()

    def _check(self) -> None:
        if self._gone is not None and not self._gone.called and not self.protocols:
            self._gone.callback(None)


@implementer(IOpenSSLServerConnectionCreator)
class _Anonymous:
    """The server's TLS, whatever certificates it has at the time, for clients without one.

    ``verify`` is about NATS clients; nats-server does not ask browsers and scrapers either.
    """

    def __init__(self, tls: ServerTls) -> None:
        self._tls = tls

    def serverConnectionForTLS(self, tlsProtocol: Any) -> SSL.Connection:
        """The server side of a new connection."""
        connection = self._tls.serverConnectionForTLS(tlsProtocol)
        connection.set_verify(SSL.VERIFY_NONE)
        return connection
