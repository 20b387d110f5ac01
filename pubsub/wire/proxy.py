"""The PROXY protocol, versions 1 and 2: who is behind the load balancer.

Feed :class:`ProxyHeaderParser` what a connection begins with; it says ``None`` while it
needs more and a :class:`ProxyHeader` when it knows, with the bytes that follow the header::

    parser = ProxyHeaderParser()
    parser.feed(b"PROXY TCP4 192.0.2.1 198.51.100.1 35646 4222\\r\\nCONNECT")
    # ProxyHeader(version=1, source=('192.0.2.1', 35646), destination=…, rest=b"CONNECT")

The rules, their order and the words are those of nats-server (``client_proxyproto.go``,
since 2.14); the format is HAProxy's ``proxy-protocol.txt``.

``twisted.protocols.haproxy`` has parsers too. They are private modules and do not fit:
version 2 must get its first 16 bytes in one piece, version 1 takes anything for an address,
lets ``ValueError`` out for a bad port, refuses ``PROXY UNKNOWN`` with nothing behind it and
has no limit once a CRLF is there, and neither hands back bytes that are no header.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from pubsub.errors import ProxyHeaderError

__all__ = ["ProxyHeader", "ProxyHeaderParser"]

_V1_PREFIX = b"PROXY "
_V2_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
#: both versions are told apart, and from everything else, by this many bytes
_DETECTION = 6
#: a version 1 line with its CRLF: what the longest TCP6 and UNKNOWN lines need
_V1_MAXIMUM = 107
#: signature, version and command, family and protocol, length
_V2_FIXED = 16
_V2_VERSION = 0x20
_LOCAL, _PROXY = 0x00, 0x01
_UNSPEC, _INET, _INET6 = 0x00, 0x10, 0x20
_STREAM = 0x01
#: bytes of two addresses and two ports, by family; TLVs may follow and are skipped
_V2_ADDRESSES = {_INET: ("IPv4", 12), _INET6: ("IPv6", 36)}
_MAX_PORT = 0xFFFF

_INVALID = "invalid PROXY protocol header"
_UNSUPPORTED = "unsupported PROXY protocol feature"


@dataclass(frozen=True)
class ProxyHeader:
    """How a connection began.

    :ivar version: 1 or 2, or 0 when the bytes are no PROXY header: they are all in ``rest``.
    :ivar source: host and port of the client, or ``None`` when the connection is the proxy's
        own (LOCAL, UNKNOWN, UNSPEC) or there was no header: then the transport's peer counts.
    :ivar destination: where the client connected to, or ``None`` likewise.
    :ivar rest: what follows the header.
    """

    version: int
    source: tuple[str, int] | None = None
    destination: tuple[str, int] | None = None
    rest: bytes = b""


class ProxyHeaderParser:
    """Reads one header; throw it away afterwards.

    It keeps at most what a header may have: 107 bytes, or 16 + 65535 for version 2.
    """

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> ProxyHeader | None:
        """Take more bytes, in pieces of any size; the header once it is complete.

        :raises ProxyHeaderError: it begins like a header and is not a valid one. The
            connection cannot go on; nats-server closes it without a word.
        """
        buffer = self._buffer = self._buffer + data
        if len(buffer) < _DETECTION:
            return None
        if buffer.startswith(_V1_PREFIX):
            return self._feed_v1(buffer)
        if buffer.startswith(_V2_SIGNATURE[:_DETECTION]):
            return self._feed_v2(buffer)
        return ProxyHeader(0, rest=buffer)

    @staticmethod
    def _feed_v1(buffer: bytes) -> ProxyHeader | None:
        end = buffer.find(b"\r\n", _DETECTION, _V1_MAXIMUM)
        if end < 0:
            if len(buffer) >= _V1_MAXIMUM:
                raise ProxyHeaderError(f"{_INVALID}: v1 line too long")
            return None
        rest = buffer[end + 2 :]
        fields = buffer[_DETECTION:end].decode("latin-1").split()
        if not fields:
            raise ProxyHeaderError(f"{_INVALID}: invalid v1 format")
        if fields[0] == "UNKNOWN":
            return ProxyHeader(1, rest=rest)
        source, destination = _v1_addresses(fields)
        return ProxyHeader(1, source, destination, rest)

    @staticmethod
    def _feed_v2(buffer: bytes) -> ProxyHeader | None:
        if len(buffer) < len(_V2_SIGNATURE):
            return None
        if not buffer.startswith(_V2_SIGNATURE):
            raise ProxyHeaderError(f"{_INVALID}: invalid signature")
        if len(buffer) < _V2_FIXED:
            return None
        command, family = _v2_kind(buffer[12], buffer[13])
        length = int.from_bytes(buffer[14:16], "big")
        addressed = command == _PROXY and family != _UNSPEC
        if addressed:
            _check_v2_length(family, length)
        end = _V2_FIXED + length
        if len(buffer) < end:
            return None
        if not addressed:
            return ProxyHeader(2, rest=buffer[end:])
        source, destination = _v2_addresses(family, buffer[_V2_FIXED:end])
        return ProxyHeader(2, source, destination, buffer[end:])


def _v1_addresses(fields: list[str]) -> tuple[tuple[str, int], tuple[str, int]]:
    """Protocol, two addresses and two ports, checked in nats-server's order."""
    if len(fields) != 5:
        raise ProxyHeaderError(f"{_INVALID}: invalid v1 format")
    protocol, source, destination = fields[:3]
    hosts = _host(source), _host(destination)
    source_port = _port(fields[3], "source")
    destination_port = _port(fields[4], "dest")
    six = [":" in source, ":" in destination]
    # a proxy on a dual-stack socket says TCP6 ::ffff:192.0.2.1 for an IPv4 client
    if protocol == "TCP4" and any(six):
        raise ProxyHeaderError(f"{_INVALID}: TCP4 with IPv6 address")
    if protocol == "TCP6" and not all(six):
        raise ProxyHeaderError(f"{_INVALID}: TCP6 with IPv4 address")
    if protocol not in ("TCP4", "TCP6"):
        raise ProxyHeaderError(f"{_INVALID}: invalid protocol {protocol}")
    return (hosts[0], source_port), (hosts[1], destination_port)


def _v2_kind(version_command: int, family_protocol: int) -> tuple[int, int]:
    """Command and address family; the low bits must be a stream."""
    if version_command & 0xF0 != _V2_VERSION:
        raise ProxyHeaderError(f"{_INVALID}: invalid version 0x{version_command & 0xF0:02x}")
    command = version_command & 0x0F
    family = family_protocol & 0xF0
    if command == _LOCAL:
        return command, family
    if command != _PROXY:
        raise ProxyHeaderError(f"unknown PROXY protocol command: 0x{command:02x}")
    if family_protocol & 0x0F != _STREAM:
        raise ProxyHeaderError(f"{_UNSUPPORTED}: only STREAM protocol supported")
    if family != _UNSPEC and family not in _V2_ADDRESSES:
        raise ProxyHeaderError(f"{_UNSUPPORTED}: unsupported address family 0x{family:02x}")
    return command, family


def _check_v2_length(family: int, length: int) -> None:
    name, needed = _V2_ADDRESSES[family]
    if length < needed:
        raise ProxyHeaderError(f"{name} address data too short: {length} bytes")


def _v2_addresses(family: int, data: bytes) -> tuple[tuple[str, int], tuple[str, int]]:
    size = 4 if family == _INET else 16
    ports = data[2 * size : 2 * size + 4]
    return (
        (_spell(_packed(data[:size])), int.from_bytes(ports[:2], "big")),
        (_spell(_packed(data[size : 2 * size])), int.from_bytes(ports[2:], "big")),
    )


def _packed(data: bytes) -> IPv4Address | IPv6Address:
    return IPv4Address(data) if len(data) == 4 else IPv6Address(data)


def _host(text: str) -> str:
    """An address as we show it; zones ("%eth0") mean nothing beyond the proxy's host."""
    try:
        if "%" in text:
            raise ValueError(text)
        return _spell(ip_address(text))
    except ValueError:
        raise ProxyHeaderError(f"{_INVALID}: invalid address") from None


def _spell(address: IPv4Address | IPv6Address) -> str:
    """Like Go's ``net.IP.String``: an IPv4 address in IPv6 clothes is an IPv4 address."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)


def _port(text: str, which: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ProxyHeaderError(f"invalid {which} port: {text!r}")
    # at most 107 characters: int() has no trouble with them
    port = int(text)
    if port > _MAX_PORT:
        raise ProxyHeaderError(f"invalid {which} port: {text} is out of range")
    return port
