"""Whether the other end of a leaf node link is still there."""

from __future__ import annotations

from tests.cluster.leafs.world import Wire, World, a_hub, connect


def test_a_first_ping_measures_the_round_trip_and_silence_ends_the_link(world: World) -> None:
    server = a_hub(world, more="ping_interval: 10s\nping_max: 1")
    wire = Wire(server)
    wire.send(connect())
    world.pass_time(1.3)
    assert wire.received() == b"PING\r\n"
    wire.send(b"PONG\r\n")
    assert server.leaf.rtt > 0
    world.pass_time(11)
    assert wire.received() == b"PING\r\n"
    world.pass_time(11)
    assert wire.received() == b"-ERR 'Stale Connection'\r\n"
    assert wire.closed


def test_silence_is_noticed_after_the_clock_was_set_back(world: World) -> None:
    """It was heard in the future then: for an hour that would look like a moment ago."""
    server = a_hub(world, more="ping_interval: 10s\nping_max: 1")
    wire = Wire(server)
    wire.send(connect())
    world.pass_time(1.3)
    wire.send(b"PONG\r\n")
    wire.received()
    wall = server.clients.wall
    server.clients.wall = lambda: wall() - 3600
    world.pass_time(11)
    assert wire.received() == b"PING\r\n"
    world.pass_time(11)
    assert wire.received() == b"-ERR 'Stale Connection'\r\n"
    assert wire.closed
