"""write_deadline: who accepts nothing for too long is dropped."""

from __future__ import annotations

import pytest

from pubsub.auth.userpass import UserPassAuthenticator
from pubsub.config.options import Options
from pubsub.errors import ClosedState


def blocked(server):
    """A subscriber whose transport is full."""
    reader, writer = server.connect(b'{"verbose":false}'), server.connect(b'{"verbose":false}')
    reader.send(b"SUB foo 1\r\n")
    reader.received()
    reader.transport.producer.pauseProducing()
    writer.send(b"PUB foo 2\r\nhi\r\n")
    return reader


def advance(server, seconds):
    for _ in range(round(seconds * 4)):
        server.clock.advance(0.25)


@pytest.mark.parametrize("policy", ["default", "close", "retry"])
def test_who_accepts_nothing_is_dropped(server, log, policy):
    server.start(Options(write_deadline=2.0, write_timeout=policy))
    reader = blocked(server)
    advance(server, 1.75)
    assert not reader.aborted
    advance(server, 0.75)
    assert reader.aborted
    assert reader.received() == b""
    assert reader.protocol.closed_state is ClosedState.SLOW_CONSUMER_WRITE_DEADLINE
    assert server.context.registry.totals.slow_consumers == 1
    assert (
        "1.2.3.4:5678 - cid:1 - Slow Consumer Detected: "
        "WriteDeadline of 2s exceeded with 23 total bytes."
    ) in log


def test_who_accepts_something_in_time_stays(server):
    server.start(Options(write_deadline=2.0))
    reader = blocked(server)
    for _ in range(3):
        advance(server, 1.5)
        reader.transport.producer.resumeProducing()
        reader.transport.producer.pauseProducing()
    assert not reader.aborted


def test_no_deadline(server):
    server.start(Options(write_deadline=0.0))
    reader = blocked(server)
    advance(server, 30)
    assert not reader.aborted


def test_who_has_not_said_connect_is_no_consumer(server):
    options = Options(write_deadline=1.0)
    server.start(options, UserPassAuthenticator("u", "p"))
    peer = server.accept()
    peer.transport.producer.pauseProducing()
    peer.protocol.send(b"INFO {} \r\n")
    advance(server, 1.5)
    assert peer.aborted
    assert server.context.registry.totals.slow_consumers == 0


def test_there_are_no_sweeps_without_connections(server):
    assert len(server.context.deadlines) == 0
    peer = server.accept()
    peer.lost()
    advance(server, 5)
    assert len(server.context.deadlines) == 0


def test_one_in_its_preamble_has_nothing_to_sweep(server):
    server.start(Options(proxy_protocol=True, write_deadline=1.0))
    peer = server.accept()
    advance(server, 1.5)
    assert not peer.aborted
    peer.lost()
