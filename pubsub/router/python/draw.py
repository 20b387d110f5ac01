"""The router's random numbers: xorshift64*, the same in every backend."""

from __future__ import annotations

import secrets

__all__ = ["Draw"]

_MASK = (1 << 64) - 1
_MULTIPLIER = 2685821657736338717

#: In the order of nats-server's base 62.
_DIGITS = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class Draw:
    """A stream of 64-bit numbers; the same seed gives the same stream.

    Queue groups take the upper half of a number, words are spelled from a whole one.

    :param seed: 0 takes a random one.
    """

    __slots__ = ("_state",)

    def __init__(self, seed: int = 0) -> None:
        self._state = seed & _MASK
        while not self._state:
            self._state = secrets.randbits(64)

    def next(self) -> int:
        """A number from 0 to 2**32-1."""
        return self._next() >> 32

    def word(self, digits: int) -> bytes:
        """A random word in base 62, the lowest digit first."""
        value = self._next()
        word = bytearray()
        for _ in range(digits):
            value, digit = divmod(value, len(_DIGITS))
            word.append(_DIGITS[digit])
        return bytes(word)

    def _next(self) -> int:
        x = self._state
        x ^= x >> 12
        x ^= (x << 25) & _MASK
        x ^= x >> 27
        self._state = x
        return (x * _MULTIPLIER) & _MASK
