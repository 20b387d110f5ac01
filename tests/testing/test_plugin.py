"""The fixtures, used the way a stranger's test-suite uses them."""

from __future__ import annotations

import sys

import pytest

_ASYNCIO = """
    import asyncio
    import nats

    def test_a_server_for_one_test(pubsub_server):
        async def converse():
            client = await nats.connect(pubsub_server.url)
            subscription = await client.subscribe("greet.*")
            await client.publish("greet.joe", b"hello")
            message = await subscription.next_msg()
            await client.drain()
            return message.data

        assert asyncio.run(converse()) == b"hello"
        assert pubsub_server.http_url.startswith("http://127.0.0.1:")

    def test_two_servers(pubsub_server_factory):
        one = pubsub_server_factory("max_payload: 4096")
        two = pubsub_server_factory(args=["-n", "two"])
        assert one.port != two.port
"""


def test_an_asyncio_suite_gets_servers_and_leaves_none_behind(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(_ASYNCIO)
    pytester.runpytest_subprocess().assert_outcomes(passed=2)


def test_a_server_that_dies_during_a_test_fails_it_with_its_log(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        import os, signal

        def test_dies(pubsub_server):
            os.kill(pubsub_server.pid, signal.SIGKILL)
            os.waitid(os.P_PID, pubsub_server.pid, os.WEXITED | os.WNOWAIT)
    """)
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*ServerFailed: the server died with code -9*", "*its log:*"])


def test_a_killed_server_is_no_failure(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        def test_kill(pubsub_server):
            pubsub_server.kill()
    """)
    pytester.runpytest_subprocess().assert_outcomes(passed=1)


def test_a_whole_session_can_share_one_server(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\npubsub_server_scope = session")
    pytester.makepyfile("""
        pids = set()

        def test_one(pubsub_server):
            pids.add(pubsub_server.pid)

        def test_two(pubsub_server):
            pids.add(pubsub_server.pid)
            assert len(pids) == 1
    """)
    pytester.runpytest_subprocess().assert_outcomes(passed=2)


def test_another_program_can_be_the_server(pytester: pytest.Pytester) -> None:
    """For comparisons; it has to know the flags nats-server knows."""
    pytester.makepyfile("""
        def test_start(pubsub_server):
            assert pubsub_server.port
    """)
    command = f"{sys.executable} -c pass"
    result = pytester.runpytest_subprocess("--pubsub-command", command)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"*ended with code 0 at its start: {command}*"])


def test_the_plugin_loads_nothing_before_it_is_used(pytester: pytest.Pytester) -> None:
    """It is imported by every pytest run on a machine where this package is installed."""
    pytester.makepyfile("""
        import sys

        def test_light():
            loaded = {name for name in sys.modules if name.startswith("pubsub")}
            assert loaded == {
                "pubsub", "pubsub.testing", "pubsub.testing.child", "pubsub.testing.plugin"
            }
    """)
    pytester.runpytest_subprocess("-p", "no:pytest_twisted", "-p", "no:twisted").assert_outcomes(
        passed=1
    )
