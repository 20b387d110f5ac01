"""The Python router itself: clocks, listeners, accounts."""

from __future__ import annotations

from typing import Any

from pubsub.interfaces import PeerKind, RouterSettings
from pubsub.router.python.backend import PythonRouter
from tests.router.recording import QUIET, Recorder


def test_times_come_from_its_clocks() -> None:
    now = [1000.0]
    router = PythonRouter(RouterSettings(), clock=lambda: now[0], monotonic=lambda: 5.0)
    link = router.attach(Recorder("a", []), PeerKind.CLIENT, 1, "$G")
    link.options = QUIET
    assert link.last_activity == link.last_input == 1000.0
    for data, active in (
        (b"PING\r\n", False),
        (b"PUB a 0\r\n\r\n", True),
        (b"PONG\r\n", None),
        (b"SUB a 1\r\n", True),
        (b"UNSUB 1\r\n", True),
    ):
        now[0] += 1.0
        link.feed(data)
        assert (link.last_input == now[0]) is (active is not None)
        assert (link.last_activity == now[0]) is bool(active)
    link.pause_output()
    assert link.blocked_since == 5.0


def test_a_listener_that_fails_is_logged_and_the_next_is_told(logged_failures: Any) -> None:
    told: list[Any] = []

    class Listener:
        def interest_changed(self, *change: Any) -> None:
            told.append(change)
            if len(told) == 1:
                raise RuntimeError("a broken listener")

    router = PythonRouter(RouterSettings())
    router.add_interest_listener(Listener())  # type: ignore[arg-type]
    router.add_interest_listener(Listener())  # type: ignore[arg-type]
    router.attach(Recorder("a", []), PeerKind.INTERNAL, 1, "$G").subscribe(b"a", b"", b"1")
    assert told == [("$G", b"a", b"", 1)] * 2
    assert len(logged_failures.flush(RuntimeError)) == 1


def test_a_closed_link_is_forgotten() -> None:
    router = PythonRouter(RouterSettings())
    link = router.attach(Recorder("a", []), PeerKind.CLIENT, 1, "$G")
    link.close()
    assert router._links == {}
    assert router.home("$G").links == {}
