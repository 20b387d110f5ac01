"""Builds the load generator and holds its conversation (see ``load/load.h``)."""

from __future__ import annotations

import json
import os
import select
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

__all__ = ["Failure", "GeneratorMissing", "build", "converse", "parse_line"]

_HERE = Path(__file__).parent
#: What the generator may take beyond the time it was given, before it is ended.
GRACE = 5.0

T = TypeVar("T")


class GeneratorMissing(Exception):
    """The generator could not be built: no compiler, or the compiler's own words."""


class Failure(Exception):
    """A run that does not count: something was lost, or refused, or took too long."""


def build(directory: Path = _HERE / "build") -> Path:
    """Compile what is out of date; the path of the program.

    :raises GeneratorMissing: if that fails.
    """
    command = ["make", "--silent", "-C", str(_HERE / "load"), f"BUILD={directory.resolve()}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GeneratorMissing(f"make: {error}") from error
    if done.returncode:
        raise GeneratorMissing(done.stderr.strip() or done.stdout.strip())
    return directory / "load"


def parse_line(line: str) -> tuple[str, dict[str, float]]:
    """``ready``, ``done`` and what was measured.

    :raises Failure: for ``failed`` lines and anything else.
    """
    word, _, text = line.partition(" ")
    try:
        fields = json.loads(text)
    except ValueError:
        raise Failure(f"the generator said {line!r}") from None
    if word == "failed":
        raise Failure(str(fields.get("error", "no reason given")))
    if word not in ("ready", "done") or not isinstance(fields, dict):
        raise Failure(f"the generator said {line!r}")
    return word, fields


class _Lines:
    """Lines of a pipe, each within a time."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._held = b""

    def next(self, seconds: float) -> str:
        end = time.monotonic() + seconds
        while b"\n" not in self._held:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self._fd], [], [], left)[0]:
                raise Failure(f"nothing from the generator for {seconds:.0f} s")
            data = os.read(self._fd, 65536)
            if not data:
                raise Failure("the generator ended without a word")
            self._held += data
        line, _, self._held = self._held.partition(b"\n")
        return line.decode(errors="replace")


def converse(
    command: Sequence[str], seconds: float, sample: Callable[[], T], settle: float = 0.0
) -> tuple[dict[str, float], T, T]:
    """Run the generator once: what it measured, and ``sample()`` before and after.

    ``settle`` is waited before the second sample, with all connections still open.

    :raises Failure: see the class.
    """
    deadline = [*command, "--deadline", f"{seconds:.0f}"]
    process = subprocess.Popen(deadline, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    if process.stdin is None or process.stdout is None:
        raise Failure("no pipes to the generator")
    lines = _Lines(process.stdout.fileno())
    try:
        parse_line(lines.next(seconds + GRACE))
        before = sample()
        process.stdin.write(b"go\n")
        process.stdin.flush()
        _, done = parse_line(lines.next(seconds + GRACE))
        if settle:
            time.sleep(settle)
        after = sample()
        process.stdin.close()
        process.wait(GRACE)
        return done, before, after
    except (BrokenPipeError, subprocess.TimeoutExpired) as error:
        raise Failure(f"the generator: {error}") from error
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
