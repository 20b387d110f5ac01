"""The addresses of this machine, for what must name them all (the ports file).

The standard library cannot list them, so on Linux the kernel is asked: ``SIOCGIFCONF``
for IPv4, ``/proc/net/if_inet6`` for IPv6. Elsewhere it is what the host's name means.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

__all__ = ["ipv4_of", "ipv6_of", "local_addresses"]

_SIOCGIFCONF = 0x8912
#: struct ifreq: a name of 16 bytes, then a union of 24 on 64-bit systems, 16 on others
_IFREQ_BYTES = 40 if struct.calcsize("P") == 8 else 32
_INET6_FILE = Path("/proc/net/if_inet6")
#: Room for 1024 interfaces.
_ROOM = 1024 * _IFREQ_BYTES


def local_addresses() -> list[str]:
    """Every IP address of every interface, IPv4 first; the loopback ones included."""
    try:
        found = [*ipv4_of(_interface_requests()), *ipv6_of(_INET6_FILE.read_text())]
    except (ImportError, OSError):
        found = []
    return found or _by_name()


def ipv4_of(requests: bytes) -> Iterator[str]:
    """The addresses in an array of ``struct ifreq``."""
    for start in range(0, len(requests) - _IFREQ_BYTES + 1, _IFREQ_BYTES):
        (family,) = struct.unpack_from("=H", requests, start + 16)
        if family == socket.AF_INET:
            yield socket.inet_ntoa(requests[start + 20 : start + 24])


def ipv6_of(table: str) -> Iterator[str]:
    """The addresses in the lines of ``/proc/net/if_inet6``."""
    for line in table.splitlines():
        yield str(ipaddress.IPv6Address(int(line.split()[0], 16)))


def _interface_requests() -> bytes:
    import array
    import fcntl

    room = array.array("B", bytes(_ROOM))
    address, _ = room.buffer_info()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        answer = fcntl.ioctl(sock.fileno(), _SIOCGIFCONF, struct.pack("iP", _ROOM, address))
    size, _ = struct.unpack("iP", answer)
    return room.tobytes()[:size]


def _by_name() -> list[str]:
    try:
        found = socket.getaddrinfo(socket.gethostname(), None, type=socket.SOCK_STREAM)
    except OSError:
        return ["127.0.0.1"]
    return list(dict.fromkeys(["127.0.0.1", *(str(entry[4][0]) for entry in found)]))
