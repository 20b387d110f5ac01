"""Subject transforms: one subject made into another, token by token.

A transform has a source pattern and a destination whose tokens may call functions on
what the source's wildcards stand for, counted from 1 (nats-server:
``subject_transform.go``; ADR-30):

==============================  ========================================================
``$1``, ``{{wildcard(1)}}``     that token
``{{partition(n,1,2…)}}``       FNV-1a hash of those tokens modulo n; without tokens, of all
``{{split(1,-)}}``              split at each ``-``
``{{splitFromLeft(1,3)}}``      split once, 3 bytes from the left (``splitFromRight``)
``{{sliceFromLeft(1,3)}}``      split every 3 bytes from the left (``sliceFromRight``)
``{{left(1,3)}}``               its first 3 bytes (``right``: its last)
``{{random(n)}}``               a number from 0 to n-1, at each message another
==============================  ========================================================

A final ``>`` in both stands for all remaining tokens. Error texts are nats-server's.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

from pubsub.errors import BadSubjectTransform
from pubsub.router.subjects import is_subset, is_valid_literal, is_valid_pattern

__all__ = ["SubjectTransform", "is_call", "mark_wildcards"]

Row = Sequence[bytes]
Part = Callable[[Row], bytes]
Cut = Callable[[bytes, int], bytes]

_INVALID = "invalid mapping destination"
_UNKNOWN_FUNCTION = f"{_INVALID}: unknown function"
_OUT_OF_RANGE = f"{_INVALID}: wildcard index out of range"
_NOT_ENOUGH = f"{_INVALID}: not enough arguments passed to the function"
_BAD_ARGUMENT = f"{_INVALID}: function argument is invalid or in the wrong format"
_TOO_MANY = f"{_INVALID}: too many arguments passed to the function"
_INT32 = 2**31 - 1
_INT64 = 2**63 - 1
_NUMBER = re.compile(rb"[+-]?[0-9]+")
_COMMA = re.compile(rb",[ \t\n\f\r]*")

#: Function names as nats-server accepts them: each word may begin with a capital.
_NAMES = {
    "wildcard": rb"[wW]ildcard",
    "partition": rb"[pP]artition",
    "splitfromleft": rb"[sS]plit[fF]rom[lL]eft",
    "splitfromright": rb"[sS]plit[fF]rom[rR]ight",
    "slicefromleft": rb"[sS]lice[fF]rom[lL]eft",
    "slicefromright": rb"[sS]lice[fF]rom[rR]ight",
    "right": rb"[rR]ight",
    "left": rb"[lL]eft",
    "split": rb"[sS]plit",
    "random": rb"[rR]andom",
}
_CALLS = {
    name: re.compile(rb"{{\s*" + spelling + rb"\s*\((.*)\)\s*}}")
    for name, spelling in _NAMES.items()
}


class SubjectTransform:
    """One source pattern and what becomes of the subjects it matches.

    :ivar random: the same subject may become different ones.
    :param source: ``b""`` for ``b">"``.
    :param draw: a random number below its argument.
    :raises BadSubjectTransform: source or destination is wrong.
    """

    def __init__(
        self,
        source: bytes,
        destination: bytes,
        draw: Callable[[int], int] = random.randrange,
    ) -> None:
        self.source = source or b">"
        self.destination = destination
        self.random = False
        self._draw = draw
        from_row, to_row = self.source.split(b"."), destination.split(b".")
        if not (is_valid_pattern(self.source) and is_valid_pattern(destination)):
            raise BadSubjectTransform("invalid subject")
        if b"*" in to_row or (b">" in from_row) != (b">" in to_row):
            raise BadSubjectTransform("invalid subject")
        self._length = len(from_row)
        #: where each wildcard stands in the source, counted from 1
        self._places = dict(enumerate((i for i, t in enumerate(from_row) if t == b"*"), 1))
        self._literal = not self._places and b">" not in from_row
        self._open = to_row[-1] == b">"
        self._parts = [self._part(token) for token in to_row[: -1 if self._open else None]]

    def match(self, subject: bytes) -> bytes | None:
        """What a published subject becomes; None if the source does not match it."""
        if self.source == self.destination == b">":
            return subject
        if not is_valid_literal(subject) or not is_subset(subject, self.source):
            return None
        return self.apply(subject.split(b"."))

    def apply(self, row: Row) -> bytes:
        """What a subject becomes whose tokens match the source."""
        made = [part(row) for part in self._parts]
        if self._open:
            made += row[self._length - 1 :]
        return b".".join(made)

    # --- compiling ----------------------------------------------------------------------

    def _part(self, token: bytes) -> Part:
        """What makes one token of the destination."""
        name, arguments = _read_call(token)
        if not name:
            return lambda row: token
        if name in _CUTS:
            return self._cut(token, arguments, _CUTS[name])
        return _MAKERS[name](self, token, arguments)

    def _place(self, token: bytes, number: int) -> int:
        """Where a wildcard stands in the source; number 0 is the first token."""
        if self._literal:
            raise _wrong(_OUT_OF_RANGE, token)
        if number > len(self._places):
            raise _wrong(_OUT_OF_RANGE, token + b": [%d]" % number)
        return self._places.get(number, 0)

    def _wildcard(self, token: bytes, arguments: list[bytes]) -> Part:
        if arguments == [b""]:
            raise _wrong(_NOT_ENOUGH, token)
        if len(arguments) > 1:
            raise _wrong(_TOO_MANY, token)
        at = self._place(token, _number(token, arguments[0]))
        return lambda row: row[at]

    def _partition(self, token: bytes, arguments: list[bytes]) -> Part:
        buckets = _number(token, arguments[0], _INT32)
        numbers = [_number(token, argument) for argument in arguments[1:]]
        # Without wildcards there is only the whole subject, whatever is asked for.
        places = [] if self._literal else [self._place(token, number) for number in numbers]
        return lambda row: (
            b"%d"
            % _bucket(b"".join([row[at] for at in places]) if places else b".".join(row), buckets)
        )

    def _random(self, token: bytes, arguments: list[bytes]) -> Part:
        if len(arguments) != 1:
            raise _wrong(_NOT_ENOUGH, token)
        ceiling = abs(_number(token, arguments[0], _INT32))
        self.random = True
        return lambda row: b"%d" % (self._draw(ceiling) if ceiling else 0)

    def _split(self, token: bytes, arguments: list[bytes]) -> Part:
        number, delimiter = _two(token, arguments)
        if b" " in delimiter or b"." in delimiter:
            raise _wrong(_BAD_ARGUMENT, token)
        at = self._place(token, number)
        if not delimiter:
            return lambda row: b".".join(char.encode() for char in row[at].decode(errors="replace"))
        return lambda row: b".".join(piece for piece in row[at].split(delimiter) if piece)

    def _cut(self, token: bytes, arguments: list[bytes], cut: Cut) -> Part:
        """The functions of a token and a number of bytes."""
        number, argument = _two(token, arguments)
        size = _number(token, argument, _INT32)
        at = self._place(token, number)
        return lambda row: cut(row[at], size) if 0 < size < len(row[at]) else row[at]


#: What compiles a call, where it is not a matter of cutting.
_MAKERS: dict[str, Callable[[SubjectTransform, bytes, list[bytes]], Part]] = {
    "wildcard": SubjectTransform._wildcard,
    "partition": SubjectTransform._partition,
    "random": SubjectTransform._random,
    "split": SubjectTransform._split,
}


def _slice_from_right(token: bytes, size: int) -> bytes:
    first = len(token) % size
    pieces = [token[:first]] if first else []
    return b".".join(pieces + [token[i : i + size] for i in range(first, len(token), size)])


#: What each does to a token longer than the number; shorter ones stay as they are.
_CUTS: dict[str, Cut] = {
    "left": lambda token, size: token[:size],
    "right": lambda token, size: token[-size:],
    "splitfromleft": lambda token, size: token[:size] + b"." + token[size:],
    "splitfromright": lambda token, size: token[:-size] + b"." + token[-size:],
    "slicefromleft": lambda token, size: b".".join(
        token[i : i + size] for i in range(0, len(token), size)
    ),
    "slicefromright": _slice_from_right,
}


def mark_wildcards(pattern: bytes) -> bytes:
    """``foo.*.*`` as the destination that changes nothing: ``foo.$1.$2``."""
    number = 0
    row = pattern.split(b".")
    for at, token in enumerate(row):
        if token == b"*":
            number += 1
            row[at] = b"$%d" % number
    return b".".join(row)


def _arguments(name: str, token: bytes) -> list[bytes]:
    """The arguments of a call of that function, none if it is not one."""
    call = _CALLS[name].search(token)
    return _COMMA.split(call.group(1)) if call else []


def is_call(token: bytes) -> bool:
    """Whether a token of a destination is meant as a function call."""
    return len(token) > 4 and token.startswith(b"{{") and token.endswith(b"}}")


def _read_call(token: bytes) -> tuple[str, list[bytes]]:
    """The function a token calls and its arguments; ``""`` if it is an ordinary token."""
    if token.startswith(b"$") and _NUMBER.fullmatch(token[1:]):
        # A $ before anything else is ordinary: $SYS, $JS.
        return ("wildcard", [token[1:]]) if abs(int(token[1:])) <= _INT64 else ("", [])
    if not is_call(token):
        return "", []
    for name in _CALLS:
        arguments = _arguments(name, token)
        if arguments:
            return name, arguments
    raise _wrong(_UNKNOWN_FUNCTION, token)


def _two(token: bytes, arguments: list[bytes]) -> tuple[int, bytes]:
    """The number of a wildcard, and whatever else the function takes."""
    if len(arguments) != 2:
        raise _wrong(_NOT_ENOUGH if len(arguments) < 2 else _TOO_MANY, token)
    return _number(token, arguments[0]), arguments[1]


def _number(token: bytes, argument: bytes, limit: int = _INT64) -> int:
    argument = argument.strip(b" ")
    if not _NUMBER.fullmatch(argument) or abs(int(argument)) > limit:
        raise _wrong(_BAD_ARGUMENT, token)
    return int(argument)


def _bucket(key: bytes, buckets: int) -> int:
    """FNV-1a, 32 bits, modulo the number of buckets."""
    if not buckets:
        return 0
    value = 2166136261
    for byte in key:
        value = ((value ^ byte) * 16777619) & 0xFFFFFFFF
    return value % (buckets & 0xFFFFFFFF)


def _text(token: bytes) -> str:
    return token.decode("utf-8", "replace")


def _wrong(what: str, token: bytes) -> BadSubjectTransform:
    return BadSubjectTransform(f"{what} in {_text(token)}")
