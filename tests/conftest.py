"""What every test here gets: no logged failure goes unseen, no test hangs, free ports,
Hypothesis profiles."""

from __future__ import annotations

import gc
import os
import platform
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from twisted.logger import LogEvent, LogLevel, formatEvent, globalLogPublisher
from twisted.python.failure import Failure

# For `tests.…` and `bench.…`. At the end: an installed pubsub goes before this checkout's.
sys.path.append(str(Path(__file__).parent.parent))


def pytest_configure(config: pytest.Config) -> None:
    """No test may hang the run."""
    config.pluginmanager.import_plugin("tests.timelimit")


settings.register_profile(
    "default", max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
# the same examples at each run: a red build can be repeated
settings.register_profile("ci", settings.get_profile("default"), derandomize=True, print_blob=True)
settings.register_profile("thorough", settings.get_profile("default"), max_examples=5000)
settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "default")
)

#: What is longer is a key, a hash or a token rather than a word.
LONGEST_NAME = 40


class LoggedFailures:
    """The failures and critical events logged during one test."""

    def __init__(self) -> None:
        self._events: list[LogEvent] = []

    def __call__(self, event: LogEvent) -> None:
        """Observe the log (ILogObserver)."""
        if "log_failure" in event or event.get("log_level") is LogLevel.critical:
            self._events.append(event)

    def flush(self, *types: type[BaseException]) -> list[LogEvent]:
        """Take the events logged so far, of these exception types or all: they were expected."""
        flushed, kept = [], []
        for event in self._events:
            failure = event.get("log_failure")
            wanted = not types or (failure is not None and failure.check(*types))
            (flushed if wanted else kept).append(event)
        self._events = kept
        return flushed


def _describe(event: LogEvent) -> str:
    failure = event.get("log_failure")
    detail = failure.getTraceback() if isinstance(failure, Failure) else ""
    return f"{event.get('log_namespace', '?')}: {formatEvent(event)}\n{detail}"


@pytest.fixture(autouse=True)
def logged_failures() -> Iterator[LoggedFailures]:
    """Fail a test that logs a failure; one that expects it calls ``flush``.

    trial does this, pytest-twisted does not: without it an exception in a callback
    of the reactor, or an unhandled error in a Deferred, is a green test.
    """
    observed = LoggedFailures()
    globalLogPublisher.addObserver(observed)
    try:
        yield observed
        # An unhandled Deferred reports when it is collected. The young generations hold
        # what this test made; a full collection after each test would take longer than most.
        if platform.python_implementation() == "CPython":
            gc.collect(1)
    finally:
        globalLogPublisher.removeObserver(observed)
    left = observed.flush()
    if left:
        pytest.fail("logged during this test:\n" + "\n".join(map(_describe, left)), pytrace=False)


@pytest.fixture(scope="session", autouse=True)
def patient_clients() -> None:
    """nats-py waits for longer than it would by itself."""
    from tests.patience import make_nats_py_patient

    make_nats_py_patient()


@pytest.fixture
def free_port() -> Callable[[], int]:
    """A function giving a TCP port of 127.0.0.1, for what must know it before it listens."""
    from tests import ports

    return ports.free_port


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """Keys, hashes and tokens are made anew by each process, and all of xdist's processes have
    to call a test by the same name."""
    if isinstance(val, str | bytes) and len(val) > LONGEST_NAME:
        return argname
    return None
