"""Where log lines go: a stream, or a file that is rotated by size.

Rotation is nats-server's: once a line took the file over ``log_size_limit`` it is renamed
to ``<name>.YYYY.MM.DD.hh.mm.ss.nnnnnnnnn`` (local time) and a new file is begun; with
``logfile_max_num`` the oldest backups are removed so that so many files are left, the
current one included. Unlike there the new file is open before the old one is closed, so
a full or read-only disk costs no line: what cannot be written to the file goes to the
standard error stream instead, headed once by the reason.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from datetime import datetime
from typing import Protocol, TextIO

from pubsub.errors import go_quote
from pubsub.system.levels import Level

__all__ = ["Destination", "FileDestination", "StreamDestination"]

#: nats-server's permissions for new log files
_PERMISSIONS = 0o640
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
_STAMP = re.compile(r"\d{4}\.\d\d\.\d\d\.\d\d\.\d\d\.\d\d(?:\.\d{1,9})?\Z")

#: Renders a line of the log's own, such as "Rotated log, backup saved as …".
Render = Callable[[Level, str], str]


class Destination(Protocol):
    """Takes finished lines. Never raises: a log that cannot be written stops nobody."""

    def write(self, level: Level, line: str) -> None:
        """Write one line; its newline is added here."""

    def close(self) -> None:
        """Write what is left, let go of the file or socket. Idempotent."""


class StreamDestination:
    """Lines to a text stream, as a rule ``sys.stderr``, which it never closes."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, level: Level, line: str) -> None:
        """Write one line; nothing happens if the stream is gone."""
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        try:
            self._stream.write(line.encode(encoding, "backslashreplace").decode(encoding) + "\n")
            self._stream.flush()
        except (OSError, ValueError):
            # A closed pipe or terminal: there is nobody left to tell.
            return

    def close(self) -> None:
        """The stream is not ours to close."""


class FileDestination:
    """Lines to a file, which it opens at once.

    :param size_limit: bytes after which the file is rotated, 0 for never.
    :param max_files: files to keep, the current one included; 0 for all.
    :param fallback: takes the lines that the file cannot.
    :param now_ns: nanoseconds since the epoch; names the backups.
    :raises OSError: the file cannot be opened.
    """

    def __init__(
        self,
        path: str,
        render: Render,
        fallback: Destination,
        *,
        size_limit: int = 0,
        max_files: int = 0,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._path = path
        self._render = render
        self._fallback = fallback
        self._size_limit = self._limit = size_limit
        self._max_files = max_files
        self._now_ns = now_ns
        self._failing = False
        self._fd, self._size = _open(path)
        if size_limit and self._size > size_limit:
            self.write(Level.INF, render(Level.INF, "Rotating logfile..."))

    def write(self, level: Level, line: str) -> None:
        """Append one line, and rotate if that took the file over its limit."""
        self._append(level, line)
        if self._fd >= 0 and self._limit and self._size > self._limit:
            self._rotate()

    def close(self) -> None:
        """Close the file; further lines go to the fallback. Idempotent."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def _append(self, level: Level, line: str) -> None:
        left = (line + "\n").encode("utf-8", "backslashreplace")
        try:
            while left:
                written = os.write(self._fd, left)
                self._size += written
                left = left[written:]
        except OSError as error:
            self._fallback_for(level, line, error)
        else:
            self._failing = False

    def _fallback_for(self, level: Level, line: str, error: OSError) -> None:
        if not self._failing:  # Once for each time of trouble, not once a line.
            self._failing = True
            message = f"Unable to write to logfile {_quote(self._path)} ({error.strerror or error})"
            self._fallback.write(Level.ERR, self._render(Level.ERR, message))
        self._fallback.write(level, line)

    def _swap(self, fd: int, size: int) -> None:
        old, self._fd, self._size = self._fd, fd, size
        self._limit = self._size_limit
        os.close(old)

    def _rotate(self) -> None:
        backup = f"{self._path}.{_stamp(self._now_ns())}"
        try:
            os.rename(self._path, backup)
        except FileNotFoundError:
            # Somebody else moved it away: what is needed is a new file, not a backup.
            backup = ""
        except OSError as error:
            self._postpone(error)
            return
        try:
            fd, size = _open(self._path)
        except OSError as error:
            if backup:
                os.rename(backup, self._path)
            self._postpone(error)
            return
        self._swap(fd, size)
        if backup:
            self._say(Level.INF, f"Rotated log, backup saved as {_quote(backup)}")
        if self._max_files:
            self._purge()

    def _postpone(self, error: OSError) -> None:
        """Go on with the file as it is, and try again when it is twice as long."""
        self._limit = self._size * 2
        self._say(
            Level.ERR,
            f"Unable to rotate logfile ({error.strerror or error}), "
            f"will attempt next rotation at size {self._limit}",
        )

    def _say(self, level: Level, message: str) -> None:
        self._append(level, self._render(level, message))

    def _purge(self) -> None:
        folder, base = os.path.split(self._path)
        try:
            names = os.listdir(folder or ".")
        except OSError as error:
            self._say(
                Level.ERR,
                f"Unable to read directory {_quote(folder or '.')} for log purge "
                f"({error.strerror}), will attempt next rotation",
            )
            return
        # The names sort by the time that is in them: the oldest come first.
        backups = sorted(name for name in names if _is_backup(name, base))
        for name in backups[: max(len(backups) - (self._max_files - 1), 0)]:
            try:
                os.remove(os.path.join(folder, name))
            except OSError as error:
                self._say(
                    Level.ERR,
                    f"Unable to remove backup log file {_quote(name)} ({error.strerror}), "
                    "will attempt next rotation",
                )
                return
            self._say(Level.INF, f"Purged log file {_quote(name)}")


def _open(path: str) -> tuple[int, int]:
    fd = os.open(path, _FLAGS, _PERMISSIONS)
    return fd, os.fstat(fd).st_size


def _quote(text: str) -> str:
    return go_quote(os.fsencode(text))


def _stamp(now_ns: int) -> str:
    seconds, nanos = divmod(now_ns, 1_000_000_000)
    return f"{time.strftime('%Y.%m.%d.%H.%M.%S', time.localtime(seconds))}.{nanos:09d}"


def _is_backup(name: str, base: str) -> bool:
    stamp = name[len(base) + 1 :]
    if not name.startswith(base + ".") or not _STAMP.match(stamp):
        return False
    try:
        datetime.strptime(stamp[:19], "%Y.%m.%d.%H.%M.%S")
    except ValueError:
        return False
    return True
