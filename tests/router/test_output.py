"""Output: flushes, pauses, consumers that do not keep up, and what tracing shows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pubsub.interfaces import IRouterBackend, PeerKind, RouterSettings
from tests.router.recording import QUIET, World, play

HELLO = b"PUB foo 2\r\nhi\r\n"
FRAME = b"MSG foo 1 2\r\nhi\r\n"


def test_all_output_of_a_turn_goes_out_in_one_write(world: World) -> None:
    link = world.attach("a")
    link.write(b"INFO {} \r\n")
    link.feed(b"PING\r\nSUB foo 1\r\n" + HELLO * 3)
    link.feed(b"PING\r\n")
    peer = world.peers["a"]
    assert peer.writes == []
    expected = b"INFO {} \r\nPONG\r\n" + FRAME * 3 + b"PONG\r\n"
    assert link.pending_bytes == link.counters().pending_bytes == len(expected)
    world.router.flush()
    world.router.flush()
    assert peer.writes == [expected]
    assert link.pending_bytes == 0


def test_links_are_flushed_in_the_order_in_which_they_got_output(world: World) -> None:
    order: list[str] = []
    for name in "abc":
        world.attach(name)
        world.peers[name].on["transmit"] = lambda data, name=name: order.append(name)
    for name in "cab":
        world.peers[name].link.feed(b"SUB %b 1\r\nPING\r\n" % name.encode())
    world.peers["a"].link.feed(b"PING\r\n")
    world.router.flush()
    assert order == ["c", "a", "b"]
    order.clear()
    world.peers["a"].link.feed(b"PUB b 0\r\n\r\nPUB c 0\r\n\r\nPUB a 0\r\n\r\nPUB b 0\r\n\r\n")
    world.router.flush()
    assert order == ["b", "c", "a"]


def test_one_link_may_be_flushed_alone(world: World) -> None:
    a, b = world.attach("a"), world.attach("b")
    a.write(b"1")
    b.write(b"2")
    b.flush()
    assert (world.peers["a"].writes, world.peers["b"].writes) == ([], [b"2"])
    world.router.flush()
    assert (world.peers["a"].writes, world.peers["b"].writes) == ([b"1"], [b"2"])


def test_paused_output_is_kept_and_counted(world: World) -> None:
    link = world.attach("a")
    link.pause_output()
    assert link.blocked_since > 0.0
    assert world.feed("a", b"PING\r\nPING\r\n") == b""
    assert link.pending_bytes == 12
    link.flush()
    assert world.peers["a"].writes == []
    link.resume_output()
    assert link.blocked_since == 0.0
    assert world.peers["a"].writes == [b"PONG\r\nPONG\r\n"]
    assert link.pending_bytes == 0


def test_output_paused_from_within_a_write_is_paused(world: World) -> None:
    link = world.attach("a")
    world.peers["a"].on["transmit"] = lambda data: link.pause_output()
    assert world.feed("a", b"PING\r\n") == b"PONG\r\n"
    assert world.feed("a", b"PING\r\n") == b""
    assert link.pending_bytes == 6


def test_what_is_queued_when_a_link_closes_may_still_go_out(world: World) -> None:
    link = world.attach("a")
    link.feed(b"PING\r\n")
    link.close()
    assert link.pending_bytes == 6
    assert world.output("a") == b"PONG\r\n"


def test_a_transport_that_fails_does_not_stop_the_others(
    world: World, logged_failures: Any
) -> None:
    a, b = world.attach("a"), world.attach("b")

    def fail(data: bytes) -> None:
        raise RuntimeError("a broken transport")

    world.peers["a"].on["transmit"] = fail
    a.write(b"1")
    b.write(b"2")
    world.router.flush()
    assert world.peers["b"].writes == [b"2"]
    assert len(logged_failures.flush(RuntimeError)) == 1


def test_a_link_that_is_never_bound_answers_so(world: World) -> None:
    link = world.attach("a")
    assert link.unbind() == b""


# --- slow consumers ---------------------------------------------------------------------

#: 100 bytes may be pending; producers are held back above 75.
TIGHT = RouterSettings(seed=1, max_pending=100)
BIG = b"PUB foo 20\r\n" + b"x" * 20 + b"\r\n"
BIG_FRAME = b"MSG foo 1 20\r\n" + b"x" * 20 + b"\r\n"
assert len(BIG_FRAME) == 36


def paused_reader(world: World) -> None:
    world.attach("b")
    world.feed("b", b"SUB foo 1\r\n")
    world.peers["b"].link.pause_output()


def test_a_slow_consumer_is_a_fault_of_its_own(backend: IRouterBackend) -> None:
    world = World(backend, TIGHT)
    world.attach("a")
    paused_reader(world)
    world.feed("a", BIG * 2)
    assert world.calls() == []
    world.feed("a", BIG)
    assert world.calls() == [("b", "fault", "SlowConsumer", "")]
    assert world.peers["b"].link.closed
    assert world.peers["b"].link.counters()[2:4] == (3, 60)
    world.feed("a", BIG)
    assert world.calls() == []
    assert world.router.stats()["num_subscriptions"] == 0


def test_all_in_one_read_it_is_the_same_fault(backend: IRouterBackend) -> None:
    world = World(backend, TIGHT)
    world.attach("a")
    paused_reader(world)
    world.feed("a", BIG * 10)
    assert world.calls() == [("b", "fault", "SlowConsumer", "")]
    assert world.peers["b"].link.counters()[2:4] == (3, 60)
    assert world.peers["a"].link.counters()[:2] == (10, 200)


def test_a_producer_is_held_back_above_three_quarters(backend: IRouterBackend) -> None:
    world = World(backend, TIGHT)
    world.attach("a")
    paused_reader(world)
    b = world.peers["b"].link
    b.write(b"." * 75)
    world.feed("a", b"PUB foo 0\r\n\r\n")
    assert world.calls() == []
    world.feed("a", b"PUB foo 0\r\n\r\n")
    assert world.calls() == [("a", "stall", 0.002), ("b", "fault", "SlowConsumer", "")]
    assert b.counters().stalls == 1


def test_a_producer_is_held_back_longer_at_the_limit(backend: IRouterBackend) -> None:
    world = World(backend, TIGHT)
    world.attach("a")
    paused_reader(world)
    world.peers["b"].link.write(b"." * 100)
    world.feed("a", b"PUB foo 0\r\n\r\n")
    assert world.calls()[0] == ("a", "stall", 0.005)


def test_a_producer_that_calls_is_held_back_by_each_call(backend: IRouterBackend) -> None:
    world = World(backend, replace(TIGHT, max_pending=1000))
    a = world.attach("a")
    paused_reader(world)
    b = world.peers["b"].link
    b.write(b"." * 800)
    world.feed("a", b"PUB foo 0\r\n\r\n")
    for _ in range(2):
        assert a.publish(b"foo", b"", b"", b"") == 1
    assert world.calls() == 3 * [("a", "stall", 0.002)]
    assert b.counters().stalls == 3


def test_a_producer_is_held_back_once_a_read(backend: IRouterBackend) -> None:
    world = World(backend, replace(TIGHT, max_pending=1000))
    world.attach("a")
    paused_reader(world)
    b = world.peers["b"].link
    b.write(b"." * 800)
    world.feed("a", b"PUB foo 0\r\n\r\n" * 3)
    assert world.calls() == [("a", "stall", 0.002)]
    world.feed("a", b"PUB foo 0\r\n\r\n" * 3)
    assert world.calls() == [("a", "stall", 0.002)]
    assert b.counters().stalls == 2
    b.resume_output()
    world.feed("a", b"PUB foo 0\r\n\r\n" * 3)
    assert world.calls() == []


def test_or_the_consumer_loses_messages_instead(backend: IRouterBackend) -> None:
    world = World(backend, replace(TIGHT, no_fast_producer_stall=True))
    world.attach("a")
    paused_reader(world)
    b = world.peers["b"].link
    b.write(b"." * 76)
    world.feed("a", b"SUB inbox 1\r\nPUB foo inbox 0\r\n\r\n")
    assert b.pending_bytes == 76
    assert b.counters().stalls == 0
    assert world.calls() == []
    assert b"503" in world.output("a")


def test_the_server_itself_is_not_held_back(backend: IRouterBackend) -> None:
    world = World(backend, replace(TIGHT, max_pending=1000, no_fast_producer_stall=True))
    paused_reader(world)
    b = world.peers["b"].link
    b.write(b"." * 800)
    assert world.router.publish("$G", b"foo", b"", b"", b"") == 1
    internal = world.attach("i", kind=PeerKind.INTERNAL)
    assert internal.publish(b"foo", b"", b"", b"") == 1
    assert b.counters().stalls == 0


def test_new_limits_count_at_once(world: World) -> None:
    world.attach("a")
    paused_reader(world)
    world.feed("a", HELLO)
    world.router.settings = RouterSettings(seed=1, max_pending=20)
    assert world.router.settings.max_pending == 20
    world.feed("a", HELLO)
    assert world.calls() == [("a", "stall", 0.002), ("b", "fault", "SlowConsumer", "")]


# --- tracing ----------------------------------------------------------------------------


def traced(world: World) -> None:
    world.peers["a"].link.trace = True


def lines(world: World) -> list[tuple[str, str, bytes]]:
    return [call[2:] for call in world.calls() if call[1] == "traced"]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"CONNECT {}\r\n", [("in", "CONNECT", b"{}")]),
        (b"PING\r\n", [("in", "PING", b""), ("out", "PONG", b"")]),
        (b"PONG x\r\n", [("in", "PONG", b"")]),
        (b"SUB  foo  1\r\n", [("in", "SUB", b"foo  1"), ("out", "OK", b"")]),
        (b"INFO {}\r\n-ERR 'x'\r\n+OK\r\n", []),
        (
            b"SUB foo 1\r\nUNSUB 1\r\n",
            [
                ("in", "SUB", b"foo 1"),
                ("out", "OK", b""),
                ("in", "UNSUB", b"1"),
                ("out", "OK", b""),
                ("both", "DELSUB", b"1"),
            ],
        ),
        (
            b"PUB foo bar 2\r\nhi\r\n",
            [("in", "PUB", b"foo bar 2"), ("in", "MSG_PAYLOAD", b"hi"), ("out", "OK", b"")],
        ),
        (b"PUB foo 0\r\n\r\n", [("in", "PUB", b"foo 0"), ("out", "OK", b"")]),
        (b"PUB foo\r\n", [("in", "PUB", b"foo")]),
        (
            b"HPUB foo 12 13\r\nNATS/1.0\r\n\r\nx\r\n",
            [
                ("in", "HPUB", b"foo 12 13"),
                ("in", "MSG_PAYLOAD", b"NATS/1.0\r\n\r\nx"),
                ("out", "OK", b""),
            ],
        ),
    ],
)
def test_tracing_shows_every_line(
    backend: IRouterBackend, data: bytes, expected: list[tuple[str, str, bytes]]
) -> None:
    world = play(backend, data, traced, replace(QUIET, verbose=True))
    assert lines(world) == expected


def test_tracing_shows_deliveries(backend: IRouterBackend) -> None:
    def setup(world: World) -> None:
        world.attach("b")
        traced(world)

    data = (
        b"SUB foo 1\r\nUNSUB 1 2\r\nPUB foo bar 2\r\nhi\r\nHPUB foo 12 12\r\nNATS/1.0\r\n\r\n\r\n"
    )
    world = play(backend, data, setup)
    assert lines(world) == [
        ("in", "SUB", b"foo 1"),
        ("in", "UNSUB", b"1 2"),
        ("in", "PUB", b"foo bar 2"),
        ("in", "MSG_PAYLOAD", b"hi"),
        ("out", "MSG", b"foo 1 bar 2"),
        ("out", "MSG_PAYLOAD", b"hi"),
        ("in", "HPUB", b"foo 12 12"),
        ("in", "MSG_PAYLOAD", b"NATS/1.0\r\n\r\n"),
        ("out", "HMSG", b"foo 1 12 12"),
        ("out", "MSG_PAYLOAD", b"NATS/1.0\r\n\r\n"),
        ("both", "DELSUB", b"1"),
    ]


def test_tracing_shows_stripped_deliveries_as_they_are(backend: IRouterBackend) -> None:
    world = World(backend)
    world.attach("a")
    world.attach("b", replace(QUIET, headers=False))
    world.feed("b", b"SUB foo 1\r\n")
    world.peers["b"].link.trace = True
    world.feed("a", b"HPUB foo 12 14\r\nNATS/1.0\r\n\r\nhi\r\n")
    assert lines(world) == [("out", "MSG", b"foo 1 2"), ("out", "MSG_PAYLOAD", b"hi")]


def test_tracing_shows_what_a_subject_is_mapped_to(backend: IRouterBackend) -> None:
    class Mapper:
        def map(self, subject: bytes) -> tuple[bytes, bool]:
            return subject.replace(b"old", b"new"), True

    def setup(world: World) -> None:
        traced(world)
        world.router.set_mapper("$G", Mapper())

    world = play(backend, b"PUB old 1\r\nx\r\nPUB foo 1\r\nx\r\n", setup)
    assert lines(world) == [
        ("in", "PUB", b"old 1"),
        ("in", "MAPPING", b"old -> new"),
        ("in", "MSG_PAYLOAD", b"x"),
        ("in", "PUB", b"foo 1"),
        ("in", "MSG_PAYLOAD", b"x"),
    ]


def test_tracing_may_be_switched_while_running(world: World) -> None:
    link = world.attach("a")
    world.feed("a", HELLO)
    assert world.calls() == []
    link.trace = True
    world.feed("a", HELLO)
    assert len(world.calls()) == 2
    link.trace = False
    world.feed("a", HELLO)
    assert world.calls() == []
