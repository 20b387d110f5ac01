"""CPU time and memory of a process and its children, read from ``/proc``."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ProcessStat", "Sample", "parse_stat", "parse_status", "sample", "total"]

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class ProcessStat:
    """A line of ``/proc/PID/stat``, as far as it is needed."""

    pid: int
    parent: int
    #: its own threads and the children it has waited for, user and system
    cpu_ticks: int


@dataclass(frozen=True)
class Sample:
    """What a process and its descendants have used so far. Bytes."""

    cpu_seconds: float
    rss: int
    hwm: int


def total(samples: Sequence[Sample]) -> Sample:
    """What some processes have used together."""
    return Sample(
        sum(one.cpu_seconds for one in samples),
        sum(one.rss for one in samples),
        sum(one.hwm for one in samples),
    )


def parse_stat(text: str) -> ProcessStat:
    """The fields of one ``/proc/PID/stat`` (proc(5)); the name may hold spaces and brackets."""
    head, _, tail = text.rpartition(")")
    fields = tail.split()
    # after the name: state, ppid, …; utime, stime, cutime, cstime are fields 14 to 17
    return ProcessStat(int(head.split("(", 1)[0]), int(fields[1]), sum(map(int, fields[11:15])))


def parse_status(text: str) -> tuple[int, int]:
    """VmRSS and VmHWM of one ``/proc/PID/status`` in bytes; 0 for a process without memory."""
    found = dict(re.findall(r"^(VmRSS|VmHWM):\s+(\d+) kB$", text, re.MULTILINE))
    return 1024 * int(found.get("VmRSS", 0)), 1024 * int(found.get("VmHWM", 0))


def _stats(proc: Path) -> dict[int, ProcessStat]:
    stats = {}
    for entry in proc.iterdir():
        if entry.name.isdigit():
            try:
                stat = parse_stat((entry / "stat").read_text())
            except (OSError, ValueError, IndexError):
                continue  # it ended while we looked
            stats[stat.pid] = stat
    return stats


def _family(pid: int, stats: dict[int, ProcessStat]) -> list[int]:
    family = [pid] if pid in stats else []
    for member in family:
        family.extend(stat.pid for stat in stats.values() if stat.parent == member)
    return family


def sample(pid: int, proc: Path = Path("/proc")) -> Sample:
    """What ``pid`` and all its descendants have used. Zeros if it is gone."""
    stats = _stats(proc)
    ticks = rss = hwm = 0
    for member in _family(pid, stats):
        ticks += stats[member].cpu_ticks
        try:
            one_rss, one_hwm = parse_status((proc / str(member) / "status").read_text())
        except OSError:
            continue
        rss += one_rss
        hwm += one_hwm
    return Sample(ticks / _TICKS, rss, hwm)
