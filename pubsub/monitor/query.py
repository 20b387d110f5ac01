"""The parameters of a monitoring request, read as Go's ``net/url`` and ``strconv`` do.

Scripts see the error texts, so they are those of nats-server, ``strconv`` included.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from pubsub.errors import BadMonitorQuery, go_quote

__all__ = ["Query"]

_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_SIGNED = re.compile(r"[+-]?[0-9]+\Z")
_UNSIGNED = re.compile(r"[0-9]+\Z")
_MAX_UINT64 = (1 << 64) - 1
_MAX_INT64 = (1 << 63) - 1
#: A longer number is out of range whatever it is; Python would take its time with it.
_MAX_DIGITS = 40


class Query:
    """The query string of one request.

    Of a parameter given twice the first counts; pieces with a semicolon or a broken escape
    are as if they were not there.
    """

    def __init__(self, raw: bytes = b"") -> None:
        self._values: dict[str, str] = {}
        for piece in raw.split(b"&"):
            if not piece or b";" in piece or _BAD_ESCAPE.search(piece):
                continue
            name, _, value = piece.partition(b"=")
            self._values.setdefault(_unescape(name), _unescape(value))

    def text(self, name: str) -> str:
        """The parameter, ``""`` if it is not there."""
        return self._values.get(name, "")

    def boolean(self, name: str) -> bool:
        """The parameter as a truth value, False if it is not there.

        :raises BadMonitorQuery: it is none.
        """
        text = self.text(name)
        if not text or text in _FALSE:
            return False
        if text in _TRUE:
            return True
        raise _bad("boolean", name, "ParseBool", text, "invalid syntax")

    def integer(self, name: str) -> int:
        """The parameter as a number, 0 if it is not there.

        :raises BadMonitorQuery: it is none, or has more than 64 bits.
        """
        text = self.text(name)
        if not text:
            return 0
        if not _SIGNED.match(text):
            raise _bad("int", name, "Atoi", text, "invalid syntax")
        value = int(text) if len(text) < _MAX_DIGITS else _MAX_UINT64
        if not -_MAX_INT64 - 1 <= value <= _MAX_INT64:
            raise _bad("int", name, "Atoi", text, "value out of range")
        return value

    def unsigned(self, name: str) -> int:
        """The parameter as a number that is not negative, 0 if it is not there.

        :raises BadMonitorQuery: it is none, or has more than 64 bits.
        """
        text = self.text(name)
        if not text:
            return 0
        if not _UNSIGNED.match(text):
            raise _bad("uint64", name, "ParseUint", text, "invalid syntax")
        value = int(text) if len(text) < _MAX_DIGITS else _MAX_UINT64 + 1
        if value > _MAX_UINT64:
            raise _bad("uint64", name, "ParseUint", text, "value out of range")
        return value


def _unescape(raw: bytes) -> str:
    return unquote_to_bytes(raw.replace(b"+", b" ")).decode("utf-8", "surrogateescape")


def _bad(kind: str, name: str, function: str, text: str, why: str) -> BadMonitorQuery:
    quoted = go_quote(text.encode("utf-8", "surrogateescape"))
    return BadMonitorQuery(
        f"Error decoding {kind} for '{name}': strconv.{function}: parsing {quoted}: {why}"
    )
