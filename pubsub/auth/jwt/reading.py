"""Reading JSON that others wrote: absent means Go's zero value, the wrong type is an error.

Go reads claims into structs: a member that is not there, or is ``null``, keeps its zero
value, unknown members are ignored, and a member of another type makes the whole token
unreadable. These functions do the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pubsub.errors import CredentialsError

__all__ = [
    "flag",
    "integer",
    "integers",
    "mapping",
    "member",
    "records",
    "text",
    "texts",
]

_T = TypeVar("_T")

#: Go's int64
_MAX = 2**63


def member(data: Mapping[str, Any], name: str, kind: type[_T], default: _T) -> _T:
    """``data[name]``, or ``default`` where it is absent or ``null``.

    :raises pubsub.errors.CredentialsError: it has another type.
    """
    value = data.get(name)
    if value is None:
        return default
    # a bool is an int in Python, not in JSON
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise CredentialsError(f"cannot read {name!r}: it is no {_NAMES[kind]}")
    return value


_NAMES: Mapping[type, str] = {
    str: "string",
    int: "integer",
    bool: "boolean",
    dict: "object",
    list: "array",
}


def text(data: Mapping[str, Any], name: str) -> str:
    """A string, ``""`` by default."""
    return member(data, name, str, "")


def flag(data: Mapping[str, Any], name: str) -> bool:
    """A boolean, False by default."""
    return member(data, name, bool, False)


def integer(data: Mapping[str, Any], name: str, default: int = 0) -> int:
    """An integer of 64 bits, 0 by default."""
    value = member(data, name, int, default)
    if not -_MAX <= value < _MAX:
        raise CredentialsError(f"cannot read {name!r}: it is out of range")
    return value


def mapping(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """An object, empty by default."""
    return member(data, name, dict, {})


def texts(data: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """An array of strings, empty by default."""
    values = member(data, name, list, [])
    if not all(isinstance(value, str) for value in values):
        raise CredentialsError(f"cannot read {name!r}: it holds what is no string")
    return tuple(values)


def integers(data: Mapping[str, Any], name: str) -> Mapping[str, int]:
    """An object of integers, empty by default."""
    values = mapping(data, name)
    return {key: integer(values, key) for key in values}


def records(
    data: Mapping[str, Any], name: str, read: Callable[[Mapping[str, Any]], _T]
) -> tuple[_T, ...]:
    """An array of objects, each of which ``read`` reads; empty by default."""
    values = member(data, name, list, [])
    if not all(isinstance(value, dict) for value in values):
        raise CredentialsError(f"cannot read {name!r}: it holds what is no object")
    return tuple(read(value) for value in values)
