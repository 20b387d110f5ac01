"""The console script ``pubsub-server``: nats-server's command line, executed."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from pubsub._version import NATS_VERSION, VERSION
from pubsub.config.flags import PROGRAM, Action, CommandLine, parse_command_line
from pubsub.config.help import usage
from pubsub.config.signaling import find_processes, send_signal
from pubsub.errors import PubSubError, UsageError

__all__ = ["main", "read_file"]


def read_file(path: str) -> bytes:
    """The content of a file; raises OSError."""
    return Path(path).read_bytes()


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line asks for; the exit code."""
    try:
        command_line = parse_command_line(
            sys.argv[1:] if argv is None else argv, os.environ, read_file
        )
        return _execute(command_line)
    except UsageError as error:
        sys.stderr.write(f"{error}\n{usage(PROGRAM)}")
    except PubSubError as error:
        sys.stderr.write(f"{PROGRAM}: {error}\n")
    return 1


def _execute(command_line: CommandLine) -> int:
    if command_line.action is Action.RUN:
        return _run(command_line)
    if command_line.action is Action.SIGNAL:
        send_signal(
            command_line.signal,
            command_line.pid,
            PROGRAM,
            read_file=read_file,
            find=lambda: find_processes(PROGRAM),
        )
    elif command_line.action is Action.TEST:
        _try(command_line)
        sys.stderr.write(command_line.text)
    else:
        sys.stdout.write(command_line.text)
        sys.stdout.flush()
    if command_line.action is Action.VERSION:
        # Harnesses compare what nats-server prints word for word, so our own goes elsewhere.
        sys.stderr.write(f"{PROGRAM}: v{VERSION}, behaves as nats-server {NATS_VERSION}\n")
    return 0


def _try(command_line: CommandLine) -> None:
    """What ``-t`` can find out beyond the file: would what it names work?

    :raises PubSubError: it would not.
    """
    from pubsub.assembly.security import check_accounts
    from pubsub.auth.discovery import check_authenticators
    from pubsub.hooks.discovery import check_hooks
    from pubsub.router.choose import choose_backend
    from pubsub.router.mappings import AccountMapper
    from pubsub.transport.certificates import load_authorities, load_pairs

    options = command_line.options
    assert options is not None
    choose_backend(options.router)
    AccountMapper(options.mappings)
    check_accounts(options, command_line.places)
    check_authenticators(options)
    check_hooks(options.hooks)
    if options.tls is not None:
        load_pairs(options.tls)
        if options.tls.ca_file:
            load_authorities(options.tls.ca_file)


def _run(command_line: CommandLine) -> int:
    for warning in command_line.warnings:
        sys.stderr.write(f"{warning}\n")
    # Only now: help, version and signals need no reactor and no server.
    from pubsub.service import run

    assert command_line.options is not None
    return run(command_line.options, command_line)


if __name__ == "__main__":
    sys.exit(main())
