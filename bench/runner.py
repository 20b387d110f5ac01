"""Runs rows on servers, interleaved."""

from __future__ import annotations

import resource
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bench import certificates, generator, procfs
from bench.measure import metrics_of
from bench.results import Results, ServerInfo
from bench.rows import Row
from bench.servers import RunningServer, Server, ServerFailed, running
from bench.systems import SYSTEMS, together
from bench.targets import TARGETS
from bench.timed import TIMED

__all__ = ["Listener", "Runner", "Settings", "compared", "participants", "rotated", "server_info"]

#: A server may take that long to read what sockets hold when the time is up, and more
#: for rows whose work is a number of things.
DRAIN_SECONDS = 60.0
#: Garbage collectors give memory back in steps; all servers get the same time for it.
SETTLE_SECONDS = 1.0
#: Descriptors a server or generator has open besides its connections, and then some.
SPARE_FILES = 256


@dataclass(frozen=True)
class Settings:
    """How long and how often. Seconds."""

    rounds: int = 5
    seconds: float = 2.0
    warmup: float = 0.5
    #: share of the connections and subscriptions of a row that are made
    scale: float = 1.0


class Listener(Protocol):
    """Is told how the runs go."""

    def run_started(self, row: Row, number: int, server: str) -> None:
        """Round ``number`` (from 0) of ``row`` starts on the server with this key."""

    def run_ended(self, row: Row, number: int, server: str, error: str) -> None:
        """It ended; ``error`` is empty if it counts."""


def participants(row: Row, servers: Sequence[Server]) -> list[Server]:
    """Those of the servers, single and mixed, that the row is measured on."""
    return [
        server
        for server in servers
        if (row.mixed or not server.members)
        and (not server.ours or not row.backends or server.backend in row.backends)
    ]


def participating(server: Server, rows: Sequence[Row]) -> list[Row]:
    """Those of the rows that are measured on the server."""
    return [row for row in rows if participants(row, [server])]


def compared(rows: Sequence[Row]) -> list[list[Row]]:
    """Each row, and with it those whose target is a share of its figures."""
    versus = {target.row: target.versus for target in TARGETS if target.versus}
    groups = {row.name: [row] for row in rows if versus.get(row.name) is None}
    for row in rows:
        if row.name not in groups:
            groups.setdefault(versus[row.name], []).append(row)
    return list(groups.values())


def rotated(servers: Sequence[Server], number: int) -> list[Server]:
    """The order of round ``number``: whoever was first is last in the next."""
    shift = number % len(servers) if servers else 0
    return [*servers[shift:], *servers[:shift]]


def server_info(server: Server) -> ServerInfo:
    """What the results keep of a server."""
    return ServerInfo(
        server.key,
        server.label,
        server.version,
        server.shown,
        server.ours,
        server.backend,
        tuple(member.key for member in server.members),
    )


class Runner:
    """Measures rows one after the other, each on all servers in turn, round by round.

    Rows that are compared to another one take turns with it, for the same reason.

    Every run gets a server of its own, started for it: memory is comparable, and no run
    inherits another one's garbage. Only one server, or one system of them, is alive at a time.
    """

    def __init__(
        self,
        servers: Sequence[Server],
        settings: Settings,
        program: Path,
        directory: Path,
        results: Results,
        listener: Listener,
    ) -> None:
        self._servers = servers
        self._settings = settings
        self._program = program
        self._directory = directory
        self._results = results
        self._listener = listener
        self._certificates: certificates.Certificates | None = None

    def run(self, rows: Sequence[Row]) -> None:
        """Measure them all. What fails is in ``results.failures``, and does not stop the rest."""
        for group in compared([row for row in rows if self._prepare(row)]):
            servers = [server for server in self._servers if participating(server, group)]
            for number in range(self._settings.rounds):
                for server in rotated(servers, number):
                    for row in participating(server, group):
                        self._run(row, number, server)

    def _prepare(self, row: Row) -> bool:
        """Whether it can be measured."""
        if row.tls and self._certificates is None:
            try:
                self._certificates = certificates.make(self._directory)
            except ImportError as error:
                self._results.skipped[row.name] = str(error)
                return False
        return True

    def _run(self, row: Row, number: int, server: Server) -> None:
        failures = self._results.failures.setdefault(row.name, {})
        if server.key in failures:
            return
        self._listener.run_started(row, number, server.key)
        error = ""
        try:
            figures = self._measure(row, server)
        except (generator.Failure, ServerFailed) as failure:
            error = f"round {number + 1}: {failure}"
            failures[server.key] = error
        else:
            runs = self._results.runs.setdefault(row.name, {})
            runs.setdefault(server.key, []).append(figures)
        self._listener.run_ended(row, number, server.key, error)

    def _command(self, row: Row, port: int) -> list[str]:
        command = [str(self._program), *row.arguments, "--port", str(port)]
        command += ["--seconds", str(self._settings.seconds)]
        command += ["--warmup", str(self._settings.warmup)]
        if row.count:
            command += ["--count", str(self._count(row))]
        if row.tls and self._certificates:
            command += ["--tls-ca", str(self._certificates.authority)]
        return command

    def _count(self, row: Row) -> int:
        count = max(100, round(row.count * self._settings.scale))
        # a figure for each connection is also right for as many as this machine allows
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1] - SPARE_FILES
        return min(count, most) if row.kind == "idle" else count

    def _measure(self, row: Row, server: Server) -> dict[str, float]:
        if row.kind in TIMED:
            return TIMED[row.kind](server, self._directory)
        if row.system:
            with together(server, SYSTEMS[row.system], self._directory) as members:
                listening = members if row.everywhere else members[1:]
                far = [text for one in listening for text in ("--far-port", str(one.port))]
                return self._converse(row, members, far)
        files = self._certificates if row.tls else None
        tls = (files.certificate, files.key) if files else None
        with running(server, self._directory, tls, row.config) as instance:
            return self._converse(row, [instance])

    def _converse(
        self, row: Row, members: Sequence[RunningServer], more: Sequence[str] = ()
    ) -> dict[str, float]:
        limit = self._settings.warmup + 2 * self._settings.seconds + DRAIN_SECONDS
        settle = SETTLE_SECONDS if row.count and not row.system else 0.0
        command = [*self._command(row, members[0].port), *more]

        def sample() -> procfs.Sample:
            return procfs.total([procfs.sample(member.pid) for member in members])

        try:
            done, before, after = generator.converse(command, limit, sample, settle)
        except generator.Failure as failure:
            tails = [f"\n{member.log_tail()}" for member in members if member.ended()]
            raise generator.Failure(f"{failure}{''.join(tails)}") from failure
        return metrics_of(row.kind, done, before, after)
