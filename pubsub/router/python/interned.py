"""One helper object for each foreign object, shared by all who use that one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

__all__ = ["Interned"]

Key = TypeVar("Key")
Value = TypeVar("Value")


class Interned(Generic[Key, Value]):
    """Makes values for keys: the same for the same key as long as somebody has it.

    :param make: the values must hold on to their keys, which need not be hashable.
    """

    __slots__ = ("_made", "_make")

    def __init__(self, make: Callable[[Key], Value]) -> None:
        self._make = make
        self._made: WeakValueDictionary[int, Value] = WeakValueDictionary()

    def __call__(self, key: Key) -> Value:
        """The value for ``key``."""
        value = self._made.get(id(key))
        if value is None:
            value = self._made[id(key)] = self._make(key)
        return value
