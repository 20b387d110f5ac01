"""The PROXY protocol parser, from exact bytes, whole and one byte at a time."""

from __future__ import annotations

import itertools
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pubsub.errors import ProxyHeaderError
from pubsub.wire.proxy import ProxyHeader, ProxyHeaderParser

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
V4 = bytes([192, 0, 2, 1, 198, 51, 100, 7]) + struct.pack("!HH", 35646, 4222)
V6 = bytes.fromhex("20010db8000000000000000000000001") * 2 + struct.pack("!HH", 1, 65535)
MAPPED = (bytes(10) + b"\xff\xff" + bytes([192, 0, 2, 9])) * 2 + struct.pack("!HH", 7, 8)


def v2(command: int, family: int, data: bytes) -> bytes:
    return SIGNATURE + bytes([command, family]) + struct.pack("!H", len(data)) + data


def feed_whole(data: bytes) -> ProxyHeader | None:
    return ProxyHeaderParser().feed(data)


def feed_bytes(data: bytes) -> ProxyHeader | None:
    """One byte at a time; what follows the header is added to ``rest`` by hand."""
    parser = ProxyHeaderParser()
    for index in range(len(data)):
        header = parser.feed(data[index : index + 1])
        if header is not None:
            rest = header.rest + data[index + 1 :]
            return ProxyHeader(header.version, header.source, header.destination, rest)
    return None


VALID = [
    (
        b"PROXY TCP4 192.0.2.1 198.51.100.7 35646 4222\r\n",
        ProxyHeader(1, ("192.0.2.1", 35646), ("198.51.100.7", 4222)),
    ),
    (
        b"PROXY TCP6 2001:db8:0:0::1 ::1 1 65535\r\n",
        ProxyHeader(1, ("2001:db8::1", 1), ("::1", 65535)),
    ),
    (
        b"PROXY TCP6 ::ffff:192.0.2.1 ::ffff:192.0.2.2 1 2\r\n",
        ProxyHeader(1, ("192.0.2.1", 1), ("192.0.2.2", 2)),
    ),
    # spaces are counted as loosely as nats-server does
    (
        b"PROXY   TCP4\t192.0.2.1  198.51.100.7 0035646 0 \r\n",
        ProxyHeader(1, ("192.0.2.1", 35646), ("198.51.100.7", 0)),
    ),
    (b"PROXY UNKNOWN\r\n", ProxyHeader(1)),
    (b"PROXY UNKNOWN whatever it says here\r\n", ProxyHeader(1)),
    (
        v2(0x21, 0x11, V4),
        ProxyHeader(2, ("192.0.2.1", 35646), ("198.51.100.7", 4222)),
    ),
    (
        v2(0x21, 0x21, V6),
        ProxyHeader(2, ("2001:db8::1", 1), ("2001:db8::1", 65535)),
    ),
    (v2(0x21, 0x21, MAPPED), ProxyHeader(2, ("192.0.2.9", 7), ("192.0.2.9", 8))),
    # TLVs after the addresses are skipped
    (
        v2(0x21, 0x11, V4 + b"\x04\x00\x03abc"),
        ProxyHeader(2, ("192.0.2.1", 35646), ("198.51.100.7", 4222)),
    ),
    # LOCAL: whatever the rest says
    (v2(0x20, 0x00, b""), ProxyHeader(2)),
    (v2(0x20, 0x11, V4), ProxyHeader(2)),
    (v2(0x20, 0xF7, b"anything"), ProxyHeader(2)),
    # PROXY of a stream of no known family
    (v2(0x21, 0x01, b""), ProxyHeader(2)),
    (v2(0x21, 0x01, b"ignored"), ProxyHeader(2)),
]


@pytest.mark.parametrize("rest", [b"", b'CONNECT {"verbose":false}\r\n'])
@pytest.mark.parametrize(("header", "expected"), VALID)
@pytest.mark.parametrize("feed", [feed_whole, feed_bytes])
def test_a_header_gives_the_addresses_and_what_follows(feed, header, expected, rest) -> None:
    wanted = ProxyHeader(expected.version, expected.source, expected.destination, rest)
    assert feed(header + rest) == wanted


NOT_PROXY = [
    b"CONNECT {}\r\n",
    b"PING\r\n",
    b"\x16\x03\x01\x02\x00\x01",
    b"PROXY\tTCP4 ",
    b"proxy TCP4 ",
    b"\r\n\r\n\x00\n\r",
]


@pytest.mark.parametrize("data", NOT_PROXY)
@pytest.mark.parametrize("feed", [feed_whole, feed_bytes])
def test_bytes_that_are_no_header_are_handed_back(feed, data) -> None:
    assert feed(data) == ProxyHeader(0, rest=data)


BAD = [
    (b"PROXY \r\n", "invalid v1 format"),
    (b"PROXY TCP4\r\n", "invalid v1 format"),
    (b"PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n", "invalid v1 format"),
    (b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n", "invalid v1 format"),
    (b"PROXY TCP4 192.0.2.256 192.0.2.2 1 2\r\n", "invalid address"),
    (b"PROXY TCP4 192.0.2.1 localhost 1 2\r\n", "invalid address"),
    (b"PROXY TCP4 192.0.02.1 192.0.2.2 1 2\r\n", "invalid address"),
    (b"PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n", "invalid address"),
    (b"PROXY TCP4 \xff\xfe 192.0.2.2 1 2\r\n", "invalid address"),
    (b"PROXY TCP4 192.0.2.1 192.0.2.2 x 2\r\n", "invalid source port"),
    (b"PROXY TCP4 192.0.2.1 192.0.2.2 +1 2\r\n", "invalid source port"),
    (b"PROXY TCP4 192.0.2.1 192.0.2.2 \xb2 2\r\n", "invalid source port"),
    (b"PROXY TCP4 192.0.2.1 192.0.2.2 1 -2\r\n", "invalid dest port"),
    (b"PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n", "invalid dest port: 65536 is out of range"),
    (b"PROXY TCP4 ::1 ::1 1 2\r\n", "TCP4 with IPv6 address"),
    (b"PROXY TCP4 192.0.2.1 ::1 1 2\r\n", "TCP4 with IPv6 address"),
    (b"PROXY TCP6 192.0.2.1 ::1 1 2\r\n", "TCP6 with IPv4 address"),
    (b"PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n", "invalid protocol UDP4"),
    (b"PROXY unknown\r\n", "invalid v1 format"),
    (b"PROXY " + b"x" * 101, "v1 line too long"),
    (SIGNATURE[:-1] + b"!", "invalid signature"),
    (v2(0x11, 0x11, V4), "invalid version 0x10"),
    (v2(0x31, 0x11, V4), "invalid version 0x30"),
    (v2(0x22, 0x11, V4), "unknown PROXY protocol command: 0x02"),
    (v2(0x21, 0x12, V4), "only STREAM protocol supported"),
    (v2(0x21, 0x00, b""), "only STREAM protocol supported"),
    (v2(0x21, 0x31, b"x" * 216), "unsupported address family 0x30"),
    (v2(0x21, 0x41, V4), "unsupported address family 0x40"),
    (v2(0x21, 0x11, V4[:-1]), "IPv4 address data too short: 11 bytes"),
    (v2(0x21, 0x21, V4), "IPv6 address data too short: 12 bytes"),
]


@pytest.mark.parametrize(("data", "message"), BAD)
@pytest.mark.parametrize("feed", [feed_whole, feed_bytes])
def test_a_bad_header_is_an_error_that_says_why(feed, data, message) -> None:
    with pytest.raises(ProxyHeaderError, match=message):
        feed(data)


def test_a_v1_line_may_have_107_bytes_and_not_one_more() -> None:
    longest = b"PROXY UNKNOWN" + b" " * 92 + b"\r\n"
    assert len(longest) == 107
    assert feed_whole(longest + b"PING") == ProxyHeader(1, rest=b"PING")
    with pytest.raises(ProxyHeaderError, match="v1 line too long"):
        feed_whole(b"PROXY UNKNOWN" + b" " * 93 + b"\r\n")


def test_the_longest_v2_header_is_read() -> None:
    data = v2(0x21, 0x11, V4 + b"\x00" * (65535 - 12))
    assert feed_whole(data) == ProxyHeader(2, ("192.0.2.1", 35646), ("198.51.100.7", 4222))


def test_a_bad_v2_header_is_refused_before_its_addresses_arrive() -> None:
    with pytest.raises(ProxyHeaderError, match="too short"):
        feed_whole(v2(0x21, 0x21, V4)[:16])


def outcome(pieces: list[bytes]) -> object:
    """Everything a conversation led to: an error text, or the header with all that follows."""
    parser = ProxyHeaderParser()
    for index, piece in enumerate(pieces):
        try:
            header = parser.feed(piece)
        except ProxyHeaderError as error:
            return str(error)
        if header is not None:
            rest = header.rest + b"".join(pieces[index + 1 :])
            return (header.version, header.source, header.destination, rest)
    return None


STARTS = st.sampled_from([header for header, _ in VALID] + [data for data, _ in BAD] + [b""])


@given(start=STARTS, tail=st.binary(max_size=130), cuts=st.lists(st.integers(0, 400), max_size=8))
def test_how_the_bytes_are_cut_does_not_matter(start, tail, cuts) -> None:
    data = start + tail
    edges = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    pieces = [data[a:b] for a, b in itertools.pairwise(edges)]
    assert outcome(pieces) == outcome([data])


@given(data=st.binary(max_size=300))
def test_anything_at_all_gives_a_header_an_error_or_a_wait(data) -> None:
    result = outcome([data])
    if isinstance(result, tuple) and result[0] == 0:
        assert result[3] == data


@given(
    source=st.ip_addresses(v=4),
    destination=st.ip_addresses(v=4),
    ports=st.tuples(st.integers(0, 65535), st.integers(0, 65535)),
)
def test_both_versions_say_the_same_of_an_ipv4_connection(source, destination, ports) -> None:
    line = f"PROXY TCP4 {source} {destination} {ports[0]} {ports[1]}\r\n".encode()
    data = source.packed + destination.packed + struct.pack("!HH", *ports)
    one, two = feed_whole(line), feed_whole(v2(0x21, 0x11, data))
    assert one is not None
    assert two is not None
    assert (one.source, one.destination) == (two.source, two.destination)
    assert one.source == (str(source), ports[0])


@given(address=st.ip_addresses(v=6), port=st.integers(0, 65535))
def test_both_versions_say_the_same_of_an_ipv6_connection(address, port) -> None:
    line = f"PROXY TCP6 {address} ::1 {port} 4222\r\n".encode()
    data = address.packed + bytes(15) + b"\x01" + struct.pack("!HH", port, 4222)
    one, two = feed_whole(line), feed_whole(v2(0x21, 0x21, data))
    assert one is not None
    assert two is not None
    assert (one.source, one.destination) == (two.source, two.destination)
