"""A server in a child process: what a test-suite gets, and what it is told when that fails."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import urllib.request
from pathlib import Path

import nats
import pytest
from nats.aio.msg import Msg

from pubsub.testing.child import ChildServer, ServerFailed
from tests.patience import PATIENCE


def _info(server: ChildServer) -> bytes:
    with socket.create_connection((server.host, server.port), timeout=PATIENCE) as connection:
        return connection.makefile("rb").readline()


def test_nats_py_publishes_subscribes_and_requests(tmp_path: Path) -> None:
    async def converse(url: str) -> tuple[bytes, bytes]:
        client = await nats.connect(url)
        subscription = await client.subscribe("greet.*")

        async def answer(message: Msg) -> None:
            await message.respond(message.data[::-1])

        await client.subscribe("reverse", cb=answer)
        await client.publish("greet.joe", b"hello", headers={"Lang": "en"})
        received = await subscription.next_msg()
        assert received.headers == {"Lang": "en"}
        reply = await client.request("reverse", b"stressed")
        await client.drain()
        return received.data, reply.data

    with ChildServer(tmp_path) as server:
        assert asyncio.run(converse(server.url)) == (b"hello", b"desserts")


def test_it_says_where_it_is(tmp_path: Path) -> None:
    with ChildServer(tmp_path, args=["-m", "-1"]) as server:
        assert server.url == f"nats://{server.host}:{server.port}"
        assert _info(server).startswith(b"INFO {")
        with urllib.request.urlopen(f"{server.http_url}/varz") as page:
            assert b'"max_payload"' in page.read()
        os.kill(server.pid, 0)
        assert "Server is ready" in server.log


def test_servers_do_not_get_into_each_others_way(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    with ChildServer(tmp_path / "one") as one, ChildServer(tmp_path / "two") as two:
        assert one.port != two.port


def test_it_takes_a_configuration_and_flags(tmp_path: Path) -> None:
    with ChildServer(tmp_path, "max_payload: 4096", ["-n", "nina"]) as server:
        info = _info(server)
    assert b'"max_payload":4096' in info
    assert b'"server_name":"nina"' in info


def test_a_restarted_server_has_the_same_port(tmp_path: Path) -> None:
    with ChildServer(tmp_path) as server:
        port, pid = server.port, server.pid
        server.restart()
        assert server.port == port
        assert server.pid != pid
        assert _info(server).startswith(b"INFO ")


def test_it_can_be_killed_and_started_again(tmp_path: Path) -> None:
    server = ChildServer(tmp_path).start()
    server.kill()
    assert not server.running
    with pytest.raises(ConnectionRefusedError):
        _info(server)
    server.start()
    assert _info(server).startswith(b"INFO ")
    server.stop()
    server.stop()


def test_it_is_started_once(tmp_path: Path) -> None:
    with ChildServer(tmp_path) as server, pytest.raises(ServerFailed, match="running already"):
        server.start()


def test_a_reload_has_happened_when_it_returns(tmp_path: Path) -> None:
    with ChildServer(tmp_path, "max_payload: 4096") as server:
        server.reload("max_payload: 8192")
        assert b'"max_payload":8192' in _info(server)


def test_a_refused_reload_fails_with_the_log(tmp_path: Path) -> None:
    with ChildServer(tmp_path, "max_payload: 4096") as server:
        with pytest.raises(ServerFailed, match="did not reload") as caught:
            server.reload("max_payload: many")
        assert "Failed to reload" in str(caught.value)
        assert b'"max_payload":4096' in _info(server)


def test_without_a_configuration_there_is_nothing_to_reload(tmp_path: Path) -> None:
    with (
        ChildServer(tmp_path) as server,
        pytest.raises(ServerFailed, match="without a configuration"),
    ):
        server.reload("debug: true")


def test_a_server_that_does_not_start_fails_with_its_log(tmp_path: Path) -> None:
    server = ChildServer(tmp_path, "max_payload: {")
    with pytest.raises(ServerFailed, match="at its start") as caught:
        server.start()
    assert "server.conf" in str(caught.value)
    assert not server.running


def test_a_server_that_died_is_not_stopped_quietly(tmp_path: Path) -> None:
    server = ChildServer(tmp_path).start()
    os.kill(server.pid, signal.SIGKILL)
    os.waitid(os.P_PID, server.pid, os.WEXITED | os.WNOWAIT)
    with pytest.raises(ServerFailed, match="died with code -9"):
        server.stop()


def test_an_error_in_the_test_ends_the_server_too(tmp_path: Path) -> None:
    with pytest.raises(KeyError), ChildServer(tmp_path) as server:
        raise KeyError
    assert not server.running


def test_there_is_no_page_without_monitoring(tmp_path: Path) -> None:
    with ChildServer(tmp_path) as server, pytest.raises(ServerFailed, match="no monitoring port"):
        _ = server.http_url


def test_before_it_was_started_it_has_no_process_and_no_log(tmp_path: Path) -> None:
    server = ChildServer(tmp_path)
    assert server.log == ""
    with pytest.raises(ServerFailed, match="not running"):
        _ = server.pid


_STUB = """
import json, pathlib, os, signal, sys, time
if "{end}" != "deaf":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit({code}))
else:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("{log}", flush=True)
directory = pathlib.Path(sys.argv[sys.argv.index("--ports_file_dir") + 1])
text = json.dumps({{"nats": ["nats://127.0.0.1:1"]}})
if "{end}" != "mute":
    (directory / f"stub_{{os.getpid()}}.ports").write_text(text[:5])
    (directory / f"stub_{{os.getpid()}}.ports").write_text(text)
while True:
    signal.pause()
"""


def _stub(directory: Path, end: str = "", code: int = 0, log: str = "") -> ChildServer:
    """A program that behaves as badly as told."""
    script = _STUB.format(end=end, code=code, log=log)
    return ChildServer(directory, command=[sys.executable, "-c", script])


def test_ending_with_an_error_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(ServerFailed, match="ended with code 3 on SIGTERM"):
        _stub(tmp_path, code=3).start().stop()


def test_a_logged_exception_is_a_failure(tmp_path: Path) -> None:
    server = _stub(tmp_path, log="Traceback (most recent call last):").start()
    with pytest.raises(ServerFailed, match="logged an exception"):
        server.stop()


def test_a_server_that_does_not_end_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pubsub.testing.child.STOP_TIMEOUT", 0.05)
    server = _stub(tmp_path, end="deaf").start()
    with pytest.raises(ServerFailed, match=r"did not end 0\.05 s after SIGTERM"):
        server.stop()
    assert not server.running


def test_a_server_that_is_never_ready_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pubsub.testing.child.START_TIMEOUT", 0.05)
    server = _stub(tmp_path, end="mute")
    with pytest.raises(ServerFailed, match=r"was not ready after 0\.05 s"):
        server.start()
    assert not server.running
