"""Distinguished names: reading them as they are written, and when two are the same.

The written form is RFC 4514's (``CN=ann,OU=people,O=example``); types are compared without
regard to case, values exactly, and the order within a part (``CN=ann+UID=1``) means nothing
(RFC 4517, 4.2.15). This is what nats-server's ``internal/ldap`` does, including that a part
cannot hold BER (``CN=#…``).
"""

from __future__ import annotations

from functools import lru_cache

__all__ = ["DN", "RDN", "parse_dn"]

#: one part: type (upper case) and value of each of its attributes
RDN = frozenset[tuple[bytes, bytes]]

#: usernames that were read: each login by certificate looks at all of them
_KEPT = 65536

_ESCAPABLE = b' "#+,;<=>\\'
_HEXADECIMAL = b"0123456789abcdefABCDEF"


class DN(tuple[RDN, ...]):
    """The parts of a name, the most particular first. Equality is that of their order, too."""

    __slots__ = ()

    def has_parts_of(self, other: DN) -> bool:
        """Whether it has the same parts in any order (``RDNsMatch``)."""
        left = list(other)
        for part in self:
            if part not in left:
                return False
            left.remove(part)
        return not left


@lru_cache(maxsize=_KEPT)
def parse_dn(text: str) -> DN | None:
    """The name that is written there; ``None`` if that is none, or an empty one."""
    try:
        return _Reader(text.encode("utf-8", "surrogatepass")).read() or None
    except ValueError:
        return None


class _Reader:
    """Walks over the text once."""

    def __init__(self, text: bytes) -> None:
        self._text = text
        self._buffer = bytearray()
        #: blanks at the end of the buffer that were not escaped, and do not count
        self._blanks = 0
        self._type = b""
        self._attributes: list[tuple[bytes, bytes]] = []
        self._parts: list[RDN] = []

    def read(self) -> DN:
        """The whole text.

        :raises ValueError: it is no distinguished name.
        """
        text, at = self._text, 0
        while at < len(text):
            char = text[at : at + 1]
            if char == b"\\":
                at += self._escaped(text[at + 1 : at + 3])
            elif char == b"=":
                self._type = self._taken().upper()
                if text[at + 1 : at + 2] == b"#":
                    raise ValueError("BER")
            elif char in b",+":
                self._end_attribute()
                if char == b",":
                    self._end_part()
            elif char != b" ":
                self._buffer += char
                self._blanks = 0
            elif self._buffer:
                self._buffer += char
                self._blanks += 1
            at += 1
        if self._buffer:
            self._end_attribute()
            self._end_part()
        return DN(self._parts)

    def _escaped(self, following: bytes) -> int:
        """What stands after a backslash; how many bytes it is."""
        self._blanks = 0
        if not following:
            raise ValueError("nothing is escaped")
        if following[:1] in _ESCAPABLE:
            self._buffer += following[:1]
            return 1
        if len(following) < 2 or any(byte not in _HEXADECIMAL for byte in following):
            raise ValueError("neither a special character nor a byte")
        self._buffer.append(int(following, 16))
        return 2

    def _taken(self) -> bytes:
        taken = bytes(self._buffer[: len(self._buffer) - self._blanks])
        self._buffer.clear()
        self._blanks = 0
        return taken

    def _end_attribute(self) -> None:
        if not self._type:
            raise ValueError("a value without a type")
        self._attributes.append((self._type, self._taken()))
        self._type = b""

    def _end_part(self) -> None:
        self._parts.append(frozenset(self._attributes))
        self._attributes = []
