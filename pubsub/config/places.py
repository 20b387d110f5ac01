"""Where everything stands in a configuration file, for complaints that come later.

The values of :class:`~pubsub.config.options.Options` do not know where they were written; that
is here, by the path of the option. So a check that needs several of them, as that of an import
against the exports of another account, can still say file, line and column.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from pubsub.config.parser import Token
from pubsub.config.row import NESTING
from pubsub.config.table import children
from pubsub.errors import InvalidOption

__all__ = ["Path", "Place", "Places", "find_places"]

#: ``("accounts", "A", "imports", 0)``: names of options as the table has them (never an alias),
#: names the user chose as they are, places in lists from 0.
Path = tuple[str | int, ...]


class Place(NamedTuple):
    """A position. Line and column count from 1."""

    file: str
    line: int
    column: int


class Places:
    """The positions by path."""

    def __init__(self, places: Mapping[Path, Place] | None = None) -> None:
        self._places = places or {}

    def find(self, path: Path) -> Place | None:
        """Where it stands, ``None`` if in no file: a default, a flag, a program."""
        return self._places.get(path)

    def error(self, message: str, *paths: Path | str) -> InvalidOption:
        """A complaint at the first of ``paths`` that was written in a file.

        :param paths: ``"a.b"`` is ``("a", "b")``.
        """
        for path in paths:
            place = self.find(tuple(path.split(NESTING)) if isinstance(path, str) else path)
            if place is not None:
                return InvalidOption(message, place.file, place.line, place.column)
        return InvalidOption(message)


def find_places(entries: Mapping[str, Token]) -> Places:
    """The positions of all entries of a file, those inside of blocks and lists, too."""
    places: dict[Path, Place] = {}
    _walk(entries, (), "", places)
    return Places(places)


def _walk(entries: Mapping[str, Token], above: Path, block: str, places: dict[Path, Place]) -> None:
    rows = children(block)
    chosen = rows.get("*")
    for key, token in entries.items():
        row = rows.get(key.lower())
        if chosen is not None:
            _enter(token, (*above, key), chosen.path, places)
        elif row is not None:
            _enter(token, (*above, row.name), row.path, places)


def _enter(token: Token, path: Path, block: str, places: dict[Path, Place]) -> None:
    places[path] = Place(token.file, token.line, token.column)
    if isinstance(token.value, dict):
        _walk(token.value, path, block, places)
    elif isinstance(token.value, list):
        for index, element in enumerate(token.value):
            _enter(element, (*path, index), block, places)
