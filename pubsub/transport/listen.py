"""Listeners from the options: ``host`` and ``port``, and every further ``listen`` entry.

An entry is ``"host:port"``, which gets the transport the router reads itself
(:mod:`pubsub.transport.tcp`), or a Twisted endpoint such as ``"unix:/run/pubsub.sock:mode=660"``
or ``"systemd:domain=UNIX:index=0"``, which gets an ordinary one.

Like Go, ``0.0.0.0`` and ``::`` both mean every address of the machine, IPv4 and IPv6;
a name means its first IPv4 address, or else its first.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import socket
import stat
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred, DeferredList, ensureDeferred, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IProtocolFactory

from pubsub.config.options import Options
from pubsub.errors import InvalidOption, ListenError
from pubsub.transport.tcp import BACKLOG, ListeningPort, ServerConnection, listen_tcp

__all__ = ["BoundAddress", "Listeners", "bind_tcp", "host_port", "split_host_port", "unmapped"]

_WILDCARDS = frozenset({"", "0.0.0.0", "::"})
_MAPPED = "::ffff:"
#: endpoints whose first field is a port: not to be taken for host names
_PORT_ENDPOINTS = frozenset({"tcp", "tcp4", "tcp6", "ssl", "tls"})
_HOST_PORT = re.compile(r"(?:\[(?P<six>[^\]]*)\]|(?P<host>[^:\[\]]*)):(?P<port>-?\d+)\Z")
#: this machine has no IPv6: not compiled in, or switched off
_NO_IPV6 = frozenset({errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT})
_MAX_PORT = 65535


def host_port(host: str, port: int) -> str:
    """``127.0.0.1:4222`` or ``[::1]:4222``."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def split_host_port(text: str) -> tuple[str, int] | None:
    """The opposite; ``None`` for what is a Twisted endpoint, or nothing at all."""
    if text.isascii() and text.isdigit():
        return "", int(text)
    match = _HOST_PORT.match(text)
    if match is None or match["host"] in _PORT_ENDPOINTS:
        return None
    return match["six"] or match["host"] or "", int(match["port"])


@dataclass(frozen=True)
class BoundAddress:
    """Where something listens; ``str`` is what log lines and errors show."""

    #: what asked for it: ``"port"`` or ``"listen"``
    option: str
    #: as configured, so that a wildcard stays one; ``""`` if it is no TCP address
    host: str = ""
    #: the port it really has
    port: int = 0
    #: of a Unix socket
    path: str = ""

    def __str__(self) -> str:
        if self.path:
            return self.path
        return host_port(self.host, self.port) if self.host else self.option


def unmapped(address: Any) -> Any:
    """IPv4 clients of an IPv6 socket are ``::ffff:192.0.2.1`` there: show them as what they are."""
    if isinstance(address, IPv6Address) and address.host.startswith(_MAPPED):
        host = address.host[len(_MAPPED) :]
        if "." in host:
            return IPv4Address("TCP", host, address.port)
    return address


class DualStackConnection(ServerConnection):
    """A connection accepted by a socket for IPv6 and IPv4."""

    def getPeer(self) -> Any:
        """The client's address, in its own family."""
        return unmapped(super().getPeer())  # type: ignore[no-untyped-call]

    def getHost(self) -> Any:
        """Our address, likewise."""
        return unmapped(super().getHost())  # type: ignore[no-untyped-call]


class DualStackPort(ListeningPort):
    """A listening socket for IPv6 and IPv4."""

    transport = DualStackConnection

    def _buildAddr(self, address: Any) -> Any:
        return unmapped(super()._buildAddr(address))  # type: ignore[no-untyped-call]


def bind_tcp(
    reactor: Any,
    option: str,
    host: str,
    port: int,
    factory: IProtocolFactory,
    flush: Callable[[], None] | None = None,
    watched: float | None = None,
) -> tuple[IListeningPort, BoundAddress]:
    """Listen on a TCP address as nats-server understands it; for any kind of factory.

    :param option: what is named if it cannot be done.
    :param host: an address, a name or a wildcard; ``""`` is ``0.0.0.0``.
    :param port: -1 (nats-server's word) or 0 (the kernel's) for any free port.
    :param flush: and ``watched``: see :func:`pubsub.transport.tcp.listen_tcp`.
    :raises ListenError: the address is taken, or not this machine's.
    :raises InvalidOption: there is no such port.
    """
    if port > _MAX_PORT:
        raise InvalidOption(f"{option}: there is no port {port}")
    host, wanted = host or "0.0.0.0", max(port, 0)
    try:
        if host in _WILDCARDS:
            listening = _bind_wildcard(reactor, host, wanted, factory, flush, watched)
        else:
            where = _address_of(host)
            listening = listen_tcp(reactor, wanted, factory, where, flush=flush, watched=watched)
    except (CannotListenError, OSError) as error:
        raise ListenError(option, host_port(host, wanted), _reason(error)) from error
    bound: Any = listening.getHost()
    return listening, BoundAddress(option, host, bound.port)


def _bind_wildcard(
    reactor: Any,
    host: str,
    port: int,
    factory: IProtocolFactory,
    flush: Callable[[], None] | None,
    watched: float | None,
) -> IListeningPort:
    both = DualStackPort(port, factory, BACKLOG, "::", reactor)
    both.watched = watched
    if flush is not None:
        both.flush = flush  # type: ignore[method-assign]
    try:
        both.startListening()
    except CannotListenError as error:
        if host == "::" or getattr(error.socketError, "errno", 0) not in _NO_IPV6:
            raise
        return listen_tcp(reactor, port, factory, "0.0.0.0", flush=flush, watched=watched)
    return both


class Listeners:
    """All that one server listens on for its clients.

    :param factory: makes the protocols.
    :param flush: see :func:`pubsub.transport.tcp.listen_tcp`.
    """

    def __init__(
        self,
        options: Options,
        reactor: Any,
        factory: IProtocolFactory,
        flush: Callable[[], None] | None = None,
    ) -> None:
        self._options = options
        self._reactor = reactor
        self._factory = factory
        self._flush = flush
        self._ports: list[IListeningPort] = []
        #: the main address first, then those of ``listen`` in order; empty when closed
        self.addresses: list[BoundAddress] = []

    @property
    def port(self) -> int:
        """The main port; 0 when closed."""
        return self.addresses[0].port if self.addresses else 0

    def tcp_addresses(self) -> list[tuple[str, int]]:
        """Host, as configured, and port of each TCP listener."""
        return [(address.host, address.port) for address in self.addresses if address.host]

    def open(self, on_port: Callable[[], None] | None = None) -> Deferred[None]:
        """Listen on everything the options name; then :attr:`addresses` tells where.

        Fails with :class:`ListenError` for an address that cannot be had and
        :class:`InvalidOption` for an entry that makes no sense; then nothing listens.

        :param on_port: called once :attr:`port` is known, before anybody is accepted.
        """
        return ensureDeferred(self._open(on_port))

    async def _open(self, on_port: Callable[[], None] | None) -> None:
        options = self._options
        try:
            if not options.dont_listen:
                self._listen_tcp("port", options.host, options.port)
            if on_port is not None:
                on_port()
            for entry in options.listen:
                target = split_host_port(entry)
                if target is None:
                    await self._listen_endpoint(entry)
                else:
                    self._listen_tcp("listen", *target)
        except BaseException:
            await self.close()
            raise

    def close(self) -> Deferred[None]:
        """Stop listening; connections stay. Fires when all is closed."""
        ports, self._ports = self._ports, []
        self.addresses = []
        closing = DeferredList(
            [maybeDeferred(port.stopListening) for port in ports], consumeErrors=True
        )
        return closing.addCallback(lambda results: None)

    def _listen_tcp(self, option: str, host: str, port: int) -> None:
        listening, address = bind_tcp(self._reactor, option, host, port, self._factory, self._flush)
        self._ports.append(listening)
        self.addresses.append(address)

    async def _listen_endpoint(self, entry: str) -> None:
        kind, _, rest = entry.partition(":")
        if kind in ("ssl", "tls"):
            raise InvalidOption(
                f"listen: {entry!r}: NATS clients begin TLS after INFO, or not, as the tls block"
                " says: configure tls { … } and listen on host:port"
            )
        # OpenSSL comes with them, which takes its time to load
        from twisted.internet.endpoints import serverFromString

        if kind == "unix":
            remove_stale_socket(rest.split(":")[0])
        try:
            endpoint = serverFromString(self._reactor, entry)
        except (ValueError, TypeError, KeyError, LookupError) as error:
            raise InvalidOption(
                f"listen: {entry!r} is neither host:port nor a Twisted endpoint: {error}"
            ) from error
        try:
            listening = await endpoint.listen(self._factory)
        except (CannotListenError, OSError) as error:
            raise ListenError("listen", entry, _reason(error)) from error
        self._ports.append(listening)
        self.addresses.append(_bound_address(listening.getHost(), entry))


def _bound_address(address: Any, entry: str) -> BoundAddress:
    if isinstance(address, UNIXAddress):
        return BoundAddress("listen", path=os.fsdecode(address.name or b""))
    host = getattr(address, "host", "")
    return BoundAddress("listen" if host else entry, host, getattr(address, "port", 0))


def _address_of(host: str) -> str:
    """A name's address to listen on, an address as it is.

    :raises OSError: the name is unknown.
    """
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    addresses = [(family, str(target[0])) for family, _, _, _, target in found]
    four = [address for family, address in addresses if family == socket.AF_INET]
    return four[0] if four else addresses[0][1]


def _reason(error: Exception) -> str:
    """``Address already in use``, without what Twisted and Python put around it."""
    cause = getattr(error, "socketError", error)
    return str(getattr(cause, "strerror", "") or cause)


def remove_stale_socket(path: str) -> None:
    """Remove a Unix socket whose server is gone, so that its path can be used again.

    Twisted removes those that have a lock file beside them; a crash of another program, or
    ``lockfile=0``, leaves none.
    """
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            return
    except OSError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
        except OSError:
            # busy, or not ours: listening will say what is wrong
            return
