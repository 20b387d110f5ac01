"""The net under all other tests holds."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

_SUITE = """
    from twisted.internet.defer import fail
    from twisted.logger import Logger

    log = Logger()

    def test_quiet():
        log.error("an error without a failure is ordinary")

    def test_logs_a_failure():
        try:
            1 / 0
        except ZeroDivisionError:
            log.failure("it broke")

    def test_logs_a_critical_event():
        log.critical("lost it")

    def test_drops_a_failed_deferred():
        fail(KeyError("nobody looked"))

    def test_expects_it(logged_failures):
        test_logs_a_failure()
        assert len(logged_failures.flush(ZeroDivisionError)) == 1

    def test_expects_something_else(logged_failures):
        test_logs_a_failure()
        assert logged_failures.flush(KeyError) == []
"""


def like_ours(pytester: pytest.Pytester, suite: str) -> None:
    """A directory of tests with the conftest that all of ours have."""
    folder = pytester.mkdir("tests")
    for name in ("conftest.py", "timelimit.py", "patience.py", "ports.py"):
        shutil.copy(Path(__file__).with_name(name), folder)
    folder.joinpath("test_suite.py").write_text(dedent(suite))


def test_a_test_that_logs_a_failure_fails(pytester: pytest.Pytester) -> None:
    """Logged failures, critical events and dropped Deferreds each fail the test they belong to."""
    like_ours(pytester, _SUITE)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=6, errors=4)
    result.stdout.fnmatch_lines(["*ERROR *test_drops_a_failed_deferred*", "*KeyError*"])


def test_a_free_port_can_be_listened_on(free_port: Callable[[], int]) -> None:
    with socket.create_server(("127.0.0.1", free_port())) as listening:
        assert listening.getsockname()[1] > 0
