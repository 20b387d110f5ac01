"""Lame duck mode."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import Logger, formatEvent
from zope.interface import implementer
from zope.interface.verify import verifyObject

from pubsub.errors import ClosedState
from pubsub.system.lameduck import ILameDuckServer, LameDuck, Pace, pace


@implementer(ILameDuckServer)
class Server:
    """A server that remembers, with the time, what happened to it."""

    def __init__(self, clock: Clock, clients: int) -> None:
        self.clock = clock
        self.clients = list(range(1, clients + 1))
        self.events: list[tuple[float, str]] = []
        self.stopped: Deferred[None] | None = None
        self.broken: int = 0

    def _add(self, event: str) -> None:
        self.events.append((round(self.clock.seconds(), 9), event))

    def stop_listening(self) -> Deferred[None] | None:
        self._add("stop_listening")
        return self.stopped

    def connections(self) -> list[Any]:
        return self.clients

    def send_lame_duck_info(self) -> None:
        self._add("info")

    def close_connection(self, connection: Any, reason: ClosedState) -> None:
        assert reason is ClosedState.SERVER_SHUTDOWN
        self._add(f"close {connection}")
        if connection == self.broken:
            raise ZeroDivisionError

    def shutdown(self) -> None:
        self._add("shutdown")


@pytest.fixture(autouse=True)
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    log = Logger("pubsub.test", observer=lambda event: lines.append(formatEvent(event)))
    monkeypatch.setattr(LameDuck, "_log", log)
    return lines


def longest(interval: int) -> int:
    """A ``randrange`` that always gives the longest pause."""
    return interval - 1


def run(clock: Clock, seconds: int) -> None:
    clock.pump([0.25] * (seconds * 4))


def test_the_fake_is_a_lame_duck_server() -> None:
    assert verifyObject(ILameDuckServer, Server(Clock(), 0))


def test_without_clients_it_is_over_at_once(said: list[str]) -> None:
    server = Server(Clock(), 0)
    LameDuck(server, server.clock).enter(120.0, 10.0)
    assert server.events == [(0.0, "stop_listening"), (0.0, "shutdown")]
    assert said == ["Entering lame duck mode, stop accepting new clients"]


def test_clients_are_told_and_after_the_grace_period_closed_one_by_one(said: list[str]) -> None:
    server = Server(Clock(), 4)
    LameDuck(server, server.clock, lambda interval: interval // 2).enter(12.0, 10.0)
    run(server.clock, 12)
    assert server.events == [
        (0.0, "stop_listening"),
        (0.0, "info"),
        (10.0, "close 1"),
        (10.25, "close 2"),
        (10.5, "close 3"),
        (10.75, "close 4"),
        (10.75, "shutdown"),
    ]
    assert said == [
        "Entering lame duck mode, stop accepting new clients",
        "Closing existing clients",
    ]


def test_no_pause_is_longer_than_a_second() -> None:
    server = Server(Clock(), 3)
    LameDuck(server, server.clock, longest).enter(120.0, 10.0)
    run(server.clock, 15)
    times = [time for time, event in server.events if event.startswith("close")]
    assert times == [10.0, 11.0, 12.0]


def test_a_pause_is_at_least_half_the_interval() -> None:
    server = Server(Clock(), 2)
    LameDuck(server, server.clock, lambda interval: 0).enter(120.0, 1.0)
    run(server.clock, 5)
    times = [time for time, event in server.events if event.startswith("close")]
    assert times == [1.0, 1.5]


@pytest.mark.parametrize(
    ("clients", "duration", "grace", "expected"),
    [
        (10, 120.0, 10.0, Pace(1_000_000_000, 1)),
        (1000, 120.0, 10.0, Pace(110_000_000, 1)),
        (3, 10.0, 10.0, Pace(333_333_333, 1)),
        (4, 1.0, 30.0, Pace(250_000_000, 1)),
        (1000, 10.0000001, 10.0, Pace(1, 10)),
    ],
)
def test_the_pace_is_nats_servers(
    clients: int, duration: float, grace: float, expected: Pace
) -> None:
    assert pace(clients, duration, grace) == expected


@given(
    st.integers(1, 10**7),
    st.floats(0.0, 1000.0),
    st.floats(0.0, 1000.0),
)
def test_all_clients_are_gone_within_the_duration(
    clients: int, duration: float, grace: float
) -> None:
    interval, batch = pace(clients, duration, grace)
    left = round(duration * 1e9) - round(grace * 1e9)
    pauses = (clients - 1) // batch
    assert pauses * interval <= max(left, 1_000_000_000) * 2
    assert 1 <= interval <= 1_000_000_000
    assert batch >= 1


def test_more_clients_than_nanoseconds_are_closed_in_batches() -> None:
    class CountingClock(Clock):
        pauses = 0

        def callLater(self, *arguments: Any, **more: Any) -> Any:
            self.pauses += 1
            return super().callLater(*arguments, **more)

    clock = CountingClock()
    server = Server(clock, 9)
    LameDuck(server, clock, lambda interval: 0).enter(0.000000003, 0.0)
    clock.advance(0)
    assert clock.pauses == 1 + 3
    assert [event for _, event in server.events][2:] == [
        *(f"close {number}" for number in range(1, 10)),
        "shutdown",
    ]


def test_entering_again_changes_nothing(said: list[str]) -> None:
    server = Server(Clock(), 1)
    duck = LameDuck(server, server.clock)
    assert not duck.active
    duck.enter(120.0, 10.0)
    duck.enter(1.0, 0.0)
    assert duck.active
    assert len(said) == 1
    assert [event for _, event in server.events] == ["stop_listening", "info"]


def test_it_waits_until_the_listeners_are_closed() -> None:
    server = Server(Clock(), 1)
    server.stopped = Deferred()
    LameDuck(server, server.clock).enter(120.0, 10.0)
    assert [event for _, event in server.events] == ["stop_listening"]
    server.stopped.callback(None)
    assert [event for _, event in server.events] == ["stop_listening", "info"]


def test_a_listener_that_cannot_be_closed_keeps_nobody_from_being_told(said: list[str]) -> None:
    server = Server(Clock(), 1)
    server.stopped = Deferred()
    LameDuck(server, server.clock).enter(120.0, 10.0)
    server.stopped.errback(OSError("no"))
    assert server.events[-1][1] == "info"
    assert said[-1] == "Error closing the client listener"


def test_a_client_that_cannot_be_closed_keeps_nobody_from_leaving(said: list[str]) -> None:
    server = Server(Clock(), 2)
    server.broken = 1
    LameDuck(server, server.clock).enter(1.0, 0.0)
    run(server.clock, 3)
    assert [event for _, event in server.events][-3:] == ["close 1", "close 2", "shutdown"]
    assert "Error closing a client in lame duck mode" in said


@pytest.mark.parametrize("after", [0, 5, 11])
def test_a_shutdown_in_between_ends_it(after: int) -> None:
    server = Server(Clock(), 3)
    duck = LameDuck(server, server.clock, longest)
    duck.enter(120.0, 10.0)
    run(server.clock, after)
    before = list(server.events)
    duck.cancel()
    duck.cancel()
    run(server.clock, 20)
    assert server.events == before
    assert server.clock.getDelayedCalls() == []


def test_a_shutdown_while_the_listeners_close_ends_it() -> None:
    server = Server(Clock(), 3)
    server.stopped = Deferred()
    duck = LameDuck(server, server.clock)
    duck.enter(120.0, 10.0)
    duck.cancel()
    server.stopped.callback(None)
    assert [event for _, event in server.events] == ["stop_listening"]


def test_a_server_that_shuts_down_from_inside_a_close_stops_there() -> None:
    server = Server(Clock(), 3)
    duck = LameDuck(server, server.clock)
    close = server.close_connection

    def close_and_cancel(connection: Any, reason: ClosedState) -> None:
        close(connection, reason)
        duck.cancel()

    server.close_connection = close_and_cancel  # type: ignore[method-assign]
    duck.enter(1.0, 0.0)
    run(server.clock, 5)
    assert [event for _, event in server.events] == ["stop_listening", "info", "close 1"]


def test_after_a_shutdown_it_cannot_be_entered() -> None:
    server = Server(Clock(), 3)
    duck = LameDuck(server, server.clock)
    duck.cancel()
    duck.enter(120.0, 10.0)
    assert server.events == []
