"""The random numbers behind queue groups: xorshift64*, the same in every backend."""

from __future__ import annotations

import secrets

__all__ = ["Draw"]

_MASK = (1 << 64) - 1
_MULTIPLIER = 2685821657736338717


class Draw:
    """A stream of 32-bit numbers; the same seed gives the same stream.

    :param seed: 0 takes a random one.
    """

    __slots__ = ("_state",)

    def __init__(self, seed: int = 0) -> None:
        self._state = seed & _MASK
        while not self._state:
            self._state = secrets.randbits(64)

    def next(self) -> int:
        """A number from 0 to 2**32-1."""
        x = self._state
        x ^= x >> 12
        x ^= (x << 25) & _MASK
        x ^= x >> 27
        self._state = x
        return ((x * _MULTIPLIER) & _MASK) >> 32
