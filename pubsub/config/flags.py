"""The command line: nats-server's flags, read as Go reads flags.

``-name`` and ``--name`` are the same; ``--name=value`` and ``--name value`` are, too, except
that a boolean takes its value only behind ``=``. Flags end at the first word that is none.
Which flags there are is in the table; how they look in ``--help`` is made from it.

:func:`parse_command_line` decides what the program shall do and does nothing itself; whoever
calls it (:mod:`pubsub.main`, :mod:`pubsub.tap`) executes the :class:`CommandLine` it returns.
"""

from __future__ import annotations

import difflib
import enum
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from pubsub._version import NATS_VERSION
from pubsub.config.build import Loaded, configure
from pubsub.config.help import tls_usage, usage
from pubsub.config.options import Options
from pubsub.config.parser import ReadFile
from pubsub.config.places import Places
from pubsub.config.row import Option, ValueKind
from pubsub.config.special_cluster import FLAGS
from pubsub.config.table import flagged
from pubsub.errors import ConfigError, InvalidOption, UnsupportedOption, UsageError, go_quote

__all__ = ["PROGRAM", "Action", "CommandLine", "parse_command_line"]

#: The name of the console script, and what messages begin with.
PROGRAM = "pubsub-server"


class Action(enum.Enum):
    """What the command line asks for."""

    RUN = "run"
    HELP = "help"
    HELP_TLS = "help_tls"
    VERSION = "version"
    TEST = "test"
    SIGNAL = "signal"


@dataclass(frozen=True)
class CommandLine:
    """What to do.

    :ivar action: RUN a server with ``options``; TEST: they are right, say ``text``; SIGNAL: send
        ``signal`` to ``pid``; the others: print ``text``.
    :ivar options: for RUN and TEST.
    :ivar warnings: to be printed or logged, one line each.
    :ivar text: with its last newline.
    :ivar signal: a command: stop, quit, term, reopen, reload, ldm, or one we do not know.
    :ivar pid: what stood behind ``=``: a PID, the path of a PID file, ``12*``, ``*`` or ``""``.
    :ivar places: where everything stands in the file, for checks of several options.
    """

    action: Action
    options: Options | None = None
    warnings: tuple[str, ...] = ()
    text: str = ""
    signal: str = ""
    pid: str = ""
    config_file: str = ""
    #: the settings that flags made, which win over the file at every reload
    settings: Mapping[str, object] = field(default_factory=dict, repr=False)
    places: Places = field(default_factory=Places, repr=False, compare=False)

    def load(self, read_file: ReadFile, environ: Mapping[str, str]) -> Loaded:
        """Read the configuration file again and lay the flags over it.

        :raises ConfigError: the file is wrong; what runs may go on with what it has.
        """
        return configure(
            path=self.config_file, read_file=read_file, environ=environ, flags=self.settings
        )


#: The flags that only print, in the order in which they win.
_TEXTS: dict[str, tuple[Action, Callable[[], str]]] = {
    "version": (Action.VERSION, lambda: f"nats-server: v{NATS_VERSION}\n"),
    "help": (Action.HELP, lambda: usage(PROGRAM)),
    "help_tls": (Action.HELP_TLS, lambda: tls_usage(PROGRAM)),
}


def parse_command_line(
    argv: Sequence[str], environ: Mapping[str, str], read_file: ReadFile
) -> CommandLine:
    """What ``argv`` (without the program's name) asks for.

    :param read_file: reads the configuration file and what it includes.
    :raises UsageError: the flags cannot be read; show the usage with it.
    :raises ConfigError: they can, and something is wrong with them or the file.
    """
    given, words = _split(argv)
    values = {path: value for path, (_, value) in given.items()}
    asked = next((name for name in _TEXTS if values.get(name)), None)
    if asked is None and words:
        asked = words[0].lower()
        if asked not in ("version", "help"):
            raise ConfigError(f"unrecognized command: {_quoted(words[0])}")
    if asked is not None:
        action, make_text = _TEXTS[asked]
        return CommandLine(action, text=make_text())
    if values.get("signal"):
        return _signal(str(values["signal"]))
    path = str(values.get("config_file", ""))
    settings = _settings(given)
    if values.get("test") and not path:
        raise ConfigError("must specify [-c, --config] option to check configuration file syntax")
    loaded = configure(path=path, read_file=read_file, environ=environ, flags=settings)
    if not values.get("test"):
        return CommandLine(
            Action.RUN,
            loaded.options,
            loaded.warnings,
            config_file=path,
            settings=settings,
            places=loaded.places,
        )
    if loaded.warnings:
        raise ConfigError("\n".join(loaded.warnings))
    digest = loaded.options.config_digest
    text = f"{PROGRAM}: configuration file {path} is valid ({digest})\n"
    return CommandLine(
        Action.TEST,
        loaded.options,
        text=text,
        config_file=path,
        settings=settings,
        places=loaded.places,
    )


# reading flags


def _split(argv: Sequence[str]) -> tuple[dict[str, tuple[str, object]], list[str]]:
    """The flags and their values by the path of their row, and the words that are no flags."""
    rows = flagged()
    given: dict[str, tuple[str, object]] = {}
    words = list(argv)
    while words and len(words[0]) > 1 and words[0].startswith("-"):
        word = words.pop(0)
        if word == "--":
            break
        name, equals, text = word[2 if word.startswith("--") else 1 :].partition("=")
        if not name or name.startswith("-"):
            raise UsageError(f"bad flag syntax: {word}")
        row = rows.get(name)
        if row is None:
            close = difflib.get_close_matches(name, rows, n=1)
            meant = f"; did you mean -{close[0]}?" if close else ""
            raise UsageError(f"flag provided but not defined: -{name}{meant}")
        if _is_switch(row):
            given[row.path] = (name, _boolean(name, text) if equals else True)
            continue
        if not equals:
            if not words:
                raise UsageError(f"flag needs an argument: -{name}")
            text = words.pop(0)
        given[row.path] = (name, _value(row, name, text))
    return given, words


def _quoted(text: str) -> str:
    return go_quote(text.encode("utf-8", "surrogateescape"))


def _is_switch(row: Option) -> bool:
    return row.flag is not None and not row.flag.argument


_TRUE = ("1", "t", "T", "TRUE", "true", "True")
_FALSE = ("0", "f", "F", "FALSE", "false", "False")


def _boolean(name: str, text: str) -> bool:
    if text not in _TRUE and text not in _FALSE:
        quoted = _quoted(text)
        raise UsageError(f"invalid boolean value {quoted} for -{name}: parse error")
    return text in _TRUE


def _value(row: Option, name: str, text: str) -> object:
    if row.kind not in (ValueKind.PORT, ValueKind.INTEGER, ValueKind.SIZE):
        return text
    quoted = _quoted(text)
    # Go reads a leading 0 as octal, which Python only does when told
    digits = re.sub(r"^([+-]?)0([0-7_]+)$", r"\g<1>0o\2", text)
    try:
        number = int(digits, 0)
    except ValueError:
        raise UsageError(f"invalid value {quoted} for flag -{name}: parse error") from None
    if not -(2**63) <= number < 2**63:
        raise UsageError(f"invalid value {quoted} for flag -{name}: value out of range")
    return number


# from flags to settings

#: What the combined switches set, in the order in which they win.
_COMBINED = (
    ("debug_and_trace", ("debug", "trace")),
    ("debug_and_verbose_trace", ("debug", "trace", "trace_verbose")),
    ("verbose_trace", ("trace", "trace_verbose")),
)


def _settings(given: Mapping[str, tuple[str, object]]) -> dict[str, object]:
    """The settings that flags make.

    :raises UnsupportedOption: a flag asks for a feature that is not built yet.
    :raises InvalidOption: a value the option cannot have.
    """
    rows = {row.path: row for row in flagged().values()}
    settings: dict[str, object] = {}
    for path, (name, value) in given.items():
        row = rows[path]
        if row.unsupported and value:
            raise UnsupportedOption(
                f"-{name}: {row.unsupported} is not supported yet by this server"
            )
        if row.stored_as is not None and row.parent != "tls":
            settings[row.stored_as] = _ranged(row, value)
    cluster = {FLAGS[path]: value for path, (_, value) in given.items() if path in FLAGS}
    if cluster:
        settings["cluster.flags"] = cluster
    for path, switched in _COMBINED:
        if path in given:
            settings.update(dict.fromkeys(switched, given[path][1]))
    if "host" in settings or "port" in settings:
        settings["dont_listen"] = False
    settings.update(_tls_settings({path: value for path, (_, value) in given.items()}))
    return settings


def _ranged(row: Option, value: object) -> object:
    if row.kind is ValueKind.PORT and isinstance(value, int) and not -1 <= value <= 65535:
        raise InvalidOption(f"{row.name} must be a port from 0 to 65535, or -1, not {value}")
    if row.choices and value not in row.choices:
        raise InvalidOption(f"{row.name} must be {' or '.join(row.choices)}, not {value}")
    return value


#: What of a file's tls block does not survive TLS from the command line.
_REPLACED_TLS: dict[str, object] = {
    "tls.certs": (),
    "tls.cipher_suites": (),
    "tls.curve_preferences": (),
    "tls.min_version": "",
    "tls.insecure": False,
}


def _tls_settings(values: Mapping[str, object]) -> dict[str, object]:
    """``--tls=false`` turns TLS off; any other flag of TLS needs certificate and key."""
    given = [path for path in values if path == "tls" or path.startswith("tls.")]
    if not given:
        return {}
    if values.get("tls") is False:
        return {"tls": False}
    if not values.get("tls.cert_file"):
        raise ConfigError("TLS Server certificate must be present and valid: add --tlscert FILE")
    if not values.get("tls.key_file"):
        raise ConfigError("TLS Server private key must be present and valid: add --tlskey FILE")
    return {
        "tls": True,
        **_REPLACED_TLS,
        "tls.cert_file": values["tls.cert_file"],
        "tls.key_file": values["tls.key_file"],
        "tls.ca_file": values.get("tls.ca_file", ""),
        "tls.verify": values.get("tls.verify", False),
    }


def _signal(text: str) -> CommandLine:
    parts = text.split("=")
    if len(parts) > 2:
        raise ConfigError(f"invalid signal parameters: [{' '.join(parts[2:])}]")
    return CommandLine(Action.SIGNAL, signal=parts[0], pid=parts[1] if len(parts) > 1 else "")
