"""The servers that are compared: what starts them, and one running instance."""

from __future__ import annotations

import contextlib
import os
import re
import resource
import shlex
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "RunningServer",
    "Server",
    "ServerFailed",
    "cluster_block",
    "configuration",
    "free_port",
    "our_servers",
    "pair",
    "parse_version",
    "peer_server",
    "running",
]

#: Slow machines and cold caches included; nothing useful starts later than that.
START_TIMEOUT = 30.0
#: Two thirds of a second is promised; lame ducks are not waited for.
STOP_TIMEOUT = 5.0
_POLL = 0.001


class ServerFailed(Exception):
    """A server did not start, or ended when it should not. Shown with the end of its log."""


@dataclass(frozen=True)
class Server:
    """A command that starts a NATS server and understands ``-c FILE``."""

    key: str
    label: str
    argv: tuple[str, ...]
    version: str
    #: the router backend of one of ours, ``""`` for a peer
    backend: str = ""
    ours: bool = False

    @property
    def shown(self) -> str:
        """The command for reports: where the program is on this machine helps nobody else."""
        return shlex.join([Path(self.argv[0]).name, *self.argv[1:]])


def parse_version(output: str) -> str:
    """The version in what ``--version`` printed: ``nats-server: v2.9.10`` is ``2.9.10``.

    This server also tells whose behaviour it follows; its own version is the one wanted.
    """
    lines = sorted(output.splitlines(), key=lambda line: not line.startswith("pubsub"))
    found = re.search(r"\bv?(\d+(?:\.\d+)+[^\s,;]*)", "\n".join(lines))
    return found.group(1) if found else "?"


def _ask_version(argv: Sequence[str]) -> str:
    try:
        done = subprocess.run(
            [*argv, "--version"], capture_output=True, text=True, timeout=START_TIMEOUT, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ServerFailed(f"{shlex.join(argv)} --version: {error}") from error
    return parse_version(done.stdout + done.stderr)


def our_servers(command: str, backends: Sequence[str]) -> list[Server]:
    """This server once per router backend; without backends the command as it is."""
    argv = tuple(shlex.split(command))
    version = _ask_version(argv)
    if not backends:
        return [Server("ours", f"ours {version}", argv, version, "native", ours=True)]
    return [
        Server(name, f"pubsub {name}", (*argv, "--router", name), version, name, ours=True)
        for name in backends
    ]


def peer_server(command: str) -> Server:
    """Another server, called by the name of its program and its version."""
    argv = tuple(shlex.split(command))
    version = _ask_version(argv)
    label = f"{Path(argv[0]).name} {version}"
    return Server(label.replace(" ", "-"), label, argv, version)


def configuration(port: int, tls: tuple[Path, Path] | None, more: str = "") -> str:
    """A configuration all servers understand; everything else is left at its default."""
    lines = ['host: "127.0.0.1"', f"port: {port}"]
    if tls:
        certificate, key = tls
        lines += ["tls {", f'  cert_file: "{certificate}"', f'  key_file: "{key}"', "}"]
    return "\n".join([*lines, more])


def cluster_block(port: int, other: int = 0) -> str:
    """What makes a server a member of a cluster; ``other`` is the port of one it looks for."""
    lines = ["cluster {", "  name: bench", '  host: "127.0.0.1"', f"  port: {port}"]
    if other:
        lines.append(f'  routes: ["nats://127.0.0.1:{other}"]')
    return "\n".join([*lines, "}", ""])


@contextlib.contextmanager
def pair(server: Server, directory: Path) -> Iterator[tuple[RunningServer, RunningServer]]:
    """Two of them, joined by a route.

    :raises ServerFailed: if one does not start.
    """
    ports = free_port(), free_port()
    far = directory / "far"
    far.mkdir(exist_ok=True)
    with (
        running(server, directory, more=cluster_block(ports[0])) as one,
        running(server, far, more=cluster_block(ports[1], ports[0])) as other,
    ):
        yield one, other


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _raise_file_limit() -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class RunningServer:
    """One process, in a session of its own so that it can be ended with its children."""

    def __init__(
        self, server: Server, directory: Path, tls: tuple[Path, Path] | None, more: str = ""
    ) -> None:
        self.server = server
        self.port = free_port()
        #: seconds from the start of the process to its first INFO
        self.ready_after = 0.0
        self._log = directory / f"{server.key}.log"
        config = directory / f"{server.key}.conf"
        config.write_text(configuration(self.port, tls, more))
        with self._log.open("wb") as log:
            self._started = time.monotonic()
            try:
                self._process = subprocess.Popen(
                    [*server.argv, "-c", str(config)],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except OSError as error:
                raise ServerFailed(f"{server.label}: {error}") from error

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def wait_ready(self) -> None:
        """Wait for the first INFO, and set :attr:`ready_after`.

        :raises ServerFailed: if it ends, or says nothing for too long.
        """
        while (waited := time.monotonic() - self._started) < START_TIMEOUT:
            if self._process.poll() is not None:
                raise ServerFailed(f"{self.server.label} ended\n{self.log_tail()}")
            try:
                with socket.create_connection(("127.0.0.1", self.port), START_TIMEOUT) as peer:
                    if peer.recv(4) == b"INFO":
                        self.ready_after = time.monotonic() - self._started
                        return
            except OSError:
                time.sleep(_POLL)
        raise ServerFailed(f"{self.server.label}: no INFO in {waited:.0f} s\n{self.log_tail()}")

    def log_tail(self) -> str:
        """The last lines it logged, indented."""
        lines = self._log.read_text(errors="replace").splitlines()[-8:]
        return "\n".join(f"    {line}" for line in lines)

    def ended(self) -> bool:
        """Whether the process is gone."""
        return self._process.poll() is not None

    def stop(self) -> None:
        """End it and what it started: politely, then not. Idempotent."""
        if self.ended():
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            # the session has the id of the process; it is gone when all are gone
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_TIMEOUT)
                return


@contextlib.contextmanager
def running(
    server: Server, directory: Path, tls: tuple[Path, Path] | None = None, more: str = ""
) -> Iterator[RunningServer]:
    """A ready server that is stopped at the end.

    :raises ServerFailed: if it does not start.
    """
    _raise_file_limit()
    instance = RunningServer(server, directory, tls, more)
    try:
        instance.wait_ready()
        yield instance
    finally:
        instance.stop()
