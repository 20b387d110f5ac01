"""Answers, for a while: a bounded number of them, the oldest go first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["Cache"]

Value = TypeVar("Value")


class Cache(Generic[Value]):
    """Values by key, each until its time.

    :param size: how many.
    :param seconds: the time.
    """

    def __init__(self, size: int, seconds: Callable[[], float]) -> None:
        self._size = size
        self._seconds = seconds
        self._kept: OrderedDict[bytes, tuple[float, Value]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: bytes) -> tuple[Value] | None:
        """The value, in a tuple, for it may be None; ``None`` if there is none any more."""
        found = self._kept.get(key)
        if found is None:
            return None
        until, value = found
        if self._seconds() >= until:
            del self._kept[key]
            return None
        return (value,)

    def put(self, key: bytes, value: Value, ttl: float) -> None:
        """Keep it for ``ttl`` seconds."""
        if ttl <= 0:
            return
        self._kept.pop(key, None)
        while len(self._kept) >= self._size:
            self._kept.popitem(last=False)
        self._kept[key] = (self._seconds() + ttl, value)
