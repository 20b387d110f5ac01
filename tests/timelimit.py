"""No test hangs the run: one that takes too long fails, and says where everything stood.

Sent as a signal rather than from a thread: what waits in vain has to be ended, too. All tests run
within pytest-twisted's greenlet of the reactor, where one that is suspended is not on the stack.
It ends by cancelling the Deferred that the other greenlet, pytest's, waits for.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import tempfile
import time
import traceback
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import greenlet
import pytest
import pytest_twisted

#: seconds for each of a test's three phases; the slowest takes a tenth of it on a busy machine
LIMIT = float(os.environ.get("PUBSUB_TEST_LIMIT", "120"))
#: after so many that took too long, the others have a quarter of it: the run has to end
MANY = 3
#: seconds between one attempt at ending it and the next
AGAIN = LIMIT / 12
#: seconds without any progress after which the run ends, for what no signal interrupts
END = 60.0 + 2 * LIMIT
#: seconds that the process may take to end, after the last test
PARTING = float(os.environ.get("PUBSUB_TEST_PARTING", "60"))


class TimeIsUp(BaseException):
    """A test took too long. Not an Exception, which tests and libraries would catch."""


class _Alarm:
    """The alarm of one phase.

    :ivar stacks: where everything stood when it first rang.
    :ivar over: the phase has ended.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.stacks = ""
        self.over = False
        self._count = 0

    def ring(self, _number: int, frame: FrameType | None) -> None:
        self._count += 1
        self.stacks = self.stacks or _stacks(frame)
        in_reactor = greenlet.getcurrent() is pytest_twisted._instances.gr_twisted
        # by turns: the reactor may be waiting, or something it has called may be
        if in_reactor and not _runs_test(frame) and self._count % 2:
            pytest_twisted._instances.reactor.callFromThread(self._cancel)
        else:
            raise TimeIsUp(self.name)

    def _cancel(self) -> None:
        frame = None if self.over else _waiting()
        if frame is not None:
            frame.f_locals["d"].cancel()


def _runs_test(frame: FrameType | None) -> bool:
    """Whether the stack is that of a test, or of a fixture: it can catch what is raised."""
    while frame is not None:
        if frame.f_code.co_name == "in_reactor":
            return True
        frame = frame.f_back
    return False


def _waiting() -> FrameType | None:
    """Where pytest's own greenlet waits for a Deferred."""
    reactor = pytest_twisted._instances.gr_twisted
    frame = None if reactor is None or reactor.parent is None else reactor.parent.gr_frame
    while frame is not None and frame.f_code is not pytest_twisted.blockon_default.__code__:
        frame = frame.f_back
    return frame


def _stacks(frame: FrameType | None) -> str:
    with tempfile.TemporaryFile("w+") as file:
        faulthandler.dump_traceback(file)
        file.seek(0)
        text = file.read()
    waiting = "".join(traceback.format_stack(_waiting())[-8:]) if _waiting() else ""
    return f"{text}\n{waiting}"


@contextmanager
def _limited(item: pytest.Item, phase: str) -> Iterator[None]:
    marker = item.get_closest_marker("time_limit")
    seconds = marker.args[0] if marker else LIMIT
    if len(_late) >= MANY:
        seconds /= 4
    alarm = _Alarm(f"{phase} of {item.nodeid}")
    before = signal.signal(signal.SIGALRM, alarm.ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
    _watchdog.put_off(seconds - LIMIT)
    error = ""
    try:
        yield
    except BaseException:
        if not alarm.stacks:
            raise
        error = traceback.format_exc()
    finally:
        alarm.over = True
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    if alarm.stacks:
        _late.append(item.nodeid)
        text = f"{alarm.name} took more than {seconds:g} s\n{alarm.stacks}\n{error}"
        pytest.fail(text, pytrace=False)


#: the tests that took too long
_late: list[str] = []


class _Watchdog:
    """Ends the process when nothing moves: a loop in C, or a thread that outlives the tests."""

    def __init__(self) -> None:
        self._file: Any = None
        self._until = 0.0

    def begin(self, config: pytest.Config) -> None:
        capture = config.pluginmanager.getplugin("capturemanager")
        with capture.global_and_fixture_disabled():
            self._file = os.fdopen(os.dup(2), "w")

    def put_off(self, more: float) -> None:
        """Give it more time: not at each test, since that starts a thread.

        Who runs no tests, as xdist's first process, is not watched before its end.
        """
        now = time.monotonic()
        if now + END + more > self._until + 20.0:
            self._until = now + END + more
            faulthandler.dump_traceback_later(END + more, exit=True, file=self._file)

    def pause(self) -> None:
        """A process of xdist may wait for tests as long as another has some."""
        if "PYTEST_XDIST_WORKER" in os.environ:
            faulthandler.cancel_dump_traceback_later()
            self._until = 0.0

    def end(self) -> None:
        """What is left to do now is done in a moment."""
        faulthandler.dump_traceback_later(PARTING, exit=True, file=self._file)


_watchdog = _Watchdog()


def pytest_configure(config: pytest.Config) -> None:
    """Where there are tests; the end of the process is watched, too."""
    config.addinivalue_line("markers", "time_limit(seconds): that of this test's phases")
    _watchdog.begin(config)


@pytest.hookimpl(tryfirst=True)
def pytest_unconfigure() -> None:
    """The reactor stops, threads end."""
    _watchdog.end()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    """Fixtures are limited,"""
    with _limited(item, "setup"):
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """tests are,"""
    with _limited(item, "call"):
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    """and what undoes fixtures is."""
    try:
        with _limited(item, "teardown"):
            return (yield)
    finally:
        _watchdog.pause()
