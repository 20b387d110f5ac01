"""Short names of servers and clusters, as they stand in replies that cross gateways.

``_GR_.<cluster>.<server>.<reply>`` has six characters for each, ``$GR.<cluster>.<reply>``, which
servers before 2.2 understand, has four (nats-server: getGWHash, getOldHash).
"""

from __future__ import annotations

import hashlib

__all__ = ["old_hash", "short_hash"]

_DIGITS = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_LENGTH = 6
_OLD_LENGTH = 4


def short_hash(name: str) -> bytes:
    """Of a cluster's name or a server's id: 6 of 62 digits."""
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()
    return bytes(_DIGITS[byte % len(_DIGITS)] for byte in digest[:_LENGTH])


def old_hash(name: str) -> bytes:
    """Of a cluster's name: 4 hexadecimal digits."""
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()
    return digest[:_OLD_LENGTH].encode("ascii")
