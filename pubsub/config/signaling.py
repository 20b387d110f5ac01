"""``--signal``: find a running server and tell it something.

Texts and order of checks are those of nats-server's ``signal.go``.
"""

from __future__ import annotations

import errno
import os
import re
import signal
from collections.abc import Callable, Iterable, Sequence

from pubsub.config.parser import ReadFile
from pubsub.errors import SignalNotSent

__all__ = ["find_processes", "send_signal"]

#: By name: not every system has all of them.
_SIGNALS = {
    "stop": "SIGKILL",
    "quit": "SIGINT",
    "term": "SIGTERM",
    "reopen": "SIGUSR1",
    "reload": "SIGHUP",
    "ldm": "SIGUSR2",
}

#: What ``python -m`` is given instead of the console script.
_MODULE = "pubsub.main"

_PID = re.compile(r"[+-]?[0-9]{1,18}")


def send_signal(
    command: str,
    expression: str,
    program: str,
    *,
    read_file: ReadFile,
    find: Callable[[], Sequence[int]],
    kill: Callable[[int, int], object] = os.kill,
) -> None:
    """Send what ``command`` stands for.

    :param expression: a PID, the path of a PID file, the start of PIDs followed by ``*``, ``*``
        for all, ``""`` for the only one that runs.
    :param find: the PIDs of the servers that run here, ours excluded.
    :raises SignalNotSent: nobody, or not everybody, got it.
    """
    expression = _read_pid_file(expression, read_file)
    prefix = expression.removesuffix("*")
    is_glob = expression.endswith("*")
    if prefix and not _PID.fullmatch(prefix):
        raise SignalNotSent(f"invalid pid: {prefix}")
    pids = list(find()) if not prefix or is_glob else [int(prefix)]
    if len(pids) > 1 and not is_glob:
        listed = "".join(f"\n{pid}" for pid in pids)
        raise SignalNotSent(f"multiple {program} processes running:{listed}")
    if not pids:
        raise SignalNotSent(f"no {program} processes running")
    number = getattr(signal, _SIGNALS.get(command, ""), None)
    if number is None:
        raise SignalNotSent(f'unknown signal "{command}"')
    failures = []
    for pid in pids:
        if is_glob and not str(pid).startswith(prefix):
            continue
        try:
            kill(pid, number)
        except OSError as error:
            failures.append(f'signal "{command}" {pid}: {_reason(error)}')
    if failures:
        raise SignalNotSent("\n".join(failures))


def _reason(error: OSError) -> str:
    if error.errno == errno.EPERM:
        return "operation not permitted"
    return (error.strerror or str(error)).lower()


def _read_pid_file(expression: str, read_file: ReadFile) -> str:
    """The content of a file of that name, or the text itself."""
    if not expression or expression == "*":
        return expression
    try:
        return read_file(expression).decode("ascii", "replace").strip()
    except OSError:
        return expression


def find_processes(program: str, proc: str = "/proc") -> list[int]:
    """The PIDs of the processes that run ``program``, without our own.

    :param program: the name of the console script.
    :raises SignalNotSent: this system has no ``/proc`` to look in.
    """
    try:
        entries = os.listdir(proc)
    except OSError:
        raise SignalNotSent("unable to resolve pid, try providing one") from None
    pids = sorted(int(entry) for entry in entries if entry.isdigit())
    return [
        pid
        for pid in pids
        if pid != os.getpid() and _runs(program, _arguments(f"{proc}/{pid}/cmdline"))
    ]


def _arguments(path: str) -> Sequence[str]:
    try:
        with open(path, "rb") as file:
            return file.read().decode("utf-8", "replace").split("\0")
    except OSError:
        # it has ended meanwhile, or is not ours to look at
        return ()


def _runs(program: str, arguments: Iterable[str]) -> bool:
    """Whether a command line is the program, or an interpreter that was given it."""
    for position, argument in enumerate(arguments):
        if os.path.basename(argument) in (program, _MODULE):
            return True
        # an interpreter and its own switches may stand before the script
        if position and not argument.startswith("-"):
            return False
    return False
