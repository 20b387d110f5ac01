"""What every reader of a block needs: its rows, and a list of all that is wrong with it.

A reader takes a token and a row and puts what it read into the settings; readers of options
whose meaning is more than a value are registered in :mod:`pubsub.config.special`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import fields
from typing import Any

from pubsub.config.parser import Token
from pubsub.config.row import NESTING, Option
from pubsub.config.table import TABLE, children, suggestion
from pubsub.config.values import Warn, invalid
from pubsub.errors import ConfigError, ConfigErrors, UnknownOption, UnsupportedOption

__all__ = [
    "Problems",
    "Read",
    "Settings",
    "entries",
    "given",
    "list_of",
    "map_of",
    "unsupported",
]

#: Values by the path of their attribute: ``port``, ``tls.cert_file``, and ``tls`` itself:
#: whether there is a tls block.
Settings = MutableMapping[str, object]

#: A reader. It raises ConfigError, or ConfigErrors when it found several things.
Read = Callable[[Option, Token, Settings, Warn], None]

#: What turns a feature off is no reason to refuse a configuration: it is off.
_OFF = (False, 0, "disabled", "disable")

_STORED = {row.stored_as: row for row in TABLE if row.stored_as is not None}

_UNKNOWN = 'unknown field "{key}"'


class Problems:
    """Complaints, told at the end: whoever mends a file wants to see all of them."""

    def __init__(self) -> None:
        self._errors: list[ConfigError] = []

    def add(self, error: ConfigError) -> None:
        """One more, or several in one."""
        self._errors += error.errors if isinstance(error, ConfigErrors) else (error,)

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Whatever is wrong in here is added, and what follows it goes on."""
        try:
            yield
        except ConfigError as error:
            self.add(error)

    def __bool__(self) -> bool:
        return bool(self._errors)

    def raise_all(self) -> None:
        """All there is to complain about.

        :raises ConfigError: or ConfigErrors, if there is anything.
        """
        if len(self._errors) == 1:
            raise self._errors[0]
        if self._errors:
            raise ConfigErrors(self._errors)


def entries(
    path: str,
    token: Token,
    problems: Problems,
    unknown: str = _UNKNOWN,
    warn: Warn | None = None,
) -> Iterator[tuple[Option, str, Token]]:
    """The row, the key as it is written and the token of each entry of a block.

    :param path: of the block in the table.
    :param token: its value must be a map.
    :param unknown: nats-server's text for a key it does not know, with ``{key}``.
    :param warn: where nats-server does not look for other keys, they are no errors: warn of them.
    """
    assert isinstance(token.value, dict)
    rows = children(path)
    for key, element in token.value.items():
        row = rows.get(key.lower())
        if row is None:
            message = unknown.replace("{key}", key) + suggestion(key, path)
            if warn is not None:
                warn(element, message)
            elif not element.used_variable:
                problems.add(UnknownOption(message, element.file, element.line, element.column))
        elif not row.unsupported:
            yield row, key, element
        elif not _is_off(element):
            problems.add(unsupported(row, key, element))


def unsupported(row: Option, key: str, token: Token) -> UnsupportedOption:
    """An option whose feature is not built is used."""
    message = f"{key}: {row.unsupported} is not supported yet by this server"
    return UnsupportedOption(message, token.file, token.line, token.column)


def _is_off(token: Token) -> bool:
    return not isinstance(token.value, (dict, list)) and token.value in _OFF


def map_of(token: Token, complaint: str) -> dict[str, Token]:
    """The value, which must be a map.

    :raises InvalidOption: with this complaint.
    """
    if not isinstance(token.value, dict):
        raise invalid(complaint, token)
    return token.value


def list_of(token: Token, complaint: str) -> list[Token]:
    """The value, which must be a list.

    :raises InvalidOption: with this complaint.
    """
    if not isinstance(token.value, list):
        raise invalid(complaint, token)
    return token.value


def given(settings: Mapping[str, object], prefix: str, options: type[Any]) -> dict[str, Any]:
    """The settings of one dataclass, without those that ask for the default.

    :param prefix: of their paths, ``""`` for Options itself.
    """
    found = {}
    for field in fields(options):
        stored = f"{prefix}{NESTING}{field.name}" if prefix else field.name
        if stored not in settings:
            continue
        row = _STORED.get(stored)
        if row is not None and row.zero_is_default and not settings[stored]:
            continue
        found[field.name] = settings[stored]
    return found
