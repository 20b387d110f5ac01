"""The shape of a row in the table of options."""

from __future__ import annotations

import enum
from dataclasses import dataclass

__all__ = ["NESTING", "Flag", "Option", "ValueKind"]

#: Between the names of a path; ``*`` stands for names the user chooses (accounts, subjects).
NESTING = "."


class ValueKind(enum.Enum):
    """What may be written behind a key. The values are words of the documentation."""

    STRING = "string"
    BOOL = "boolean"
    INTEGER = "integer"
    SIZE = "size"
    PORT = "port"
    #: a Go duration; a bare number is seconds, with a warning
    DURATION = "duration"
    #: a Go duration, nothing else
    STRICT_DURATION = "duration string"
    #: a number of seconds, or a Go duration
    SECONDS = "seconds or duration"
    ADDRESS = "port or host:port"
    STRINGS = "string or list of strings"
    CHOICE = "one of"
    MAP = "map"
    LIST = "list of maps"
    #: a block whose keys are rows of their own
    BLOCK = "block"
    #: anything: handed on as it is
    ANY = "any"
    #: a flag that makes the program do something else than run a server
    ACTION = "action"


@dataclass(frozen=True)
class Flag:
    """How an option is written on the command line. Go's flags: ``-name`` is ``--name``."""

    #: without dashes, in the order --help shows them
    names: tuple[str, ...]
    #: ``"<port>"``; ``""`` for a flag that needs no value
    argument: str = ""
    #: the heading in --help
    group: str = "Server"
    #: instead of the option's description
    description: str = ""


@dataclass(frozen=True)
class Option:
    """One option: everything the parser, --help, the documentation and reload know of it."""

    #: ``"port"``, ``"tls.cert_file"``, ``"accounts.*.users.user"``
    path: str
    kind: ValueKind
    #: one line, ending without a full stop
    description: str
    #: other names for the last part of the path
    aliases: tuple[str, ...] = ()
    #: only for rows without an attribute of Options, which has it otherwise
    default: object = None
    #: bytes, seconds, percent…
    unit: str = ""
    #: the release of nats-server that brought it, where we know it; ``"pubsub 0.1"`` for our own
    since: str = ""
    reloadable: bool = False
    #: the feature that is not built yet, ``""`` for a supported option
    unsupported: str = ""
    flag: Flag | None = None
    #: never shown in logs, JSON or error messages
    secret: bool = False
    #: for CHOICE
    choices: tuple[str, ...] = ()
    minimum: int | None = None
    maximum: int | None = None
    #: 0 and "" mean the default, as in nats-server
    zero_is_default: bool = False
    #: where Options keeps it, if not under the last part of the path; ``None``: nowhere;
    #: ``".users"``: at the top of Options
    attribute: str | None = ""
    #: nats-server's own name, used in the text of a refused reload
    go_name: str = ""

    @property
    def name(self) -> str:
        """The last part of the path: the key as it is written in a file."""
        return self.path.rpartition(NESTING)[2]

    @property
    def parent(self) -> str:
        """The path of the block it is in, ``""`` at the top."""
        return self.path.rpartition(NESTING)[0]

    @property
    def names(self) -> tuple[str, ...]:
        """All keys it answers to, in lower case."""
        return (self.name, *self.aliases)

    @property
    def stored_as(self) -> str | None:
        """The path of its attribute in Options, ``None`` if it has none."""
        if self.attribute is None or self.unsupported:
            return None
        if not self.attribute and self.kind in _WITHOUT_ATTRIBUTE:
            return None
        if self.attribute.startswith(NESTING):
            return self.attribute[1:]
        name = self.attribute or self.name
        return f"{self.parent}{NESTING}{name}" if self.parent else name


#: unless the row says which
_WITHOUT_ATTRIBUTE = frozenset({ValueKind.ACTION, ValueKind.BLOCK})
