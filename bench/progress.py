"""Says on standard error how far the benchmark is."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import TextIO

from bench.metrics import format_value
from bench.results import Results, ServerInfo
from bench.rows import Row
from bench.stats import spread

__all__ = ["Progress", "remaining", "row_line"]


def remaining(done: int, total: int, elapsed: float) -> str:
    """How long the rest will take, if the rest is like what was: ``"4 min 10 s"``."""
    if not done:
        return "?"
    seconds = round(elapsed / done * (total - done))
    return f"{seconds // 60} min {seconds % 60:02d} s" if seconds >= 60 else f"{seconds} s"


def _columns(results: Results, row: Row) -> list[ServerInfo]:
    """Who is measured in a row."""
    servers = [
        server
        for server in results.servers
        if not server.ours or not row.backends or server.backend in row.backends
    ]
    return servers + (results.mixed if row.mixed else [])


def row_line(results: Results, row: Row) -> str:
    """The current medians of a row's first metric."""
    parts = []
    for server in _columns(results, row):
        values = results.values(row.name, server.key, row.metrics[0])
        failed = server.key in results.failures.get(row.name, {})
        figure = format_value(row.metrics[0], spread(values).median) if values else "…"
        parts.append(f"{server.label} {'FAILED' if failed else figure}")
    return " | ".join(parts)


class Progress:
    """A :class:`bench.runner.Listener` with a line that moves, or plain lines in a log."""

    def __init__(
        self, results: Results, rows: Sequence[Row], rounds: int, stream: TextIO = sys.stderr
    ) -> None:
        self._results = results
        self._rounds = rounds
        self._total = rounds * sum(len(_columns(results, row)) for row in rows)
        self._done = 0
        self._started = time.monotonic()
        self._stream = stream
        self._moves = stream.isatty()

    def _show(self, text: str) -> None:
        if self._moves:
            self._stream.write(f"\r\x1b[K{text}")
            self._stream.flush()

    def run_started(self, row: Row, number: int, server: str) -> None:
        """Show row, round, server, medians so far and the time left."""
        left = remaining(self._done, self._total, time.monotonic() - self._started)
        place = f"[{self._done + 1}/{self._total}, {left} left]"
        self._show(f"{place} {row.name}, round {number + 1}: {row_line(self._results, row)}")

    def run_ended(self, row: Row, number: int, server: str, error: str) -> None:
        """Tell of a failure at once, and of a row's medians after its last round."""
        self._done += 1
        if error:
            # the runs of this server that will not take place
            self._done += self._rounds - number - 1
            self._line(f"FAILED: {row.name} on {server}: {error}")
        runs = self._results.runs.get(row.name, {})
        failed = self._results.failures.get(row.name, {})
        if all(
            server.key in failed or len(runs.get(server.key, [])) == self._rounds
            for server in _columns(self._results, row)
        ):
            self._line(f"{row.title}: {row_line(self._results, row)}")

    def _line(self, text: str) -> None:
        self._show("")
        self._stream.write(text + "\n")
        self._stream.flush()
