"""From items to values: variables, includes, numbers with suffixes.

Sans-IO: files are read by a callable and the environment is a mapping, both given by the
caller. The result is a map of :class:`Token`; each remembers where it was written, so that
every later complaint about it can say so.

The rules of variables are nats-server's: ``$NAME`` is the value of the key ``NAME`` seen
before in this file, in the innermost enclosing map that has it; else the environment
variable, read as a value of this language; ``$2a$…`` is a bcrypt string and no variable.
An included file sees the environment, not the keys of the file that includes it.
"""

from __future__ import annotations

import math
import os.path
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import NoReturn, Union

from pubsub.config.lexer import Item, Kind, Lexer
from pubsub.errors import ConfigError, ConfigSyntaxError

__all__ = ["ReadFile", "Token", "Value", "parse", "parse_file", "plain"]

#: Reads a file as bytes; raises OSError.
ReadFile = Callable[[str], bytes]

Value = Union[str, bool, int, float, datetime, "list[Token]", "dict[str, Token]"]

#: Includes inside each other. A chain this long is a mistake, and an include that comes
#: round to itself by another name (a link) must end somewhere.
MAX_INCLUDES = 32

#: bcrypt strings may be written without quotes although they begin with a ``$``.
_BCRYPT = ("2a$", "2b$", "2y$")

_INTEGER = re.compile(r"(-?[0-9]+)([a-z]*)")
_POWERS = {"k": 1, "m": 2, "g": 3, "t": 4, "p": 5, "e": 6}
_LARGEST = 2**63 - 1
#: More digits than a 64-bit number has, and so few that int() is quick.
_MANY_DIGITS = 30


class Token:
    """A value and where it was written.

    :ivar value: str, bool, int, float, an aware datetime, or a list or dict of tokens.
    :ivar file: the path of its file, ``"$NAME"`` inside an environment variable.
    :ivar line: where its key is, or itself in an array; from 1.
    :ivar column: the same.
    :ivar used_variable: a ``$`` reference names it: its key need not be an option.
    """

    __slots__ = ("column", "file", "line", "used_variable", "value")

    def __init__(self, value: Value, file: str = "", line: int = 0, column: int = 0) -> None:
        self.value = value
        self.file = file
        self.line = line
        self.column = column
        self.used_variable = False

    def __repr__(self) -> str:
        return f"Token({self.value!r}, {self.file!r}, {self.line}, {self.column})"


def parse(
    text: str,
    file: str = "",
    *,
    read_file: ReadFile | None = None,
    environ: Mapping[str, str] | None = None,
) -> dict[str, Token]:
    """The entries of a configuration text.

    :param file: its path, for messages and as the base of its includes.
    :param read_file: reads included files; without it an include is an error.
    :param environ: environment variables.
    :raises ConfigError: with the position; ConfigSyntaxError if the text itself is wrong.
    """
    including = (os.path.normpath(file),) if file else ()
    return _Parser(text, file, read_file, environ or {}, including, frozenset()).parse()


def parse_file(
    path: str, read_file: ReadFile, environ: Mapping[str, str] | None = None
) -> dict[str, Token]:
    """The entries of the configuration file at ``path``.

    :raises ConfigError: also when it cannot be read.
    """
    try:
        raw = read_file(path)
    except OSError as error:
        raise ConfigError(f"open {path}: {_reason(error)}") from error
    return parse(_decoded(raw), path, read_file=read_file, environ=environ)


def plain(value: Value | Token) -> object:
    """The value without positions: str, bool, int, float, datetime, list, dict."""
    if isinstance(value, Token):
        value = value.value
    if isinstance(value, dict):
        return {key: plain(token) for key, token in value.items()}
    if isinstance(value, list):
        return [plain(token) for token in value]
    return value


class _Parser:
    """Builds the map of one text. Containers and pending keys are stacks, as in the lexer."""

    def __init__(
        self,
        text: str,
        file: str,
        read_file: ReadFile | None,
        environ: Mapping[str, str],
        including: tuple[str, ...],
        references: frozenset[str],
    ) -> None:
        self._lexer = Lexer(text, file)
        self._file = file
        self._read_file = read_file
        self._environ = environ
        self._including = including
        self._references = references
        self._containers: list[dict[str, Token] | list[Token]] = []
        self._starts: list[Item] = []
        self._keys: list[Item] = []

    def parse(self) -> dict[str, Token]:
        entries: dict[str, Token] = {}
        self._containers.append(entries)
        for item in self._lexer.items():
            self._handle(item)
        return entries

    def _handle(self, item: Item) -> None:
        if item.kind is Kind.KEY:
            self._keys.append(item)
        elif item.kind is Kind.MAP_START:
            self._open({}, item)
        elif item.kind is Kind.ARRAY_START:
            self._open([], item)
        elif item.kind in (Kind.MAP_END, Kind.ARRAY_END):
            self._add(self._containers.pop(), self._starts.pop())
        elif item.kind is Kind.INCLUDE:
            self._include(item)
        elif item.kind is not Kind.END:
            self._add(self._scalar(item), item)

    def _fail(self, message: str, item: Item) -> NoReturn:
        raise ConfigSyntaxError(message, self._file, item.line, item.column)

    def _open(self, container: dict[str, Token] | list[Token], item: Item) -> None:
        self._containers.append(container)
        self._starts.append(item)

    def _add(self, value: Value, item: Item) -> None:
        container = self._containers[-1]
        if isinstance(container, list):
            container.append(Token(value, self._file, item.line, item.column))
        else:
            key = self._keys.pop()
            container[key.text] = Token(value, self._file, key.line, key.column)

    # scalars

    def _scalar(self, item: Item) -> Value:
        if item.kind is Kind.BOOL:
            return item.text in ("true", "yes", "on")
        if item.kind is Kind.INTEGER:
            return self._integer(item)
        if item.kind is Kind.FLOAT:
            return self._float(item)
        if item.kind is Kind.DATETIME:
            return self._datetime(item)
        if item.kind is Kind.VARIABLE:
            return self._variable(item)
        return item.text

    def _integer(self, item: Item) -> int:
        match = _INTEGER.fullmatch(item.text.lower())
        assert match is not None, "the lexer lets nothing else through"
        suffix = match[2]
        if suffix[1:] not in ("", "b", "i", "ib"):
            self._fail(f"{item.text!r} is not a size; write for example 64k, 64kb or 64kib", item)
        number = int(match[1][:_MANY_DIGITS])
        if suffix:
            number *= (1000 if len(suffix) == 1 else 1024) ** _POWERS[suffix[0]]
        if len(match[1]) >= _MANY_DIGITS or not -_LARGEST - 1 <= number <= _LARGEST:
            self._fail(f"the number {item.text[:40]} is out of range: it needs 64 bits", item)
        return number

    def _float(self, item: Item) -> float:
        number = float(item.text)
        if math.isinf(number):
            self._fail(f"the number {item.text[:40]}… is out of range", item)
        return number

    def _datetime(self, item: Item) -> datetime:
        try:
            return datetime.strptime(item.text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
        except ValueError:
            self._fail(f"{item.text} is not a date and time that exists", item)

    # variables

    def _variable(self, item: Item) -> Value:
        name = item.text
        if name.startswith(_BCRYPT):
            return "$" + name
        for container in reversed(self._containers):
            if isinstance(container, dict) and name in container:
                container[name].used_variable = True
                return container[name].value
        if name in self._references:
            self._fail(f"the environment variable {name} refers to itself", item)
        if name not in self._environ:
            self._fail(
                f"the variable ${name} is neither a key above this line nor in the environment; "
                "define it, or put the text in quotes",
                item,
            )
        references = self._references | {name}
        # nats-server reads the value as if it stood behind a key
        text = f"value={self._environ[name]}"
        nested = _Parser(text, f"${name}", None, self._environ, (), references)
        try:
            return nested.parse()["value"].value
        except ConfigError as error:
            self._fail(f"the environment variable {name} cannot be read: {error.message}", item)

    # includes

    def _include(self, item: Item) -> None:
        if self._read_file is None:
            self._fail("include needs a configuration file, and this is not one", item)
        path, raw = self._read_included(item, self._read_file)
        if path in self._including:
            chain = " includes ".join((*self._including, path))
            self._fail(f"this include goes round in a circle: {chain}", item)
        if len(self._including) >= MAX_INCLUDES:
            self._fail(f"more than {MAX_INCLUDES} files include each other", item)
        included = _Parser(
            _decoded(raw),
            path,
            self._read_file,
            self._environ,
            (*self._including, path),
            self._references,
        ).parse()
        container = self._containers[-1]
        assert isinstance(container, dict), "the lexer sees includes only where keys can be"
        container.update(included)

    def _read_included(self, item: Item, read_file: ReadFile) -> tuple[str, bytes]:
        """The path and content of an include.

        nats-server takes every path as relative to the directory of the including file, even
        one that begins with ``/``; such a path is tried as it stands after that.
        """
        path = os.path.normpath(f"{os.path.dirname(self._file) or '.'}/{item.text}")
        try:
            return path, read_file(path)
        except OSError as error:
            if os.path.isabs(item.text):
                try:
                    return item.text, read_file(item.text)
                except OSError:
                    pass
            self._fail(f"cannot read the included file {path}: {_reason(error)}", item)


def _decoded(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _reason(error: OSError) -> str:
    """``no such file or directory``, as Go words it."""
    return (error.strerror or str(error)).lower()
