"""Does the load generator notice what goes wrong? ``python -m bench --self-test``."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import generator
from bench.faulty import FAULTS, HARMLESS
from bench.report import table

__all__ = ["run"]

_COMMANDS = {
    "1:1": ("flow", "--subscribers", "1"),
    "2:2": ("flow", "--publishers", "2", "--subscribers", "2"),
    # the relay takes its time for as many requests as it needs to spoil one
    "requests": ("requests", "--requesters", "4", "--seconds", "1.5"),
    "1:2, far": ("flow", "--subscribers", "2", "--far-port", "PORT"),
    "propagation": ("propagation", "--count", "2500", "--far-port", "PORT"),
}
_TIMES = ("--seconds", "0.2", "--warmup", "0.05")
_DEADLINE = 15.0


@contextmanager
def _relay(fault: str) -> Iterator[str]:
    command = [sys.executable, "-m", "bench.faulty", fault]
    here = Path(__file__).parent.parent
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=here)
    try:
        yield process.stdout.readline().strip() if process.stdout else ""
    finally:
        process.kill()
        process.communicate()


def _try(program: Path, arguments: tuple[str, ...], fault: str) -> str:
    """What the generator complained of, ``""`` if of nothing."""
    with _relay(fault) as port:
        what, *more = [port if text == "PORT" else text for text in arguments]
        command = [str(program), what, *_TIMES, "--port", port, *more]
        try:
            generator.converse(command, _DEADLINE, lambda: None)
        except generator.Failure as failure:
            return str(failure)
    return ""


def run(program: Path) -> bool:
    """Let every kind of run meet every fault; print what came of it. Whether all is well."""
    lines, well = [], True
    for fault in FAULTS:
        for name, arguments in _COMMANDS.items():
            complaint = _try(program, arguments, fault)
            right = bool(complaint) != (fault in HARMLESS)
            well = well and right
            verdict = "as it should" if right else "WRONG"
            lines.append([name, fault, verdict, complaint.partition(": MSG")[0][:60]])
    print(table(["run", "fault", "", "the generator says"], lines))
    return well
