"""One event becomes one line (or, for failures, a line and a traceback).

Text is nats-server's, to the character::

    [1234] 2026/08/21 14:50:11.123456 [INF] Server is ready

JSON has the same facts and the event's own fields (``cid``, ``account``, ``subject``…),
one object a line, ``time`` in RFC 3339.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any, Protocol

from twisted.logger import formatEvent
from twisted.python.failure import Failure

from pubsub.system.levels import Level
from pubsub.system.redaction import REDACTED, is_secret_name, redact

__all__ = [
    "BareFormat",
    "Format",
    "JsonFormat",
    "TextFormat",
    "message_of",
    "summary_of",
    "traceback_of",
]

#: ANSI colours of nats-server's labels
_COLOURS = {
    Level.INF: "32",
    Level.DBG: "36",
    Level.WRN: "0;93",
    Level.ERR: "31",
    Level.FTL: "31",
    Level.TRC: "33",
}
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")
_ESCAPES = {"\n": "\\n", "\r": "\\r"}

#: what the event dictionary holds for Twisted's sake, not as fields
_NOT_FIELDS = frozenset(
    {"time", "system", "message", "isError", "format", "printed", "failure", "why", "logLevel"}
    | {"trace", "debugInfo", "log"}
)
_FIXED = frozenset({"level", "pid", "logger", "error", "traceback"})


class Format(Protocol):
    """How events look as lines. Lines come without their newline."""

    def line(self, level: Level, event: Mapping[str, Any], pid: int) -> str:
        """The line of one event."""

    def traceback(self, level: Level, event: Mapping[str, Any], pid: int) -> list[str]:
        """The lines of its traceback, if they are not in the first line already."""

    def render(self, level: Level, message: str, when: float, pid: int) -> str:
        """A line from its parts; ``when`` in epoch seconds."""


def message_of(event: Mapping[str, Any]) -> str:
    """The event's text, secrets blanked; a failure is summed up behind it."""
    text = formatEvent(dict(event))
    failure = event.get("log_failure")
    if isinstance(failure, Failure):
        if not text and event.get("log_namespace") == "twisted.internet.defer":
            text = "Unhandled error in Deferred"
        summary = summary_of(failure)
        text = f"{text}: {summary}" if text else summary
    return redact(text)


def summary_of(failure: Failure) -> str:
    """``module.Error: its text (file.py:12 in function)``: enough to find the place."""
    name = getattr(failure.type, "__qualname__", str(failure.type))
    module = getattr(failure.type, "__module__", "builtins")
    if module != "builtins":
        name = f"{module}.{name}"
    said = failure.getErrorMessage()
    summary = f"{name}: {said}" if said else name
    if not failure.frames:
        return summary
    function, file, line = failure.frames[-1][:3]
    return f"{summary} ({file}:{line} in {function})"


def traceback_of(event: Mapping[str, Any]) -> list[str]:
    """The lines of the event's traceback, secrets blanked; none if it has no failure."""
    failure = event.get("log_failure")
    if not isinstance(failure, Failure):
        return []
    return redact(failure.getTraceback()).splitlines()


def _one_line(text: str) -> str:
    return _CONTROL.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    char = match[0]
    return _ESCAPES.get(char) or (f"\\x{ord(char):02x}" if char < "\u0100" else repr(char)[1:-1])


class TextFormat:
    """nats-server's lines.

    :param logtime: begin with date and time.
    :param utc: in UTC, not in local time.
    :param colours: colour the label (for terminals).
    """

    def __init__(self, *, logtime: bool = True, utc: bool = False, colours: bool = False) -> None:
        self._logtime = logtime
        self._split = time.gmtime if utc else time.localtime
        self._second = -1
        self._stamp = ""
        self._labels = {
            level: f"[\x1b[{colour}m{level.name}\x1b[0m] " if colours else f"[{level.name}] "
            for level, colour in _COLOURS.items()
        }

    def line(self, level: Level, event: Mapping[str, Any], pid: int) -> str:
        """The line of one event, without its newline."""
        return self.render(level, message_of(event), event.get("log_time", 0.0), pid)

    def traceback(self, level: Level, event: Mapping[str, Any], pid: int) -> list[str]:
        """The traceback of the event as lines of the log, each with its own prefix."""
        when = event.get("log_time", 0.0)
        return [self.render(level, text, when, pid) for text in traceback_of(event)]

    def render(self, level: Level, message: str, when: float, pid: int) -> str:
        """A line from its parts; ``when`` in epoch seconds.

        Control characters are escaped: what a peer sends must not forge lines of its own,
        nor drive the terminal of whoever reads them.
        """
        message = _one_line(message)
        if not self._logtime:
            return f"[{pid}] {self._labels[level]}{message}"
        second = math.floor(when)
        if second != self._second:  # Most lines share their second with the one before.
            self._second = second
            self._stamp = time.strftime("%Y/%m/%d %H:%M:%S", self._split(second))
        micros = min(int((when - second) * 1_000_000), 999_999)
        return f"[{pid}] {self._stamp}.{micros:06d} {self._labels[level]}{message}"


class BareFormat:
    """The message alone, for syslog, which says when and who by itself."""

    def line(self, level: Level, event: Mapping[str, Any], pid: int) -> str:
        """The line of one event."""
        return _one_line(message_of(event))

    def traceback(self, level: Level, event: Mapping[str, Any], pid: int) -> list[str]:
        """The traceback of the event, line by line."""
        return [_one_line(text) for text in traceback_of(event)]

    def render(self, level: Level, message: str, when: float, pid: int) -> str:
        """The message."""
        return _one_line(message)


class JsonFormat:
    """One JSON object a line, for machines.

    ``time`` (unless ``logtime`` is off), ``level``, ``pid``, ``message``, ``logger``, then
    the fields of the event; failures add ``error`` and ``traceback``.
    """

    def __init__(self, *, logtime: bool = True, utc: bool = False) -> None:
        self._logtime = logtime
        self._utc = utc

    def line(self, level: Level, event: Mapping[str, Any], pid: int) -> str:
        """The line of one event, without its newline."""
        record = self._record(level, message_of(event), event.get("log_time", 0.0), pid)
        if event.get("log_namespace"):
            record["logger"] = event["log_namespace"]
        for name, value in event.items():
            if not name.startswith("log_") and name not in _NOT_FIELDS:
                _add_field(record, name, value)
        failure = event.get("log_failure")
        if isinstance(failure, Failure):
            record["error"] = redact(summary_of(failure))
            record["traceback"] = "\n".join(traceback_of(event))
        return _dumps(record)

    def traceback(self, level: Level, event: Mapping[str, Any], pid: int) -> list[str]:
        """Nothing: the record of the failure holds it already."""
        return []

    def render(self, level: Level, message: str, when: float, pid: int) -> str:
        """A line from its parts; ``when`` in epoch seconds."""
        return _dumps(self._record(level, message, when, pid))

    def _record(self, level: Level, message: str, when: float, pid: int) -> dict[str, Any]:
        record: dict[str, Any] = {}
        if self._logtime:
            record["time"] = self._rfc3339(when)
        record.update(level=level.name, pid=pid, message=message)
        return record

    def _rfc3339(self, when: float) -> str:
        moment = datetime.fromtimestamp(when, timezone.utc)
        if self._utc:
            return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return moment.astimezone().isoformat(timespec="microseconds")


def _add_field(record: dict[str, Any], name: str, value: object) -> None:
    """Add one field of the event, if JSON can show it; the fixed names stay what they are."""
    if is_secret_name(name):
        shown: object = REDACTED
    else:
        shown = _plain(value)
        if shown is _OBJECT:
            return
    record[f"_{name}" if name in record or name in _FIXED else name] = shown


_OBJECT = object()


def _plain(value: object) -> object:
    """``value`` as JSON has it; :data:`_OBJECT` for live objects, which say nothing there."""
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, (bytes, bytearray)):
        return redact(bytes(value).decode("utf-8", "backslashreplace"))
    if isinstance(value, BaseException):
        return redact(str(value))
    if isinstance(value, (list, tuple, set, frozenset)):
        items = [_plain(item) for item in value]
        return [item for item in items if item is not _OBJECT]
    return _OBJECT


def _dumps(record: Mapping[str, Any]) -> str:
    return json.dumps(record, separators=(",", ":"), ensure_ascii=False).translate(_LINE_ENDS)


#: JSON allows these in strings, but many readers take them for line ends.
_LINE_ENDS = {0x85: "\\u0085", 0x2028: "\\u2028", 0x2029: "\\u2029"}
