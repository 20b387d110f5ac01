"""Connecting to other servers by plain TCP, with a socket the router may read and write itself.

:class:`ClientConnection` is to Twisted's ``tcp.Client`` what
:class:`~pubsub.transport.tcp.ServerConnection` is to ``tcp.Server``.
"""

from __future__ import annotations

import random
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet import tcp
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import DNSLookupError
from twisted.internet.protocol import ClientFactory
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure

from pubsub.transport.tcp import NativeConnection, watch

if TYPE_CHECKING:
    from twisted.internet.interfaces import IAddress, IProtocolFactory

__all__ = ["ClientConnection", "connect_tcp"]

#: nats-server's DEFAULT_ROUTE_DIAL, DEFAULT_LEAF_NODE_RECONNECT's dial: seconds
DIAL_TIMEOUT = 1.0


#: Seconds that what was sent over a watched connection may stay unacknowledged.
_UNACKNOWLEDGED = 5.0


class ClientConnection(NativeConnection, tcp.Client):
    """A connection we opened."""

    #: the router's flush, set by the connector
    _flush: Callable[[], None] = staticmethod(lambda: None)

    def flush_router(self) -> None:
        """Called after each read of a socket the router reads itself."""
        self._flush()


class _Connector(tcp.Connector):
    """Makes our connections instead of Twisted's."""

    flush: Callable[[], None] = staticmethod(lambda: None)
    watched = False

    def _makeTransport(self) -> tcp.Client:
        made = ClientConnection(  # type: ignore[no-untyped-call]
            self.host, self.port, self.bindAddress, self, self.reactor
        )
        made._flush = self.flush
        if hasattr(made, "socket"):
            # Small answers must not wait for the peer's delayed acknowledgement.
            made.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.watched:
                watch(made.socket, _UNACKNOWLEDGED)
        return made


class _Dialling(ClientFactory):
    """One attempt: the protocol is another factory's."""

    noisy = False

    def __init__(self, factory: IProtocolFactory, done: Deferred[Any]) -> None:
        self._factory: Any = factory
        self._done: Deferred[Any] | None = done

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """The connection is there."""
        done, self._done = self._done, None
        protocol = self._factory.buildProtocol(addr)
        if done is not None:
            done.callback(protocol)
        return protocol

    def clientConnectionFailed(self, connector: Any, reason: Failure) -> None:
        """It is not, and will not be."""
        done, self._done = self._done, None
        if done is not None:
            done.errback(reason)


def connect_tcp(
    reactor: Any,
    host: str,
    port: int,
    factory: IProtocolFactory,
    *,
    timeout: float = DIAL_TIMEOUT,
    flush: Callable[[], None] | None = None,
    choose: Callable[[list[str]], str] = random.choice,
    watched: bool = False,
) -> Deferred[Any]:
    """Connect a protocol of ``factory`` to ``host``:``port``; of several addresses to any one.

    :param flush: the router's, called after each read of a socket the router reads itself.
    :param choose: among the addresses of a name.
    :param watched: the connection ends when nothing that is sent gets there for some seconds.
    :returns: fires with the protocol just before its ``connectionMade``; fails with what the
        system says. Cancel it to give up.
    """
    state: dict[str, Any] = {}

    def give_up(_: Deferred[Any]) -> None:
        connector = state.get("connector")
        if connector is not None:
            connector.stopConnecting()
        state["over"] = True

    done: Deferred[Any] = Deferred(give_up)

    def dial(address: str) -> None:
        if state.get("over"):
            return
        connector = _Connector(address, port, _Dialling(factory, done), timeout, None, reactor)
        connector.watched = watched
        if flush is not None:
            connector.flush = flush
        state["connector"] = connector
        connector.connect()

    def failed(failure: Failure) -> None:
        if not state.get("over") and not done.called and not failure.check(CancelledError):
            state["over"] = True
            done.errback(Failure(DNSLookupError(f"{host}: {failure.getErrorMessage()}")))

    if isIPAddress(host) or isIPv6Address(host):
        dial(host)
    else:
        looking = deferToThreadPool(reactor, reactor.getThreadPool(), _addresses, host)
        looking.addCallback(lambda found: dial(choose(found)))
        looking.addErrback(failed)
    return done


def _addresses(host: str) -> list[str]:
    """All addresses of a name.

    :raises OSError: it is unknown.
    """
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))
