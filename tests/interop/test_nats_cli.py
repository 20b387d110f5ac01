"""The nats command: what an operator types works.

It is looked for in the environment variable NATS_CLI and on PATH
(``go install github.com/nats-io/natscli/nats@latest``).
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pubsub.testing.child import ChildServer
from tests.interop.conftest import program
from tests.patience import PATIENCE

pytestmark = pytest.mark.interop


class Commands:
    """The nats command, against one server."""

    def __init__(self, server: ChildServer, home: Path) -> None:
        self._command = [program("NATS_CLI", "nats"), "--server", server.url, "--timeout", "10s"]
        # its contexts and histories are not the user's
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("NATS_")},
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home),
            "NO_COLOR": "1",
        }
        self._started: list[subprocess.Popen[str]] = []

    def run(self, *args: str) -> str:
        """Run it to its end; what it said."""
        done = subprocess.run(
            [*self._command, *args],
            env=self._environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=PATIENCE,
        )  # fmt: skip
        output = done.stdout + done.stderr
        assert done.returncode == 0, output
        return output

    def start(self, *args: str, until: str) -> subprocess.Popen[str]:
        """Start it and wait for a line of its output."""
        process = subprocess.Popen(
            [*self._command, *args],
            env=self._environment, stdin=subprocess.DEVNULL, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self._started.append(process)
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if until in line:
                return process
        raise AssertionError("".join(lines))

    def close(self) -> None:
        """End what was started."""
        for process in self._started:
            process.kill()
            process.communicate()


@pytest.fixture
def cli(server: ChildServer, tmp_path: Path) -> Iterator[Commands]:
    """The command."""
    commands = Commands(server, tmp_path)
    yield commands
    commands.close()


def test_pub_and_sub(cli: Commands) -> None:
    subscriber = cli.start("sub", "cli.>", "--count", "2", until="Subscribing on")
    # the line is written before the server knows of it
    cli.run("rtt")
    cli.run("pub", "cli.a", "hello")
    cli.run("pub", "cli.b", "world", "--header", "Key:value")
    output, _ = subscriber.communicate(timeout=PATIENCE)
    assert re.search(r'Received on "cli\.a"\s+hello', output)
    assert re.search(r'Received on "cli\.b"\s+Key: value\s+world', output)


def test_request_and_reply(cli: Commands) -> None:
    cli.start("reply", "cli.help", "the answer", until="Listening on")
    cli.run("rtt")
    assert "the answer" in cli.run("request", "cli.help", "please")


def test_a_request_nobody_answers(cli: Commands) -> None:
    assert "No responders" in cli.run("request", "cli.nobody", "please")


def test_rtt(cli: Commands, server: ChildServer) -> None:
    assert f"nats://127.0.0.1:{server.port}" in cli.run("rtt", "3")


def test_server_check_connection(cli: Commands) -> None:
    output = cli.run("server", "check", "connection")
    assert output.startswith("OK Connection OK:connected to nats://127.0.0.1:")
    assert "OK:round trip took" in output


def test_account_info(cli: Commands, server: ChildServer) -> None:
    output = cli.run("account", "info")
    assert re.search(r"Client ID:\s+\d+", output)
    assert re.search(r"Headers Supported:\s+true", output)
    assert re.search(r"Maximum Payload:\s+1\.0 MiB", output)


def test_bench(cli: Commands) -> None:
    arguments = ("--msgs", "2000", "--size", "64", "--clients", "2", "--no-progress")
    output = cli.run("bench", "pub", "cli.bench", *arguments)
    assert "msgs/sec" in output
