"""How much CPU and memory this process uses, without help from outside the standard library."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from pubsub.monitor.state import ProcessUsage

__all__ = ["CpuMeter", "UsageMeter", "peak_rss", "rss_of"]

_STATM = Path("/proc/self/statm")
#: Shorter spans say more about the request itself than about the server.
_SHORTEST_SPAN = 1.0


class CpuMeter:
    """Percent of one core, since it was last asked.

    nats-server takes a sample every second of its life. This one works when somebody
    looks, so that an idle server stays asleep; those who poll get the mean between polls.

    :param monotonic: seconds.
    :param cpu_seconds: CPU time of this process.
    """

    def __init__(
        self,
        monotonic: Callable[[], float] = time.monotonic,
        cpu_seconds: Callable[[], float] = time.process_time,
    ) -> None:
        self._monotonic = monotonic
        self._cpu_seconds = cpu_seconds
        self._then = monotonic()
        self._used = cpu_seconds()
        self._percent = 0.0

    def percent(self) -> float:
        """With one decimal. Asked again within a second, it says the same again."""
        now = self._monotonic()
        span = now - self._then
        if span >= _SHORTEST_SPAN:
            used = self._cpu_seconds()
            self._percent = round((used - self._used) / span * 100, 1)
            self._then, self._used = now, used
        return self._percent


class UsageMeter:
    """All of :class:`ProcessUsage`, by calling it."""

    def __init__(self, cpu: CpuMeter | None = None, statm: Path = _STATM) -> None:
        self._cpu = cpu or CpuMeter()
        self._statm = statm

    def __call__(self) -> ProcessUsage:
        """What the process uses now."""
        try:
            rss = rss_of(self._statm.read_text(), os.sysconf("SC_PAGE_SIZE"))
        except (OSError, ValueError):
            rss = peak_rss()
        return ProcessUsage(self._cpu.percent(), rss, os.cpu_count() or 1)


def rss_of(statm: str, page_size: int) -> int:
    """Resident bytes, from the text of ``/proc/<pid>/statm``.

    :raises ValueError: it is not such a text.
    """
    fields = statm.split()
    if len(fields) < 2:
        raise ValueError(f"not a statm line: {statm!r}")
    return int(fields[1]) * page_size


def peak_rss() -> int:
    """The most this process ever had resident, where the current figure is not to be had."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
