"""The server's log: a ``twisted.logger`` observer that writes what nats-server writes.

Everything in this package logs with ``twisted.logger``; this observer decides what is
shown (:mod:`pubsub.system.levels`), how (:mod:`pubsub.system.log_format`) and where
(:mod:`pubsub.system.log_file`, :mod:`pubsub.system.syslog`). The place is the first that
is configured, as in nats-server: ``log_file``, ``remote_syslog``, ``syslog``, standard error.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TextIO

from twisted.logger import (
    ILogObserver,
    LogBeginner,
    Logger,
    LogLevel,
    globalLogBeginner,
)
from zope.interface import implementer

from pubsub.errors import InvalidOption
from pubsub.system.levels import Level, level_of
from pubsub.system.log_file import Destination, FileDestination, StreamDestination
from pubsub.system.log_format import BareFormat, Format, JsonFormat, TextFormat
from pubsub.system.syslog import LOCAL, SyslogDestination, parse_remote_syslog

__all__ = ["LogSettings", "ServerLog"]


@dataclass(frozen=True)
class LogSettings:
    """The logging options, under nats-server's names."""

    debug: bool = False
    trace: bool = False
    logtime: bool = True
    logtime_utc: bool = False
    log_file: str = ""
    #: ``text`` or ``json``
    log_format: str = "text"
    #: bytes, 0 for no rotation
    log_size_limit: int = 0
    #: files kept, the current one included; 0 for all
    logfile_max_num: int = 0
    syslog: bool = False
    remote_syslog: str = ""

    @classmethod
    def from_options(cls, options: Any) -> LogSettings:
        """The logging part of :class:`pubsub.config.options.Options`."""
        names = cls.__dataclass_fields__
        return cls(**{name: getattr(options, name) for name in names})

    def unusable(self, error: OSError) -> InvalidOption:
        """What to tell who configured a log that cannot be opened."""
        where = self.log_file or self.remote_syslog or "syslog"
        return InvalidOption(f"error opening the log {where}: {error.strerror or error}")


@implementer(ILogObserver)
class ServerLog:
    """The observer. It starts to work with :meth:`begin`, or wherever it is added.

    :param settings: what to show, and where.
    :param stderr: used when nothing else is configured, and for what the log itself
        has to complain about.
    :param program: the tag in syslog lines.
    :raises OSError: the file cannot be opened, or there is no such syslog.
    :raises pubsub.errors.InvalidOption: ``remote_syslog`` cannot be understood.
    """

    _log = Logger()
    _destination: Destination

    def __init__(
        self, settings: LogSettings, *, stderr: TextIO | None = None, program: str = ""
    ) -> None:
        self._stderr = StreamDestination(sys.stderr if stderr is None else stderr)
        self._colours = _is_terminal(sys.stderr if stderr is None else stderr)
        self._program = program or os.path.basename(sys.argv[0]) or "pubsub-server"
        self._closed = False
        self._use(settings, *self._open(settings))

    @property
    def settings(self) -> LogSettings:
        """What it shows, and where; change it with :meth:`reconfigure`."""
        return self._settings

    def __call__(self, event: Mapping[str, Any]) -> None:
        """Write one event, if its level is on."""
        # First the question that costs least: debug events are many, and mostly off.
        if self._quiet and event.get("log_level") is LogLevel.debug:
            return
        level = level_of(event)
        if level in self._hidden:
            return
        pid = os.getpid()  # Not kept: daemonizing changes it.
        self._destination.write(level, self._format.line(level, event, pid))
        if "log_failure" in event and Level.DBG not in self._hidden:
            for line in self._format.traceback(Level.DBG, event, pid):
                self._destination.write(Level.DBG, line)

    def begin(self, beginner: LogBeginner = globalLogBeginner) -> None:
        """Write everything that is logged in this process, from its start on.

        For programs of our own. Under ``twistd`` and inside other applications the
        observer is added to what they have.
        """
        beginner.beginLoggingTo([self], redirectStandardIO=False)

    def reconfigure(self, settings: LogSettings) -> None:
        """Use other settings (after a reload). If that fails, the old ones stay in use.

        :raises OSError: the new file or syslog cannot be opened.
        :raises pubsub.errors.InvalidOption: ``remote_syslog`` cannot be understood.
        """
        opened = self._open(settings)
        old = self._destination
        self._use(settings, *opened)
        old.close()

    def reopen(self) -> None:
        """Begin the log file anew after it was moved away (SIGUSR1)."""
        if not self._settings.log_file:
            self._log.info("File log re-open ignored, not a file logger")
            return
        try:
            self.reconfigure(self._settings)
        except OSError as error:
            self._log.error(
                "Unable to re-open the logfile: {reason}", reason=error.strerror or error
            )
            return
        self._log.info("File log re-opened")

    def close(self) -> None:
        """Let go of the file or socket; what is still logged goes to standard error."""
        if not self._closed:
            self._closed = True
            old = self._destination
            self._destination = self._stderr
            self._format = self._plain(self._settings)
            old.close()

    def _use(self, settings: LogSettings, destination: Destination, style: Format) -> None:
        self._settings = settings
        self._destination = destination
        self._format = style
        off = {Level.DBG: not settings.debug, Level.TRC: not settings.trace}
        self._hidden = frozenset(level for level, is_off in off.items() if is_off)
        self._quiet = not (settings.debug or settings.trace)

    def _open(self, settings: LogSettings) -> tuple[Destination, Format]:
        plain = self._plain(settings)
        if settings.log_file:
            file = FileDestination(
                settings.log_file,
                lambda level, message: plain.render(level, message, time.time(), os.getpid()),
                self._stderr,
                size_limit=settings.log_size_limit,
                max_files=settings.logfile_max_num,
            )
            return file, plain
        if settings.remote_syslog or settings.syslog:
            remote = settings.remote_syslog
            address = parse_remote_syslog(remote) if remote else LOCAL
            destination = SyslogDestination(address, self._program, self._stderr)
            return destination, plain if settings.log_format == "json" else BareFormat()
        return self._stderr, self._plain(settings, colours=self._colours)

    def _plain(self, settings: LogSettings, *, colours: bool = False) -> Format:
        if settings.log_format == "json":
            return JsonFormat(logtime=settings.logtime, utc=settings.logtime_utc)
        return TextFormat(logtime=settings.logtime, utc=settings.logtime_utc, colours=colours)


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:  # closed
        return False
