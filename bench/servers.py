"""The servers that are compared: what starts them, and one running instance."""

from __future__ import annotations

import contextlib
import os
import random
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
    "configuration",
    "free_ports",
    "mixed_servers",
    "our_servers",
    "parse_version",
    "peer_server",
    "raise_file_limit",
    "running",
]

#: Slow machines and cold caches included; nothing useful starts later than that.
START_TIMEOUT = 30.0
#: Two thirds of a second is promised; lame ducks are not waited for.
STOP_TIMEOUT = 5.0
_POLL = 0.001
#: Where free ports are looked for: below those that connections get, see ip(7).
_LOWEST_PORT, _ATTEMPTS = 10_240, 1000
_PORT_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


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
    #: who are the members of a system of different servers, in turn
    members: tuple[Server, ...] = ()

    def member(self, number: int) -> Server:
        """Who is the member with this number (from 0) where servers form a system."""
        return self.members[number % len(self.members)] if self.members else self

    @property
    def shown(self) -> str:
        """The command for reports: where the program is on this machine helps nobody else."""
        if self.members:
            return " and ".join(member.shown for member in self.members)
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


def mixed_servers(servers: Sequence[Server]) -> list[Server]:
    """Our native backend with each peer, in both orders."""
    ours = next((server for server in servers if server.backend == "native"), None)
    peers = [server for server in servers if not server.ours]
    pairs = [pair for peer in peers for pair in ((ours, peer), (peer, ours))] if ours else []
    return [
        Server(
            "+".join(member.key for member in pair),
            " → ".join(member.backend or member.label for member in pair),
            (),
            "",
            members=pair,
        )
        for pair in pairs
    ]


def configuration(port: int, tls: tuple[Path, Path] | None, more: str = "") -> str:
    """A configuration all servers understand; everything else is left at its default."""
    lines = ['host: "127.0.0.1"', f"port: {port}"]
    if tls:
        certificate, key = tls
        lines += ["tls {", f'  cert_file: "{certificate}"', f'  key_file: "{key}"', "}"]
    return "\n".join([*lines, more])


def free_ports(count: int) -> list[int]:
    """As many different ones, that no outgoing connection takes before they are listened to.

    :raises ServerFailed: if there are not so many.
    """
    try:
        highest = int(_PORT_RANGE.read_text().split()[0])
    except (OSError, ValueError):
        highest = 32_768
    ports: list[int] = []
    for port in random.sample(range(_LOWEST_PORT, max(highest, _LOWEST_PORT + 9999)), _ATTEMPTS):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            ports.append(port)
        if len(ports) == count:
            return ports
    raise ServerFailed(f"there are no {count} free ports")


def raise_file_limit() -> None:
    """Let servers have as many connections as this machine allows."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class RunningServer:
    """One process, in a session of its own so that it can be ended with its children."""

    def __init__(
        self,
        server: Server,
        directory: Path,
        tls: tuple[Path, Path] | None = None,
        more: str = "",
        port: int = 0,
    ) -> None:
        self.server = server
        self.port = port or free_ports(1)[0]
        #: seconds from the start of the process to its first INFO
        self.ready_after = 0.0
        self._log = directory / f"{server.key}.log"
        config = directory / f"{server.key}.conf"
        config.write_text(configuration(self.port, tls, more))
        with self._log.open("wb") as log:
            #: when, by the monotonic clock
            self.started = time.monotonic()
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
        while (waited := time.monotonic() - self.started) < START_TIMEOUT:
            if self._process.poll() is not None:
                raise ServerFailed(f"{self.server.label} ended\n{self.log_tail()}")
            try:
                with socket.create_connection(("127.0.0.1", self.port), START_TIMEOUT) as peer:
                    if peer.recv(4) == b"INFO":
                        self.ready_after = time.monotonic() - self.started
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

    def kill(self) -> None:
        """End it and what it started, at once. Idempotent."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait(STOP_TIMEOUT)

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
    raise_file_limit()
    instance = RunningServer(server, directory, tls, more)
    try:
        instance.wait_ready()
        yield instance
    finally:
        instance.stop()
