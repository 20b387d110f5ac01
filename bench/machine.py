"""Describes the machine a result was measured on."""

from __future__ import annotations

import datetime as dt
import os
import platform
import re
from importlib import metadata
from pathlib import Path

__all__ = ["cpu_model", "describe", "memory_bytes", "one_line"]


def cpu_model(cpuinfo: str) -> str:
    """The processor's name in the text of ``/proc/cpuinfo``; the architecture if it has none."""
    found = re.search(r"^(?:model name|Model|cpu model)\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    return found.group(1).strip() if found else platform.machine()


def memory_bytes(meminfo: str) -> int:
    """MemTotal in the text of ``/proc/meminfo``, 0 if it is not there."""
    found = re.search(r"^MemTotal:\s+(\d+) kB$", meminfo, re.MULTILINE)
    return 1024 * int(found.group(1)) if found else 0


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ""


def describe() -> dict[str, str | int | float]:
    """CPU, cores, memory, kernel, Python and libraries, date, and how busy it was."""
    return {
        "cpu": cpu_model(_read("/proc/cpuinfo")),
        "cores": len(os.sched_getaffinity(0)),
        "memory": memory_bytes(_read("/proc/meminfo")),
        "kernel": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "twisted": _version("Twisted"),
        "date": dt.datetime.now(dt.timezone.utc).isoformat(timespec="seconds"),
        "load_before": round(os.getloadavg()[0], 2),
    }


def one_line(machine: dict[str, str | int | float]) -> str:
    """The description as a sentence under a table."""
    gigabytes = int(machine.get("memory", 0)) / 2**30
    return (
        f"{machine['cpu']}, {machine['cores']} cores, {gigabytes:.0f} GiB, "
        f"{machine['kernel']}, {machine['python']}, {str(machine['date'])[:10]}"
    )
