"""Server PINGs by hand-moved clock."""

from __future__ import annotations

from pubsub.config.options import Options
from pubsub.errors import ClosedState


def test_the_first_ping_comes_two_seconds_after_connect(server):
    peer = server.connect(b'{"verbose":false}')
    peer.received()
    server.clock.advance(1.99)
    assert peer.received() == b""
    server.clock.advance(0.02)
    assert peer.received() == b"PING\r\n"


def test_it_is_up_to_a_fifth_later(server):
    server.context.random.random = lambda: 0.999
    peer = server.connect(b'{"verbose":false}')
    peer.received()
    server.clock.advance(2.39)
    assert peer.received() == b""
    server.clock.advance(0.02)
    assert peer.received() == b"PING\r\n"


def test_a_shorter_interval_is_kept(server):
    server.start(Options(ping_interval=0.5))
    peer = server.connect(b'{"verbose":false}')
    peer.received()
    server.clock.advance(0.51)
    assert peer.received() == b"PING\r\n"


def test_who_has_not_sent_connect_is_asked_after_the_interval(server):
    peer = server.accept()
    peer.received()
    server.clock.advance(119)
    assert peer.received() == b""
    server.clock.advance(2)
    assert peer.received() == b"PING\r\n"


def test_pong_tells_the_round_trip(server):
    peer = server.connect()
    server.clock.advance(2)
    server.clock.advance(0.125)
    peer.send(b"PONG\r\n")
    assert round(peer.protocol.rtt, 6) == 0.125
    assert peer.protocol.pings_out == 0


def test_a_pong_nobody_asked_for_tells_nothing(server):
    peer = server.accept()
    peer.send(b"PONG\r\n")
    assert peer.protocol.rtt == 0.0


def test_silence_is_stale(server, log):
    server.start(Options(debug=True))
    peer = server.connect(b'{"verbose":false}')
    peer.received()
    server.clock.advance(2)
    server.clock.advance(120)
    assert peer.received() == b"PING\r\nPING\r\n"
    server.clock.advance(120)
    assert peer.received() == b"-ERR 'Stale Connection'\r\n"
    assert peer.protocol.closed_state is ClosedState.STALE_CONNECTION
    assert server.context.registry.totals.stale_connections == 1
    assert "1.2.3.4:5678 - cid:1 - Stale Client Connection - Closing" in log


def test_who_was_heard_within_the_interval_is_not_asked(server, log):
    server.start(Options(debug=True))
    peer = server.connect(b'{"verbose":false}')
    peer.received()
    server.clock.advance(2)
    assert peer.send(b"PONG\r\n") == b"PING\r\n"
    server.clock.advance(60)
    peer.send(b"SUB foo 1\r\n")
    server.clock.advance(61)
    assert peer.received() == b""
    assert any("Delaying PING due to remote client data or ping 61s ago" in line for line in log)
    server.clock.advance(120)
    assert peer.received() == b"PING\r\n"


def test_silence_is_noticed_after_the_clock_was_set_back(server):
    """It was heard in the future then: for an hour that would look like a moment ago."""
    peer = server.connect(b'{"verbose":false}')
    server.clock.advance(2)
    peer.send(b"PONG\r\n")
    server.context.wall = lambda: server.clock.seconds() - 3600
    server.clock.advance(121)
    assert peer.received() == b"PING\r\n"
    server.clock.advance(121)
    assert peer.received() == b"PING\r\n"
    server.clock.advance(121)
    assert peer.received() == b"-ERR 'Stale Connection'\r\n"


def test_the_round_trip_is_measured_at_least_each_hour(server):
    peer = server.connect(b'{"verbose":false}')
    server.clock.advance(2)
    peer.send(b"PONG\r\n")
    pings = 0
    for _ in range(70):
        peer.send(b"SUB foo 1\r\n")
        server.clock.advance(60)
        pings += peer.received().count(b"PING")
        peer.send(b"PONG\r\n")
    assert pings == 1


def test_pings_are_traced(server, log):
    server.start(Options(trace=True))
    server.connect()
    server.clock.advance(2)
    assert "1.2.3.4:5678 - cid:1 - ->> [PING]" in log


def test_a_closed_connection_is_not_asked(server):
    peer = server.connect()
    ping = peer.protocol.ping_deadline
    function, argument = ping.function, ping.argument
    peer.protocol.close(ClosedState.KICKED)
    peer.received()
    function(argument)
    assert peer.received() == b""


def test_an_interval_of_nothing_does_not_stop_the_clock(server):
    server.start(Options(ping_interval=0.0))
    peer = server.accept()
    peer.received()
    server.clock.advance(1)
    server.clock.advance(1)
    server.clock.advance(1)
    assert peer.received() == b"PING\r\nPING\r\n-ERR 'Stale Connection'\r\n"
