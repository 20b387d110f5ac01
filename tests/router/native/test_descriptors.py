"""Sockets that the compiled router reads and writes itself."""

from __future__ import annotations

import errno
import fcntl
import os
import random
import resource
import socket

import pytest

from pubsub.interfaces import LinkOptions, RouterSettings
from tests.router.native.sockets import Sockets
from tests.router.recording import QUIET, native_backend


def test_what_is_read_is_answered_on_the_same_socket(sockets: Sockets) -> None:
    end = sockets.end()
    assert end.send(b"PING\r\n") == 0
    assert end.heard() == b"PONG\r\n"
    assert end.handler.output == b""


def test_nothing_to_read_is_nothing_wrong(sockets: Sockets) -> None:
    assert sockets.end().link.read_ready() == 0


def test_the_end_of_input_is_told_after_all_of_it_was_read(sockets: Sockets) -> None:
    reader, writer = sockets.end(), sockets.end()
    reader.send(b"SUB a 1\r\n")
    writer.theirs.sendall(b"PUB a 2\r\nhi\r\n")
    writer.theirs.shutdown(socket.SHUT_WR)
    assert [writer.link.read_ready(), writer.link.read_ready()] == [0, 1]
    sockets.router.flush()
    assert reader.heard() == b"MSG a 1 2\r\nhi\r\n"


def test_a_socket_that_fails_is_told_with_its_errno(sockets: Sockets) -> None:
    end = sockets.end()
    os.close(end.ours.detach())
    assert end.link.read_ready() == -errno.EBADF
    end.link.write(b"x")
    end.link.flush()
    assert end.transport.writing == 1
    assert end.link.write_ready() == -errno.EBADF


def test_a_peer_that_is_gone_fails_the_write_not_the_process(sockets: Sockets) -> None:
    """No SIGPIPE; the reactor is asked to look, and learns it from the next write."""
    end = sockets.end()
    end.theirs.close()
    end.link.write(b"hello")
    end.link.flush()
    assert end.transport.writing == 1
    assert end.link.write_ready() == -errno.EPIPE


@pytest.mark.parametrize("cut", range(1, 27))
def test_a_message_cut_anywhere_is_one_message(sockets: Sockets, cut: int) -> None:
    reader, writer = sockets.end(), sockets.end()
    reader.send(b"SUB a.* 7\r\n")
    text = b"PUB a.b r.1 11\r\nhello world\r\n"
    for piece in (text[:cut], text[cut:]):
        writer.send(piece)
    assert reader.heard() == b"MSG a.b 7 r.1 11\r\nhello world\r\n"


def test_a_payload_arrives_in_pieces_of_any_size(sockets: Sockets) -> None:
    """The pieces go to the payload's own block; what follows it is read with the last."""
    reader, writer = sockets.end(), sockets.end()
    reader.send(b"SUB a 1\r\n")
    payload = random.Random(7).randbytes(300_000)
    text = b"PUB a 300000\r\n" + payload + b"\r\nPUB a 3\r\nend\r\nPING\r\n"
    rest, sizes = memoryview(text), random.Random(8)
    heard = b""
    while rest:
        size = sizes.choice([1, 2, 3, 100, 5000, 60_000])
        writer.theirs.sendall(rest[:size])
        rest = rest[size:]
        assert writer.link.read_ready() == 0
        sockets.router.flush()
        heard += reader.heard()
    heard += reader.drain()
    assert heard == b"MSG a 1 300000\r\n" + payload + b"\r\nMSG a 1 3\r\nend\r\n"
    assert writer.heard() == b"PONG\r\n"


@pytest.mark.parametrize("left", [0, 1, 2])
def test_the_line_end_of_a_payload_may_come_later(sockets: Sockets, left: int) -> None:
    reader, writer = sockets.end(), sockets.end()
    reader.send(b"SUB a 1\r\n")
    text = b"PUB a 70000\r\n" + bytes(70_000) + b"\r\n"
    at = len(text) - left
    writer.send(text[:at])
    heard = reader.drain()
    writer.send(text[at:])
    assert (heard + reader.drain()).endswith(bytes(10) + b"\r\n")
    assert sockets.router.counters().in_msgs == 1


def test_a_payload_without_its_line_end_is_refused(sockets: Sockets) -> None:
    end = sockets.end()
    end.send(b"PUB a 70000\r\n" + bytes(70_000) + b"xy")
    assert end.drain().startswith(b"-ERR 'Unknown Protocol Operation'")
    assert end.link.closed


def test_output_that_does_not_fit_waits_for_the_reactor(
    small_buffers: None, sockets: Sockets
) -> None:
    """Partial writes and EAGAIN: every byte once, in order."""
    end = sockets.end()
    expected = b""
    for number in range(400):
        line = b"%06d " % number * 20 + b"\r\n"
        end.link.write(line)
        expected += line
    end.link.flush()
    assert end.transport.writing == 1
    assert end.link.blocked_since > 0
    pending = end.link.pending_bytes
    assert 0 < pending < len(expected)
    assert end.link.write_ready() == 1
    end.link.write(b"last\r\n")
    end.link.flush()
    # the reactor was asked already
    assert end.transport.writing == 1
    assert end.drain() == expected + b"last\r\n"
    assert end.link.blocked_since == 0
    end.link.write(b"again\r\n")
    end.link.flush()
    assert end.heard() == b"again\r\n"


def test_output_is_more_than_one_write_can_take(sockets: Sockets) -> None:
    """More chunks than there are vectors in one sendmsg."""
    end = sockets.end()
    data = random.Random(3).randbytes(6_000_000)
    end.link.write(data)
    end.link.flush()
    assert end.drain() == data


@pytest.mark.parametrize("size", [1, 100, 32_000, 32_768, 65_536, 200_000])
def test_many_readers_of_one_payload(sockets: Sockets, size: int) -> None:
    """Large payloads are one block that all share; each reads at its own pace."""
    writer = sockets.end()
    readers = [sockets.end() for _ in range(5)]
    for number, reader in enumerate(readers):
        reader.send(b"SUB big %d\r\n" % number)
    payloads = [random.Random(n).randbytes(size) for n in range(4)]
    for payload in payloads:
        writer.send(b"PUB big %d\r\n" % size + payload + b"\r\n")
    # one leaves before it was sent everything, and takes nothing from the others
    readers.pop().close()
    sockets.ends.pop()
    for number, reader in reversed(list(enumerate(readers))):
        header = b"MSG big %d %d\r\n" % (number, size)
        assert reader.drain() == b"".join(header + payload + b"\r\n" for payload in payloads)


def test_headers_are_stripped_from_large_payloads_for_those_without(sockets: Sockets) -> None:
    plain = LinkOptions(verbose=False, pedantic=False, headers=False)
    writer, with_headers, without = sockets.end(), sockets.end(), sockets.end(plain)
    with_headers.send(b"SUB a 1\r\n")
    without.send(b"SUB a 2\r\n")
    headers, payload = b"NATS/1.0\r\nA: b\r\n\r\n", random.Random(1).randbytes(100_000)
    total = len(headers) + len(payload)
    writer.send(b"HPUB a %d %d\r\n" % (len(headers), total) + headers + payload + b"\r\n")
    assert with_headers.drain() == (
        b"HMSG a 1 %d %d\r\n" % (len(headers), total) + headers + payload + b"\r\n"
    )
    assert without.drain() == b"MSG a 2 100000\r\n" + payload + b"\r\n"


# the table of descriptors


def test_a_descriptor_given_back_is_read_by_others(sockets: Sockets) -> None:
    """What was read and begins no operation comes back; output goes to the handler."""
    end = sockets.end()
    end.send(b"PING\r\nPI")
    assert end.heard() == b"PONG\r\n"
    assert end.link.unbind() == b"PI"
    end.link.feed(b"PING\r\n")
    end.link.flush()
    assert end.handler.output == b"PONG\r\n"
    assert end.heard() == b""


def test_half_an_operation_stays_with_the_link(sockets: Sockets) -> None:
    end = sockets.end()
    end.send(b"SUB a 1\r\nPUB a 5\r\nhel")
    assert end.link.unbind() == b""
    end.link.feed(b"lo\r\n")
    end.link.flush()
    assert end.handler.output == b"MSG a 1 5\r\nhello\r\n"


def test_output_that_was_waiting_goes_to_the_handler_when_unbound(
    small_buffers: None, sockets: Sockets
) -> None:
    end = sockets.end()
    end.link.write(bytes(100_000))
    end.link.flush()
    sent = len(end.heard())
    end.link.unbind()
    end.link.flush()
    assert sent + len(end.handler.output) == 100_000


def test_a_number_used_again_belongs_to_the_new_link(sockets: Sockets) -> None:
    for number in range(20):
        end = sockets.end()
        descriptor = end.ours.fileno()
        assert end.send(b"SUB a %d\r\nPING\r\n" % number) == 0
        assert end.heard() == b"PONG\r\n"
        end.close()
        sockets.ends.pop()
        again = sockets.end()
        assert again.ours.fileno() == descriptor
        again.send(b"PUB a 1\r\nx\r\n")
        assert again.heard() == b""
        again.close()
        sockets.ends.pop()


def test_numbers_far_apart(sockets: Sockets) -> None:
    """The table grows with the largest."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    end = sockets.end()
    end.link.unbind()
    high = fcntl.fcntl(end.ours, fcntl.F_DUPFD, soft - 10)
    try:
        assert end.link.bind(high, end.transport)
        assert end.send(b"PING\r\n") == 0
        assert end.heard() == b"PONG\r\n"
        end.link.unbind()
    finally:
        os.close(high)


def test_links_of_two_routers_do_not_meet(sockets: Sockets) -> None:
    other = Sockets(native_backend().create(sockets.router.settings))
    mine, theirs = sockets.end(), other.end()
    mine.send(b"SUB a 1\r\n")
    theirs.send(b"SUB a 1\r\nPUB a 1\r\nx\r\n")
    assert (mine.heard(), theirs.heard()) == (b"", b"MSG a 1 1\r\nx\r\n")
    other.close()


# pausing


def test_a_paused_link_keeps_what_it_reads(sockets: Sockets) -> None:
    end = sockets.end(QUIET)
    end.handler.on["connect_received"] = lambda argument: end.link.pause_input()
    end.send(b"CONNECT {}\r\nPING\r\nSUB a 1\r\n")
    end.send(b"PUB a 1\r\nx\r\n")
    assert end.heard() == b""
    end.link.resume_input()
    sockets.router.flush()
    assert end.heard() == b"PONG\r\nMSG a 1 1\r\nx\r\n"


def test_a_pause_in_the_middle_of_a_large_payload(sockets: Sockets) -> None:
    """From outside: a publisher held back for a slow reader."""
    reader, writer = sockets.end(), sockets.end()
    reader.send(b"SUB a 1\r\n")
    payload = random.Random(2).randbytes(150_000)
    text = b"PUB a 150000\r\n" + payload + b"\r\nPING\r\n"
    writer.send(text[:50_000])
    writer.link.pause_input()
    writer.send(text[50_000:100_000])
    writer.link.resume_input()
    writer.send(text[100_000:])
    assert reader.drain() == b"MSG a 1 150000\r\n" + payload + b"\r\n"
    assert writer.heard() == b"PONG\r\n"


def test_a_closed_link_reads_and_drops(sockets: Sockets) -> None:
    end = sockets.end()
    end.link.write(b"bye\r\n")
    end.link.close()
    assert end.send(b"PING\r\n") == 0
    end.link.flush()
    assert end.heard() == b"bye\r\n"


def test_a_turn_that_queues_much_does_not_make_a_slow_consumer(sockets: Sockets) -> None:
    """What one turn brings may exceed max_pending: a socket with room gets it meanwhile."""
    sockets.router.settings = RouterSettings(max_pending=40_000)
    reader, writer = sockets.end(), sockets.end()
    reader.send(b"SUB a 1\r\n")
    reader.ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    text = b"PUB a 1000\r\n" + b"x" * 1000 + b"\r\n"
    writer.link.feed(text * 100)
    sockets.router.flush()
    assert reader.drain() == (b"MSG a 1 1000\r\n" + b"x" * 1000 + b"\r\n") * 100
    assert not reader.link.closed
    assert ("peer1", "fault") not in [entry[:2] for entry in sockets.log]


def test_a_socket_without_room_is_a_slow_consumer_in_that_turn(sockets: Sockets) -> None:
    sockets.router.settings = RouterSettings(max_pending=40_000)
    reader, writer = sockets.end(), sockets.end()
    reader.send(b"SUB a 1\r\n")
    writer.link.feed((b"PUB a 1000\r\n" + b"x" * 1000 + b"\r\n") * 2000)
    faults = [entry[2] for entry in sockets.log if entry[:2] == ("peer1", "fault")]
    assert faults == ["SlowConsumer"]
    assert reader.transport.writing
