"""Which of several connections to a server carries an account.

All servers compute the same (nats-server: ``computeRoutePoolIdx``), so that the messages of an
account stay in order and accounts do not wait for each other.
"""

from __future__ import annotations

from functools import lru_cache

__all__ = ["fnv1a", "pool_index"]

_OFFSET, _PRIME = 2166136261, 16777619


def fnv1a(data: bytes) -> int:
    """FNV-1a, 32 bits."""
    result = _OFFSET
    for byte in data:
        result = ((result ^ byte) * _PRIME) & 0xFFFFFFFF
    return result


@lru_cache(maxsize=4096)
def pool_index(account: str, size: int) -> int:
    """The connection for ``account`` in a pool of that size: 0 to ``size`` - 1."""
    return fnv1a(account.encode()) % size if size > 1 else 0
