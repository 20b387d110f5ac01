"""Runs rows on servers, interleaved."""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bench import certificates, generator, procfs
from bench.measure import metrics_of
from bench.results import Results, ServerInfo
from bench.rows import Row
from bench.servers import Server, ServerFailed, pair, running

__all__ = ["Listener", "Runner", "Settings", "rotated", "server_info"]

#: A server may take that long to read what sockets hold when the time is up, and more
#: for rows whose work is a number of things.
DRAIN_SECONDS = 60.0
#: Garbage collectors give memory back in steps; all servers get the same time for it.
SETTLE_SECONDS = 1.0
#: Two servers of a cluster find each other in that time.
JOIN_SECONDS = 1.5
#: Starts per round in the start-up row, of which the median counts.
STARTS = 3
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
    )


class Runner:
    """Measures rows one after the other, each on all servers in turn, round by round.

    Every run gets a server of its own, started for it: memory is comparable, and no run
    inherits another one's garbage. Only one server is alive at a time.
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
        for row in rows:
            try:
                self._prepare(row)
            except ImportError as error:
                self._results.skipped[row.name] = str(error)
                continue
            for number in range(self._settings.rounds):
                for server in rotated(self._servers, number):
                    self._run(row, number, server)

    def _prepare(self, row: Row) -> None:
        if row.tls and self._certificates is None:
            self._certificates = certificates.make(self._directory)

    def _run(self, row: Row, number: int, server: Server) -> None:
        failures = self._results.failures.setdefault(row.name, {})
        if server.key in failures:
            return
        self._listener.run_started(row, number, server.key)
        error = ""
        try:
            figures = self._startup(server) if row.kind == "startup" else self._load(row, server)
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

    def _routed(self, row: Row, server: Server) -> dict[str, float]:
        limit = self._settings.warmup + 2 * self._settings.seconds + DRAIN_SECONDS
        with pair(server, self._directory) as (one, other):
            # they find each other after INFO
            time.sleep(JOIN_SECONDS)

            def both() -> procfs.Sample:
                return procfs.total(procfs.sample(one.pid), procfs.sample(other.pid))

            command = [*self._command(row, one.port), "--far-port", str(other.port)]
            done, before, after = generator.converse(command, limit, both, 0.0)
            return metrics_of(row.kind, done, before, after)

    def _load(self, row: Row, server: Server) -> dict[str, float]:
        if row.routed:
            return self._routed(row, server)
        files = self._certificates if row.tls else None
        tls = (files.certificate, files.key) if files else None
        limit = self._settings.warmup + 2 * self._settings.seconds + DRAIN_SECONDS
        settle = SETTLE_SECONDS if row.count else 0.0
        with running(server, self._directory, tls, row.config) as instance:
            try:
                done, before, after = generator.converse(
                    self._command(row, instance.port),
                    limit,
                    lambda: procfs.sample(instance.pid),
                    settle,
                )
            except generator.Failure as failure:
                tail = f"\n{instance.log_tail()}" if instance.ended() else ""
                raise generator.Failure(f"{failure}{tail}") from failure
            return metrics_of(row.kind, done, before, after)

    def _startup(self, server: Server) -> dict[str, float]:
        times = []
        for _ in range(STARTS):
            with running(server, self._directory) as instance:
                times.append(instance.ready_after)
                memory = procfs.sample(instance.pid)
        return {
            "ready": statistics.median(times),
            "rss": float(memory.rss),
            "hwm": float(memory.hwm),
        }
