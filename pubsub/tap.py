"""``twistd pubsub``: the options twistd asks for, and the service it runs.

The flags are those of ``pubsub-server``; what twistd has flags for itself (the reactor, the
log, being a daemon) is given before ``pubsub``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from twisted.application.service import IService
from twisted.logger import Logger
from twisted.python import usage

from pubsub.config.flags import Action, CommandLine, parse_command_line
from pubsub.config.help import usage as flags_help
from pubsub.errors import PubSubError

if TYPE_CHECKING:
    from pubsub.config.options import Options as ServerOptions

__all__ = ["Options", "makeService"]

PROGRAM = "twistd pubsub"

_log = Logger()


def _read_file(path: str) -> bytes:
    return Path(path).read_bytes()


class Options(usage.Options):
    """The command line behind ``twistd pubsub``.

    :ivar command_line: what it asks for, once :meth:`parseOptions` was called.
    """

    command_line: CommandLine

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Read the flags; print and exit if that is what they ask for.

        :raises twisted.python.usage.UsageError: they cannot be used.
        """
        try:
            self.command_line = parse_command_line(
                sys.argv[1:] if options is None else options, os.environ, _read_file
            )
        except PubSubError as error:
            raise usage.UsageError(str(error)) from error
        action = self.command_line.action
        if action is Action.SIGNAL:
            raise usage.UsageError("pubsub-server --signal sends signals, twistd does not")
        if action is not Action.RUN:
            sys.stdout.write(self.command_line.text)
            raise SystemExit(0)

    def getUsage(self, width: int | None = None) -> str:
        """What twistd shows below a usage error."""
        return flags_help(PROGRAM)

    __str__ = getUsage


def makeService(options: Options) -> IService:
    """The server that the command line asks for, as a service; SIGHUP and SIGUSR1/2 reach it.

    :raises SystemExit: the configuration cannot be used here; its text says why.
    """
    # The reactor is chosen by now; importing the server earlier would choose it.
    from pubsub.assembly.security import check_accounts
    from pubsub.service import PubSubService

    command_line = options.command_line

    def read_again() -> ServerOptions:
        loaded = command_line.load(_read_file, os.environ)
        check_accounts(loaded.options, loaded.places)
        return loaded.options

    for warning in command_line.warnings:
        _log.warn("{warning}", warning=warning)
    assert command_line.options is not None
    try:
        check_accounts(command_line.options, command_line.places)
        service = PubSubService(command_line.options, read_options=read_again)
    except PubSubError as error:
        # an operator reads one line, not twistd's traceback
        raise SystemExit(f"{PROGRAM}: {error}") from error
    service.handle_signals()
    return service
