"""Log lines to the system's syslog, or to one elsewhere (``udp://``, ``tcp://``, ``unix://``).

The format is the one nats-server's lines have: the BSD one for the local daemon,

    ``<29>Aug 21 14:50:11 pubsub-server[1234]: Server is ready``

and with an RFC 3339 time and the host's name for a remote one, each ended by a newline
(which is what separates the messages over TCP). A daemon that goes away costs no time:
lines are kept, up to a limit, while it is tried again now and then.
"""

from __future__ import annotations

import os
import socket
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from urllib.parse import urlsplit

from pubsub.errors import InvalidOption
from pubsub.system.levels import Level
from pubsub.system.log_file import Destination

__all__ = ["LOCAL", "SyslogAddress", "SyslogDestination", "parse_remote_syslog"]

#: RFC 5424 severities; nats-server sends traces as notices too
_SEVERITIES = {
    Level.TRC: 5,
    Level.DBG: 7,
    Level.INF: 5,
    Level.WRN: 4,
    Level.ERR: 3,
    Level.FTL: 2,
}
#: facility ``daemon`` for the local syslog; nats-server leaves it at 0 for a remote one,
#: and filters that match what it sends exist
_LOCAL_FACILITY = 3 << 3
_REMOTE_FACILITY = 0
_LOCAL_PATHS = ("/dev/log", "/var/run/syslog", "/var/run/log")
_PORT = 514

#: Connecting at the start may take that long, as the server is not serving anybody yet.
_FIRST_CONNECT_SECONDS = 2.0
#: Later it happens in the reactor's thread: a hiccup at most, and seldom.
_CONNECT_SECONDS = 0.1
_RETRY_SECONDS = 5.0
#: What is kept for a daemon that does not take it: a few thousand lines.
_MAX_KEPT_BYTES = 1024 * 1024


@dataclass(frozen=True)
class SyslogAddress:
    """A syslog daemon: ``network`` is ``udp``, ``tcp`` or ``unix`` (then ``host`` is a path)."""

    network: str
    host: str
    port: int = 0
    remote: bool = True


#: The daemon of this machine.
LOCAL = SyslogAddress("unix", "", remote=False)


def parse_remote_syslog(url: str) -> SyslogAddress:
    """The address in a ``remote_syslog`` option.

    :raises InvalidOption: it is no ``udp://``, ``tcp://`` or ``unix://`` URL.
    """
    parts = urlsplit(url)
    if parts.scheme == "unix" and parts.path:
        return SyslogAddress("unix", parts.path)
    if parts.scheme not in ("udp", "tcp"):
        raise InvalidOption(
            f'error invalid network type: "{parts.scheme}" (remote_syslog wants udp:// or tcp://)'
        )
    try:
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise InvalidOption(f'remote_syslog "{url}": {error}') from None
    if not host:
        raise InvalidOption(f'remote_syslog "{url}" names no host')
    return SyslogAddress(parts.scheme, host, port or _PORT)


class SyslogDestination:
    """Lines to a syslog daemon, to which it connects at once.

    :param tag: the program's name in each line.
    :param complaints: told once for each time of trouble.
    :raises OSError: there is no such daemon.
    """

    def __init__(
        self,
        address: SyslogAddress,
        tag: str,
        complaints: Destination,
        *,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._address = address
        self._tag = tag
        self._complaints = complaints
        self._now = now
        self._monotonic = monotonic
        self._hostname = socket.gethostname()
        self._kept: deque[bytes] = deque()
        self._kept_bytes = 0
        self._dropped = 0
        self._retry_at = 0.0
        self._socket: socket.socket | None = _connect(address, _FIRST_CONNECT_SECONDS)

    def write(self, level: Level, line: str) -> None:
        """Send one message; ``line`` is its text alone."""
        self._keep(self._packet(level, line))
        if self._socket is None and self._monotonic() >= self._retry_at:
            self._reconnect()
        self._send_kept()

    def close(self) -> None:
        """Send what is kept, if that goes quickly, and let go of the socket."""
        if self._socket is not None:
            self._socket.settimeout(_CONNECT_SECONDS)
            self._send_kept()
            self._disconnect()

    def _packet(self, level: Level, line: str) -> bytes:
        text = line.encode("utf-8", "backslashreplace")
        now = self._now()
        severity = _SEVERITIES[level]
        process = f"{self._tag}[{os.getpid()}]"
        if not self._address.remote:
            parts = time.localtime(now)
            stamp = time.strftime(f"%b {parts.tm_mday:2d} %H:%M:%S", parts)
            return f"<{_LOCAL_FACILITY | severity}>{stamp} {process}: ".encode() + text + b"\n"
        stamp = datetime.fromtimestamp(now, timezone.utc).astimezone().isoformat(timespec="seconds")
        head = f"<{_REMOTE_FACILITY | severity}>{stamp} {self._hostname} {process}: "
        return head.encode() + text + b"\n"

    def _keep(self, packet: bytes) -> None:
        self._kept.append(packet)
        self._kept_bytes += len(packet)
        while self._kept_bytes > _MAX_KEPT_BYTES:
            self._kept_bytes -= len(self._kept.popleft())
            self._dropped += 1

    def _send_kept(self) -> None:
        while self._kept and self._socket is not None:
            packet = self._kept[0]
            try:
                sent = self._socket.send(packet)
            except (BlockingIOError, InterruptedError, TimeoutError):
                return
            except OSError as error:
                self._fail(error)
                return
            self._kept_bytes -= sent
            if sent < len(packet):
                self._kept[0] = packet[sent:]
            else:
                self._kept.popleft()

    def _fail(self, error: OSError) -> None:
        self._disconnect()
        self._retry_at = self._monotonic() + _RETRY_SECONDS
        reason = error.strerror or error
        self._complaints.write(Level.ERR, f"error writing to syslog: {reason}")

    def _disconnect(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _reconnect(self) -> None:
        try:
            self._socket = _connect(self._address, _CONNECT_SECONDS)
        except OSError:
            self._retry_at = self._monotonic() + _RETRY_SECONDS
            return
        if self._dropped:
            dropped, self._dropped = self._dropped, 0
            self._keep(self._packet(Level.WRN, f"{dropped} log lines lost while syslog was away"))


def _connect(address: SyslogAddress, timeout: float) -> socket.socket:
    """A connected, non-blocking socket to ``address``."""
    if address.network == "unix":
        return _connect_unix((address.host,) if address.remote else _LOCAL_PATHS)
    kind = socket.SOCK_DGRAM if address.network == "udp" else socket.SOCK_STREAM
    if kind == socket.SOCK_STREAM:
        sock = socket.create_connection((address.host, address.port), timeout)
    else:
        family, _, proto, _, where = socket.getaddrinfo(address.host, address.port, type=kind)[0]
        sock = socket.socket(family, kind, proto)
        sock.connect(where)
    sock.setblocking(False)
    return sock


def _connect_unix(paths: tuple[str, ...]) -> socket.socket:
    last: OSError = FileNotFoundError("there is no local syslog")
    for path in paths:
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            sock = socket.socket(socket.AF_UNIX, kind)
            try:
                sock.connect(path)
            except OSError as error:
                sock.close()
                last = error
            else:
                sock.setblocking(False)
                return sock
    raise last
