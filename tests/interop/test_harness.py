"""What test-suites of clients expect of the program they start in place of nats-server."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pubsub.testing.child import OWN_COMMAND
from tests.interop.conftest import program
from tests.patience import PATIENCE
from tests.patience import wait_for as wait_until
from tests.ports import free_port

#: One line of the log: process, time, level, text.
LINE = re.compile(r"\[(\d+)\] \d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{6} \[(INF|WRN|ERR|FTL)\] (.*)")


@pytest.fixture(
    params=["ours", pytest.param("nats-server", marks=pytest.mark.interop)], scope="module"
)
def command(request: pytest.FixtureRequest) -> list[str]:
    """Our program, and where there is one nats-server, held to the same."""
    if request.param == "ours":
        return list(OWN_COMMAND)
    return [program("NATS_SERVER", "nats-server")]


Run = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def run(command: list[str]) -> Iterator[Run]:
    """Starts it; what is left of it at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def begin(*args: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*command, *args], text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def wait_for(process: subprocess.Popen[str], text: str) -> list[str]:
    """The lines of its log up to one with ``text``."""
    assert process.stderr is not None
    lines = []
    for line in process.stderr:
        lines.append(line.rstrip("\n"))
        if text in line:
            return lines
    raise AssertionError("\n".join(lines))


def test_the_log_of_a_start_and_a_stop(run: Run) -> None:
    process = run("-a", "127.0.0.1", "-p", "-1")
    lines = wait_for(process, "Server is ready")
    parsed = [LINE.fullmatch(line) for line in lines]
    assert all(parsed), lines
    assert {match[1] for match in parsed if match} == {str(process.pid)}
    listening = [line for line in lines if "Listening for client connections on" in line]
    port = int(listening[0].rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        assert connection.recv(5) == b"INFO "
    process.send_signal(signal.SIGINT)
    ending = wait_for(process, "Server Exiting..")
    assert any("Initiating Shutdown..." in line for line in ending)
    assert process.wait(PATIENCE) == 0


def test_it_dies_of_sigkill_and_the_port_is_free_again(run: Run) -> None:
    first = run("-a", "127.0.0.1", "-p", "-1")
    port = wait_for(first, "Listening for client connections on")[-1].rpartition(":")[2]
    with socket.create_connection(("127.0.0.1", int(port)), PATIENCE) as connection:
        assert connection.recv(5) == b"INFO "
        first.kill()
        assert first.wait(PATIENCE) == -signal.SIGKILL
        wait_for(run("-a", "127.0.0.1", "-p", port), "Server is ready")


def test_a_port_that_is_taken_is_fatal(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = run("-a", "127.0.0.1", "-p", str(taken.getsockname()[1]))
        fatal = wait_for(process, "[FTL]")[-1].lower()
        assert "error listening on port" in fatal
        assert "address already in use" in fatal
        assert process.wait(PATIENCE) == 1


def test_the_ports_file_and_the_pid_file(run: Run, tmp_path: Path) -> None:
    """nats.go's own suite and many others start servers like this."""
    pid_file = tmp_path / "pid"
    process = run(
        *("-a", "127.0.0.1", "-p", "-1", "-m", "-1"),
        *("--ports_file_dir", str(tmp_path), "-P", str(pid_file)),
    )

    def complete() -> list[Path]:
        assert process.poll() is None
        # nats-server writes it in place
        found = tmp_path.glob(f"*_{process.pid}.ports")
        return [path for path in found if path.read_text().rstrip().endswith("}")]

    wait_until(complete, "a ports file")
    found = complete()
    ports = json.loads(found[0].read_text())
    assert re.fullmatch(r"nats://127\.0\.0\.1:\d+", ports["nats"][0])
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", ports["monitoring"][0])
    assert pid_file.read_text() == str(process.pid)
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE) == 0
    assert not found[0].exists()


@pytest.mark.parametrize("by_file", [False, True])
def test_signals_by_the_program_itself(
    command: list[str], run: Run, tmp_path: Path, by_file: bool
) -> None:
    config, pid_file = tmp_path / "server.conf", tmp_path / "pid"
    config.write_text("ping_interval: 20\n")
    process = run("-a", "127.0.0.1", "-p", "-1", "-c", str(config), "-P", str(pid_file))
    wait_for(process, "Server is ready")
    target = str(pid_file) if by_file else str(process.pid)

    def send(name: str) -> int:
        sent = subprocess.run([*command, "--signal", f"{name}={target}"], timeout=PATIENCE)
        return sent.returncode

    config.write_text("ping_interval: 30\n")
    assert send("reload") == 0
    wait_for(process, "Reloaded server configuration")
    config.write_text("ping_interval: [\n")
    assert send("reload") == 0
    wait_for(process, "Failed to reload server configuration")
    assert send("quit") == 0
    wait_for(process, "Server Exiting..")
    assert process.wait(PATIENCE) == 0
    assert send("nonsense") == 1


def test_the_version(command: list[str]) -> None:
    """Harnesses compare this line word for word."""
    for flag in ("-v", "--version"):
        said = subprocess.run([*command, flag], capture_output=True, text=True, timeout=PATIENCE)
        assert re.fullmatch(r"nats-server: v\d+\.\d+\.\d+\n", said.stdout)
        assert said.returncode == 0


def test_a_wrong_configuration_is_not_started(command: list[str], tmp_path: Path) -> None:
    config = tmp_path / "server.conf"
    config.write_text("nonsense: true\n")
    for flags in (["-c", str(config)], ["-t", "-c", str(config)]):
        done = subprocess.run([*command, *flags], capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 1
        assert "nonsense" in done.stderr


def test_monitoring_answers_as_soon_as_it_is_ready(run: Run) -> None:
    """nats.py's suite waits for /varz, then connects at once, and does not try twice."""
    port, http = free_port(), free_port()
    process = run("-p", str(port), "-m", str(http), "-a", "127.0.0.1")
    deadline = time.monotonic() + PATIENCE
    while True:
        assert time.monotonic() < deadline
        assert process.poll() is None
        try:
            with socket.create_connection(("127.0.0.1", http), PATIENCE) as page:
                page.sendall(b"GET /varz HTTP/1.0\r\n\r\n")
                assert page.recv(15).startswith(b"HTTP/1.")
            break
        except ConnectionError:
            continue
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        assert connection.recv(5) == b"INFO "


def test_a_clean_environment_is_enough(command: list[str]) -> None:
    """No HOME, no user: as in a minimal container."""
    environment = {"PATH": os.environ["PATH"]}
    done = subprocess.run(
        [*command, "--version"], env=environment, capture_output=True, timeout=PATIENCE
    )
    assert done.returncode == 0
