"""Closing: who is told, and how long the last bytes may take."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred

from pubsub.client.closing import LINGER
from pubsub.config.options import Options
from pubsub.errors import ClosedState
from pubsub.interfaces import Identity
from tests.client.fakes import Knowing, Watching


def test_who_observes_hears_of_somebody_who_goes(server):
    """Once, when it is in its account no more."""
    peer = server.accept()
    server.context.observer = watching = Watching()
    peer.send(b"CONNECT {}\r\n")
    counted = []
    disconnected = watching.client_disconnected
    watching.client_disconnected = lambda client: (
        counted.append(server.context.accounts.connections("$G")),
        disconnected(client),
    )
    peer.protocol.close(ClosedState.KICKED)
    peer.protocol.close(ClosedState.CLIENT_CLOSED)
    peer.lost()
    assert watching.told == [("connected", 1, "$G"), ("disconnected", 1, ClosedState.KICKED)]
    assert counted == [0]


def test_nobody_hears_of_somebody_who_never_was(server):
    """It sent no CONNECT."""
    server.context.observer = watching = Watching()
    server.accept().lost()
    assert watching.told == []


def test_the_peer_has_a_while_for_the_last_bytes(server):
    """And no longer."""
    peer = server.connect()
    peer.protocol.close(ClosedState.SERVER_SHUTDOWN)
    assert peer.closing
    server.clock.advance(LINGER)
    assert peer.aborted


def test_a_short_write_deadline_is_a_short_while(server):
    """It is as long as anything may take."""
    server.start(Options(write_deadline=1.0))
    peer = server.connect()
    peer.protocol.close(ClosedState.KICKED)
    server.clock.advance(1)
    assert peer.aborted


def test_who_is_refused_late_is_read_to_the_end(server):
    """TLS waits for the peer's goodbye: nobody would hear it while reading is paused."""
    answer = Deferred()
    server.start(Options(), Knowing(answer))
    peer = server.accept()
    peer.send(b"CONNECT {}\r\n")
    assert peer.paused
    answer.callback(None)
    assert peer.received().endswith(b"-ERR 'Authorization Violation'\r\n")
    assert peer.closing
    assert not peer.paused


@pytest.mark.parametrize("state", [ClosedState.SLOW_CONSUMER_PENDING_BYTES, ClosedState.READ_ERROR])
def test_who_does_not_read_gets_nothing_more(server, state):
    """The transport is dropped."""
    peer = server.connect()
    peer.protocol.close(state)
    assert peer.aborted


def test_a_question_about_it_is_withdrawn(server):
    """Whoever works on the answer may stop."""
    cancelled = []
    server.start(Options(), Knowing(Deferred(cancelled.append)))
    peer = server.accept()
    peer.send(b"CONNECT {}\r\n")
    peer.lost()
    assert len(cancelled) == 1
    assert peer.protocol.identity == Identity()
