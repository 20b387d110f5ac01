"""A test that would hang fails, wherever it hangs, and the next one is run."""

from __future__ import annotations

import re

import pytest

from tests.test_conftest import like_ours

_SUITE = """
    import asyncio, socket, subprocess, sys, threading, time

    import pytest
    import pytest_twisted
    from pytest_twisted import blockon
    from twisted.internet import reactor
    from twisted.internet.defer import Deferred
    from twisted.internet.task import deferLater

    def test_blocks():
        ours, theirs = socket.socketpair()
        ours.recv(1)

    def test_spins():
        while True:
            pass

    def test_waits_for_a_child():
        command = [sys.executable, "-c", "import time; time.sleep(100)"]
        subprocess.run(command, capture_output=True)

    def test_waits_with_asyncio():
        async def never():
            await asyncio.Event().wait()
        asyncio.run(never())

    @pytest_twisted.ensureDeferred
    async def test_waits_for_a_deferred():
        await Deferred()

    @pytest_twisted.inlineCallbacks
    def test_waits_for_a_deferred_as_well():
        yield Deferred()

    @pytest_twisted.ensureDeferred
    async def test_waits_for_what_does_not_come():
        while True:
            await deferLater(reactor, 0.01)

    @pytest_twisted.ensureDeferred
    async def test_spins_after_a_while():
        await deferLater(reactor, 0.01)
        while True:
            pass

    @pytest_twisted.ensureDeferred
    async def test_has_the_reactor_spin():
        def spin():
            while True:
                pass
        reactor.callLater(0, spin)
        await Deferred()

    @pytest.fixture
    def never_begun():
        time.sleep(100)

    def test_is_not_set_up(never_begun):
        pass

    @pytest.fixture
    def never_over():
        yield
        blockon(Deferred())

    def test_is_not_torn_down(never_over):
        pass

    @pytest.mark.time_limit(50)
    def test_may_take_longer():
        time.sleep(2)

    @pytest.mark.time_limit(50)
    @pytest_twisted.ensureDeferred
    async def test_is_not_disturbed():
        assert await deferLater(reactor, 0.01, lambda: 1) == 1
"""

_NEVER_ENDING = """
    import threading, time

    def test_leaves_a_thread():
        threading.Thread(target=time.sleep, args=[100]).start()
"""


def test_each_hanging_test_fails(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUBSUB_TEST_LIMIT", "0.5")
    like_ours(pytester, _SUITE)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-v", timeout=100)
    output = result.stdout.str()
    found = dict(re.findall(r"::test_(\w+) (PASSED|FAILED|ERROR)", output))
    passed = {name for name, outcome in found.items() if outcome == "PASSED"}
    assert passed == {"may_take_longer", "is_not_disturbed"}
    assert len(found) == _SUITE.count("def test_")
    assert re.search(r"setup of \S*test_is_not_set_up took more than [0-9.]+ s", output)
    assert re.search(r"teardown of \S*test_is_not_torn_down took more than [0-9.]+ s", output)
    assert re.search(r"call of \S*test_blocks took more than [0-9.]+ s", output)
    assert re.search(r"test_suite.py\S* line \d+ in test_blocks", output)


def test_a_process_that_does_not_end_is_ended(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUBSUB_TEST_PARTING", "0.5")
    like_ours(pytester, _NEVER_ENDING)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", timeout=60)
    result.assert_outcomes(passed=1)
    assert result.ret == 1
    result.stderr.fnmatch_lines(["*Timeout*", "*threading.py*in _shutdown*"])
