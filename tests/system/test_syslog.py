"""Syslog: the packets, and a daemon that comes and goes."""

from __future__ import annotations

import io
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.logger import Logger

from pubsub.errors import InvalidOption
from pubsub.system import syslog
from pubsub.system.levels import Level
from pubsub.system.log_file import StreamDestination
from pubsub.system.logging import LogSettings, ServerLog
from pubsub.system.syslog import (
    LOCAL,
    SyslogAddress,
    SyslogDestination,
    parse_remote_syslog,
)
from tests.patience import PATIENCE

#: 2026-08-01 14:50:11 UTC
WHEN = 1785595811.5
PID = os.getpid()


class Daemon:
    """A datagram syslog on a Unix socket, or a stream one on TCP."""

    def __init__(self, sock: socket.socket) -> None:
        sock.settimeout(PATIENCE)
        self.socket = sock

    def datagram(self) -> bytes:
        return self.socket.recv(4096)


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    monkeypatch.setattr(socket, "gethostname", lambda: "edge")
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    path = str(tmp_path / "log")
    monkeypatch.setattr(syslog, "_LOCAL_PATHS", (str(tmp_path / "missing"), path))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(path)
        yield Daemon(sock)


@pytest.fixture
def tcp() -> Iterator[Daemon]:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield Daemon(sock)


class Ticks:
    """Monotonic seconds, moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def send_to(address: SyslogAddress, errors: io.StringIO, ticks: Ticks) -> SyslogDestination:
    return SyslogDestination(
        address, "pubsub-server", StreamDestination(errors), now=lambda: WHEN, monotonic=ticks
    )


@pytest.mark.parametrize(
    ("level", "priority"),
    [
        (Level.INF, 29),
        (Level.TRC, 29),
        (Level.DBG, 31),
        (Level.WRN, 28),
        (Level.ERR, 27),
        (Level.FTL, 26),
    ],
)
def test_the_local_daemon_gets_the_bsd_format(local: Daemon, level: Level, priority: int) -> None:
    destination = send_to(LOCAL, io.StringIO(), Ticks())
    destination.write(level, "Server is ready")
    destination.close()
    expected = f"<{priority}>Aug  1 14:50:11 pubsub-server[{PID}]: Server is ready\n"
    assert local.datagram() == expected.encode()


def test_a_remote_daemon_is_told_who_and_when_in_full() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(PATIENCE)
        address = parse_remote_syslog(f"udp://127.0.0.1:{sock.getsockname()[1]}")
        destination = send_to(address, io.StringIO(), Ticks())
        destination.write(Level.ERR, "no")
        destination.close()
        expected = f"<3>2026-08-01T14:50:11+00:00 edge pubsub-server[{PID}]: no\n"
        assert sock.recv(4096) == expected.encode()


def test_over_tcp_messages_are_lines(tcp: Daemon) -> None:
    destination = send_to(
        SyslogAddress("tcp", *tcp.socket.getsockname()[:2]), io.StringIO(), Ticks()
    )
    peer, _ = tcp.socket.accept()
    destination.write(Level.INF, "one")
    destination.write(Level.INF, "two")
    destination.close()
    destination.close()
    with peer, peer.makefile() as lines:
        assert [line.rsplit(": ", 1)[1] for line in lines] == ["one\n", "two\n"]


def test_a_daemon_that_is_not_there_at_the_start_is_an_error(tmp_path: Path) -> None:
    missing = SyslogAddress("unix", str(tmp_path / "missing"))
    with pytest.raises(FileNotFoundError):
        send_to(missing, io.StringIO(), Ticks())


def test_a_daemon_that_goes_away_is_told_of_once_and_gets_its_lines_when_it_is_back(
    tmp_path: Path,
) -> None:
    path = str(tmp_path / "log")
    errors, ticks = io.StringIO(), Ticks()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as first:
        first.bind(path)
        destination = send_to(SyslogAddress("unix", path), errors, ticks)
    os.unlink(path)
    destination.write(Level.INF, "one")
    destination.write(Level.INF, "two")
    ticks.now = 5.0
    destination.write(Level.INF, "three")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as second:
        second.bind(path)
        second.settimeout(PATIENCE)
        destination.write(Level.INF, "four: not tried again so soon")
        ticks.now = 10.0
        destination.write(Level.INF, "five")
        got = [second.recv(4096).decode().rsplit("]: ", 1)[1] for _ in range(5)]
    destination.close()
    assert got == ["one\n", "two\n", "three\n", "four: not tried again so soon\n", "five\n"]
    assert errors.getvalue() == "error writing to syslog: Connection refused\n"


def test_what_is_kept_for_a_daemon_has_a_limit_and_the_loss_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(syslog, "_MAX_KEPT_BYTES", 200)
    path = str(tmp_path / "log")
    ticks = Ticks()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as first:
        first.bind(path)
        destination = send_to(SyslogAddress("unix", path), io.StringIO(), ticks)
    os.unlink(path)
    for number in range(10):
        destination.write(Level.INF, f"line {number}")
    monkeypatch.undo()
    monkeypatch.setattr(socket, "gethostname", lambda: "edge")
    ticks.now = 10.0
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as second:
        second.bind(path)
        second.settimeout(0)
        destination.write(Level.INF, "last")
        got = []
        while True:
            try:
                got.append(second.recv(4096).decode().rsplit("]: ", 1)[1].strip())
            except BlockingIOError:
                break
    destination.close()
    lost = 11 - (len(got) - 1)
    assert got[-1] == f"{lost} log lines lost while syslog was away"
    assert got[-2] == "last"
    assert got[0] == f"line {lost}"


def test_a_daemon_that_does_not_read_holds_nobody_up(tcp: Daemon) -> None:
    destination = send_to(
        SyslogAddress("tcp", *tcp.socket.getsockname()[:2]), io.StringIO(), Ticks()
    )
    peer, _ = tcp.socket.accept()
    for _ in range(300):
        destination.write(Level.INF, "x" * 50_000)
    with peer:
        peer.settimeout(PATIENCE)
        assert peer.recv(3) == b"<5>"
        destination.close()


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("udp://logs.example.com:5514", SyslogAddress("udp", "logs.example.com", 5514)),
        ("tcp://127.0.0.1", SyslogAddress("tcp", "127.0.0.1", 514)),
        ("udp://[::1]:514", SyslogAddress("udp", "::1", 514)),
        ("unix:///run/log", SyslogAddress("unix", "/run/log")),
    ],
)
def test_remote_addresses_are_urls(url: str, address: SyslogAddress) -> None:
    assert parse_remote_syslog(url) == address


@pytest.mark.parametrize("url", ["http://x:1", "localhost:514", "udp://:514", "tcp://x:port", ""])
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(InvalidOption):
        parse_remote_syslog(url)


def test_the_log_sends_bare_messages_to_the_local_syslog(local: Daemon) -> None:
    log = ServerLog(LogSettings(syslog=True), stderr=io.StringIO(), program="me")
    Logger("pubsub.test", observer=log).warn("careful\nnow")
    log.close()
    assert local.datagram().endswith(f" me[{PID}]: careful\\nnow\n".encode())


def test_the_log_sends_json_to_a_remote_syslog_if_that_is_the_format(tcp: Daemon) -> None:
    port = tcp.socket.getsockname()[1]
    settings = LogSettings(remote_syslog=f"tcp://127.0.0.1:{port}", log_format="json")
    log = ServerLog(settings, stderr=io.StringIO(), program="me")
    peer, _ = tcp.socket.accept()
    Logger("pubsub.test", observer=log).info("hello")
    log.close()
    with peer, peer.makefile() as lines:
        assert '"message":"hello"' in lines.readline()
