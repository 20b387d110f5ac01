"""Reload and shutdown in the middle of everything."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from tests.hostile.peers import Witness, hello
from tests.hostile.servers import Server, Starter, eventually
from tests.hostile.test_slow_consumers import Deaf, load


def reload_again(server: Server, times: int) -> None:
    for number in range(times):
        before = server.child.log.count("Reloaded server configuration")
        os.kill(server.child.pid, signal.SIGHUP)
        eventually(
            lambda before=before: (  # type: ignore[misc]
                server.child.log.count("Reloaded server configuration") > before
            ),
            f"reload {number}",
        )


def test_a_reload_loses_nothing(start: Starter) -> None:
    server = start()
    witness = Witness(server.client(), server.client())
    stop = threading.Event()

    def talk() -> None:
        while not stop.is_set():
            witness.speak(100)
            # never more than the reader's buffers hold: it reads at the end
            witness.publisher.ping()
            witness.check()

    thread = threading.Thread(target=talk)
    thread.start()
    reload_again(server, 10)
    stop.set()
    thread.join()
    witness.check()
    assert server.varz("connections") == 2


@pytest.mark.parametrize("crowd", [300, pytest.param(3000, marks=pytest.mark.slow)])
def test_sigterm_with_many_connected_under_load_ends_well(
    start: Starter, crowd: int, many: int
) -> None:
    server = start("max_pending: 4MB\n")
    peers = [server.client() for _ in range(min(crowd, many))]
    for peer in peers[::10]:
        peer.send(b"SUB load 1\r\nPUB load 100000\r\nhalf")
    with Deaf(server):
        publisher = server.client()
        publisher.send(b"PUB load 8192\r\n" + b"x" * 8192 + b"\r\n")
        publisher.ping()
        server.child.stop()
        for peer in peers:
            peer.rest()
    assert "Traceback" not in server.child.log


def test_lame_duck_mode_tells_everybody_whoever_does_not_listen(start: Starter) -> None:
    server = start(
        'lame_duck_duration: "30s"\nlame_duck_grace_period: "10s"\nwrite_deadline: "1s"\n'
    )
    with server.peer() as talker, server.peer() as silent, Deaf(server), load(server):
        talker.send(hello(protocol=1) + b"PING\r\n")
        talker.expect(b"PONG\r\n")
        talker.read_info()
        os.kill(server.child.pid, signal.SIGUSR2)
        talker.read_info()
        assert talker.info["ldm"] is True
        # it was not connected as far as anybody knew, and goes on for now
        assert silent.silent()
        silent.ping()
        with pytest.raises(ConnectionRefusedError):
            server.peer()
        # in lame duck mode nats-server does not listen to SIGTERM either
        os.kill(server.child.pid, signal.SIGINT)
        eventually(lambda: not server.child.running, "the end")
    assert "Traceback" not in server.child.log
    server.child.kill()
