"""A process of its own: how it ends, and what the garbage collector is spared."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest
from twisted.python.failure import Failure

from pubsub.errors import ListenError
from pubsub.system.process import YOUNG, Outcome
from tests.conftest import LoggedFailures


class _Reactor:
    def __init__(self) -> None:
        self.stopped = 0

    def stop(self) -> None:
        self.stopped += 1


def test_a_server_that_stopped_ends_its_process_well() -> None:
    reactor = _Reactor()
    outcome = Outcome(reactor)
    outcome.stop()
    assert (outcome.code, reactor.stopped) == (0, 1)


def test_a_server_that_cannot_start_says_why_and_ends_with_1(
    logged_failures: LoggedFailures,
) -> None:
    reactor = _Reactor()
    outcome = Outcome(reactor)
    outcome.fail(Failure(ListenError("port", "0.0.0.0:4222", "Address already in use")))
    assert (outcome.code, reactor.stopped) == (1, 1)
    (event,) = logged_failures.flush()
    assert "0.0.0.0:4222" in event["reason"]


def test_a_signal_and_a_failure_at_once_stop_the_reactor_once(
    logged_failures: LoggedFailures,
) -> None:
    reactor = _Reactor()
    outcome = Outcome(reactor)
    outcome.stop()
    outcome.fail(Failure(ValueError("late")))
    assert (outcome.code, reactor.stopped) == (1, 1)
    assert len(logged_failures.flush()) == 1


@pytest.mark.skipif(
    platform.python_implementation() != "CPython", reason="there is nothing to set elsewhere"
)
def test_a_settled_process_collects_seldom_and_leaves_the_start_alone() -> None:
    """In a child: the collector of this process belongs to the tests."""
    program = (
        "import gc; from pubsub.system.process import settle; settle();"
        "print(gc.get_threshold()[0], gc.get_freeze_count() > 1000)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.split() == [str(YOUNG), "True"]
