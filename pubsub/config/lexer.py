"""nats-server's configuration language, cut into items.

Theory of operation
-------------------
The lexer is always inside one container: the file itself (TOP), a pair of braces around
the whole file (BLOCK, which is what makes JSON documents work), a map or an array. It
either wants the next entry (an element, in an array) or has just finished a value and
wants what may follow it. Containers are a stack, so documents nest without recursion.

==========  =======================  ==========================  =============
container   between entries          after a value               closed by
==========  =======================  ==========================  =============
TOP         white space, comments    newline ``;`` ``,`` ``}``   end of file
BLOCK       the same                 newline ``;`` ``,``         ``}``
MAP         the same                 newline ``;`` ``,``         ``}``
ARRAY       the same                 newline ``,``               ``]``
==========  =======================  ==========================  =============

What differs from nats-server's own lexer, always by accepting what a user meant or by
refusing what is certainly damaged: ``]`` ends a number (``[1,2]``), ``)`` may be followed
by CRLF, a byte order mark is skipped, a map key may begin with ``/``, and these are errors:
a key without a value before ``}``, an outer brace that is never closed, NUL characters,
a quotation mark as the last character of the file, containers deeper than MAX_DEPTH.
"""

from __future__ import annotations

import enum
import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple, NoReturn

from pubsub.errors import ConfigSyntaxError

__all__ = ["Item", "Kind", "Lexer"]

#: Containers inside each other. Nothing nests deeper than 6 in nats-server's own options;
#: the bound keeps whoever walks the result recursively clear of the interpreter's limit.
MAX_DEPTH = 100


class Kind(enum.Enum):
    """What an item is."""

    KEY = "key"
    STRING = "string"
    BOOL = "boolean"
    INTEGER = "integer"
    FLOAT = "float"
    DATETIME = "datetime"
    VARIABLE = "variable"
    INCLUDE = "include"
    ARRAY_START = "["
    ARRAY_END = "]"
    MAP_START = "{"
    MAP_END = "}"
    END = "end of file"


class Item(NamedTuple):
    """One item. ``text`` is unquoted and unescaped; line and column start at 1."""

    kind: Kind
    text: str
    line: int
    column: int


class _Container(enum.Enum):
    TOP = "file"
    BLOCK = "block"
    MAP = "map"
    ARRAY = "array"


# The white space of Unicode, as Go's unicode.IsSpace has it. Python's own notion would
# add the separators U+001C to U+001F.
_SPACES = "\t\n\v\f\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_GAP = re.compile(rf"(?:[{_SPACES}]|(?:#|//)[^\r\n]*)*")
_SPACE = re.compile(rf"[{_SPACES}]*")
_BLANK = re.compile(r"[ \t]*")
_KEY = re.compile(rf"[^{_SPACES}=:]+")
_KEYWORD_ENDS = re.compile(rf"[{_SPACES}]")
_PATH = re.compile(r"[^\r\n;} \t']*")
_BARE = re.compile(r"[^\r\n;,\]} \t'\\]*")
_QUOTED = re.compile(r'[^"\\]*')
_BLOCK_END = re.compile(r"\n\)(?=\r?\n|\Z)")
_DATETIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_NUMBER = re.compile(
    r"(?P<digits>-?[0-9]+)"
    r"(?:(?P<fraction>\.[0-9]+)(?P<address>\.[0-9.:-]*)?|(?P<suffix>[kKmMgGtTpPeE][bBiI]*))?"
)
_NUMBER_ENDS = re.compile(r"[\r\n;,\]} \t]|\Z")
_HEX = re.compile(r"[0-9A-Fa-f]{2}")

_ESCAPES = {"t": "\t", "n": "\n", "r": "\r", '"': '"', "\\": "\\"}
_BOOLEANS = frozenset({"true", "false", "on", "off", "yes", "no"})
_SEPARATORS = {
    _Container.TOP: "\r\n;,}",
    _Container.BLOCK: "\r\n;,",
    _Container.MAP: "\r\n;,",
    _Container.ARRAY: "\r\n,",
}
_CLOSERS = {_Container.BLOCK: "}", _Container.MAP: "}", _Container.ARRAY: "]"}


class Lexer:
    """Cuts one text into items.

    :param text: the whole file; undecodable bytes as surrogate escapes.
    :param file: what error messages call it.
    """

    def __init__(self, text: str, file: str = "") -> None:
        self._text = text.removeprefix("\ufeff")
        self._file = file
        self._at = 0
        self._lines = [0, *(match.end() for match in re.finditer("\n", self._text))]
        self._stack = [(_Container.TOP, 0)]
        self._after_value = False
        self._finished = False

    def items(self) -> Iterator[Item]:
        """The items in order; the last one is END.

        :raises ConfigSyntaxError: at the first thing that is not in the language.
        """
        self._check_characters()
        while not self._finished:
            if self._after_value:
                self._finish_value()
            elif self._stack[-1][0] is _Container.ARRAY:
                yield self._element()
            else:
                yield from self._entry()

    # where we are

    def _check_characters(self) -> None:
        nul = self._text.find("\0")
        if nul >= 0:
            self._fail("a NUL character: this is not a text file", nul)
        try:
            self._text.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError as error:
            self._fail(
                "a character that Unicode does not have; save the file as UTF-8", error.start
            )

    def _position(self, offset: int) -> tuple[int, int]:
        line = bisect_right(self._lines, offset)
        return line, offset - self._lines[line - 1] + 1

    def _item(self, kind: Kind, text: str, offset: int) -> Item:
        return Item(kind, text, *self._position(offset))

    def _fail(self, message: str, offset: int | None = None) -> NoReturn:
        line, column = self._position(self._at if offset is None else offset)
        raise ConfigSyntaxError(message, self._file, line, column)

    def _peek(self) -> str:
        """The next character, ``""`` at the end."""
        return self._text[self._at : self._at + 1]

    def _shown(self) -> str:
        """The next character, for messages."""
        return repr(self._peek()) if self._peek() else "the end of the file"

    def _take(self, pattern: re.Pattern[str]) -> str:
        """What ``pattern`` matches here, which every pattern used with it does."""
        match = pattern.match(self._text, self._at)
        assert match is not None
        self._at = match.end()
        return match[0]

    def _opened_at(self) -> str:
        line, column = self._position(self._stack[-1][1])
        return f"opened at line {line}, column {column}"

    def _push(self, container: _Container) -> None:
        if len(self._stack) > MAX_DEPTH:
            self._fail(f"more than {MAX_DEPTH} levels of nesting")
        self._stack.append((container, self._at))
        self._at += 1

    # entries and elements

    def _entry(self) -> Iterator[Item]:
        """A key and the start of its value, an include, or the end of the container."""
        self._take(_GAP)
        container = self._stack[-1][0]
        char = self._peek()
        if not char or char in "{}]=:/":
            handled = self._special_entry(container, char)
            if handled is not None:
                yield from handled
                return
        start = self._at
        if char in "\"'":
            key = self._quoted_key(char)
        else:
            key = self._take(_KEY)
            if key.lower() == "include" and _KEYWORD_ENDS.match(self._text, self._at):
                yield self._include()
                return
        yield self._item(Kind.KEY, key, start)
        yield self._value_of_key(key, start, container)

    def _special_entry(self, container: _Container, char: str) -> list[Item] | None:
        """What begins with punctuation, where a key could begin; None if a key does after all."""
        if not char:
            return [self._end_of_file(container)]
        if char == "}":
            return self._close_brace(container)
        if char == "{" and container is not _Container.MAP:
            self._push(_Container.BLOCK)
            return []
        if char in "=:":
            self._fail(f"expected a key before {char!r}; write `key {char} value`")
        if char == "]":
            self._fail("a ] without a [ before it; remove it, or open the array")
        if char == "/" and container is not _Container.MAP:
            self._fail("expected a key but found '/'; a comment begins with # or //")
        return None

    def _end_of_file(self, container: _Container) -> Item:
        if container is not _Container.TOP:
            self._fail(f"the file ends inside the braces {self._opened_at()}; add a }}")
        self._finished = True
        return self._item(Kind.END, "", self._at)

    def _close_brace(self, container: _Container) -> list[Item]:
        start = self._at
        self._at += 1
        if container is _Container.TOP:
            self._take(_GAP)
            if self._peek():
                self._fail("a } without a { before it; remove it, or open the block", start)
            return []
        self._stack.pop()
        if container is _Container.BLOCK:
            return []
        self._after_value = True
        return [self._item(Kind.MAP_END, "", start)]

    def _quoted_key(self, quote: str) -> str:
        end = self._text.find(quote, self._at + 1)
        if end < 0:
            self._fail(f"this key is not closed; add a {quote}")
        key = self._text[self._at + 1 : end]
        self._at = end + 1
        return key

    def _value_of_key(self, key: str, start: int, container: _Container) -> Item:
        self._take(_SPACE)
        char = self._peek()
        if char and char in "=:":
            self._at += 1
            self._take(_SPACE if container is _Container.MAP else _BLANK)
            char = self._peek()
        elif not char:
            self._fail(f"the key {key!r} has no value; write `{key} = value`", start)
        if container is _Container.MAP and (not char or char in ",}"):
            self._fail(f"the key {key!r} has no value before {self._shown()}", start)
        return self._value()

    def _element(self) -> Item:
        """A value of an array, or its end."""
        self._take(_GAP)
        char = self._peek()
        if char == "]":
            self._at += 1
            self._stack.pop()
            self._after_value = True
            return self._item(Kind.ARRAY_END, "", self._at - 1)
        if not char:
            self._fail(f"the file ends inside the array {self._opened_at()}; add a ]")
        if char in ",/":
            self._fail(f"expected a value but found {char!r}; put a string with it in quotes")
        return self._value()

    def _finish_value(self) -> None:
        """Between a value and the next entry there is a separator, or a closer follows."""
        self._take(_BLANK)
        container, _ = self._stack[-1]
        char = self._peek()
        if not char:
            if container is _Container.ARRAY:
                self._fail(f"the file ends inside the array {self._opened_at()}; add a ]")
            if container is not _Container.TOP:
                self._fail(f"the file ends inside the braces {self._opened_at()}; add a }}")
        elif char in _SEPARATORS[container]:
            self._at += 1
        elif (
            char not in ("#", _CLOSERS.get(container))
            and self._text[self._at : self._at + 2] != "//"
        ):
            wanted = "a comma" if container is _Container.ARRAY else "a comma, a semicolon"
            self._fail(
                f"expected the end of the value but found {self._shown()}; put {wanted} or a "
                "new line between values, and quote strings that hold spaces"
            )
        self._after_value = False

    def _include(self) -> Item:
        self._take(_BLANK)
        start = self._at
        char = self._peek()
        if not char or char in "\r\n":
            self._fail("expected the path of a file after include, but the line ends")
        if char in "\"'":
            end = self._text.find(char, self._at + 1)
            if end < 0:
                self._fail(f"the path of this include is not closed; add a {char}")
            path = self._text[self._at + 1 : end]
            self._at = end + 1
        elif char in "[{(\\-" or char.isdecimal():
            self._fail(f"expected the path of a file after include, but found {char!r}; quote it")
        else:
            path = self._take(_PATH)
            self._at += self._peek() == "'"
        self._after_value = True
        return self._item(Kind.INCLUDE, path, start)

    # values

    def _value(self) -> Item:
        start = self._at
        char = self._peek()
        if char == "[":
            self._push(_Container.ARRAY)
            return self._item(Kind.ARRAY_START, "", start)
        if char == "{":
            self._push(_Container.MAP)
            return self._item(Kind.MAP_START, "", start)
        self._after_value = True
        if char == "'":
            return self._raw_string(start)
        if char == '"':
            return self._escaped_string(start)
        if char == "(":
            return self._block_string(start)
        if char and char in "\r\n":
            self._fail("expected a value but the line ends; put the value on the line of its key")
        if char == ".":
            self._fail("a number begins with a digit, not with '.'; write 0.5, or quote a string")
        if char == "-" or "0" <= char <= "9":
            return self._number(start)
        return self._bare_string(start)

    def _raw_string(self, start: int) -> Item:
        end = self._text.find("'", start + 1)
        if end < 0:
            self._fail("this string is not closed; add a '", start)
        self._at = end + 1
        return self._item(Kind.STRING, self._text[start + 1 : end], start)

    def _block_string(self, start: int) -> Item:
        match = _BLOCK_END.search(self._text, start)
        if match is None:
            self._fail("this block is not closed; add a line with nothing but )", start)
        self._at = match.end()
        return self._item(Kind.STRING, self._text[start + 1 : match.start() + 1], start)

    def _escaped_string(self, start: int) -> Item:
        self._at += 1
        parts = []
        while True:
            parts.append(self._take(_QUOTED))
            if not self._peek():
                self._fail('this string is not closed; add a "', start)
            if self._peek() == '"':
                self._at += 1
                return self._item(Kind.STRING, _joined(parts), start)
            parts.append(self._escape())

    def _escape(self) -> str:
        start = self._at
        char = self._text[start + 1 : start + 2]
        if char in _ESCAPES:
            self._at += 2
            return _ESCAPES[char]
        if char != "x":
            self._fail(
                "a \\ here must be followed by t, n, r, x and two hexadecimal digits, "
                "a quotation mark or another \\; write \\\\ for a \\ itself, or use '…'"
            )
        digits = _HEX.match(self._text, start + 2)
        if digits is None:
            self._fail("expected two hexadecimal digits after \\x")
        self._at += 4
        code = int(digits[0], 16)
        return chr(code if code < 0x80 else 0xDC00 + code)

    def _bare_string(self, start: int) -> Item:
        """A string without quotes, which may turn out to be a boolean or a variable."""
        parts = [self._text[start : self._at]]
        while True:
            parts.append(self._take(_BARE))
            if self._peek() != "\\":
                break
            parts.append(self._escape())
        text = _joined(parts)
        if self._peek() == "'":
            self._at += 1
        elif len(parts) == 2:
            if text.lower() in _BOOLEANS:
                return self._item(Kind.BOOL, text.lower(), start)
            if text.startswith("$"):
                return self._item(Kind.VARIABLE, text[1:], start)
        return self._item(Kind.STRING, text, start)

    def _number(self, start: int) -> Item:
        """An integer, a float, a datetime, or what begins like one: an address, a bare string."""
        match = _NUMBER.match(self._text, start)
        if match is None:
            self._fail("expected a digit after '-'; quote a string that begins with '-'")
        self._at = match.end()
        char = self._peek()
        negative = match["digits"].startswith("-")
        if match["fraction"] is not None:
            kind = Kind.STRING if match["address"] is not None else Kind.FLOAT
            return self._item(kind, match[0], start)
        if match["suffix"] is None:
            if char == ".":
                self._fail("expected a digit after the '.' of a number; quote a string")
            if char == "-" and not negative:
                return self._datetime(start)
            if negative:
                return self._item(Kind.INTEGER, match[0], start)
        elif "0" <= char <= "9":
            return self._item(Kind.INTEGER, match[0], start)
        if _NUMBER_ENDS.match(self._text, self._at):
            return self._item(Kind.INTEGER, match[0], start)
        # nats-server takes the character that ends the digits as it is, be it a \ or a '
        self._at += match["suffix"] is None
        return self._bare_string(start)

    def _datetime(self, start: int) -> Item:
        match = _DATETIME.match(self._text, start)
        if match is None:
            self._fail("a datetime is written 2006-01-02T15:04:05Z; quote anything else", start)
        self._at = match.end()
        return self._item(Kind.DATETIME, match[0], start)


def _joined(parts: list[str]) -> str:
    """One string; bytes that were escaped one by one become the characters they spell."""
    text = "".join(parts)
    if len(parts) > 1:
        text = text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
    return text
