"""NATS's public keys as they are written: a letter for the kind, the key, a checksum, in base32.

Telling a key from a slip of the pen needs no cryptography, so this needs none: one byte of
prefix, 32 bytes of key, CRC-16 (XMODEM) in little-endian order (the ``nkeys`` library's
``strkey``).
"""

from __future__ import annotations

import base64
import binascii
import enum

__all__ = ["KeyKind", "is_public_key", "key_kind", "looks_secret", "raw_key"]

#: 1 byte of kind, 32 of key, 2 of checksum
_DECODED = 35
_ENCODED = 56
#: a seed has one byte more: its own kind stands before the kind of the key
_ENCODED_SEED = 58


class KeyKind(enum.IntEnum):
    """Whose key it is; the first letter says so."""

    ACCOUNT = 0 << 3
    CLUSTER = 2 << 3
    SERVER = 13 << 3
    OPERATOR = 14 << 3
    USER = 20 << 3
    #: x25519, to encrypt
    CURVE = 23 << 3


_KINDS = frozenset(KeyKind)


def raw_key(text: str) -> tuple[KeyKind, bytes]:
    """The kind and the 32 bytes of a public key.

    :raises ValueError: it is none; the text does not hold it, for it may be a secret.
    """
    if len(text) != _ENCODED:
        raise ValueError(f"a public key has {_ENCODED} letters and digits")
    try:
        raw = base64.b32decode(text)
    except (ValueError, binascii.Error) as error:
        raise ValueError("a public key is written in base32") from error
    checked, checksum = raw[:-2], int.from_bytes(raw[-2:], "little")
    if len(raw) != _DECODED or binascii.crc_hqx(checked, 0) != checksum:
        raise ValueError("the checksum of the key is wrong")
    if raw[0] not in _KINDS:
        raise ValueError("it is not a public key")
    return KeyKind(raw[0]), raw[1:-2]


def key_kind(text: str) -> KeyKind | None:
    """The kind of a public key, ``None`` if it is none."""
    try:
        return raw_key(text)[0]
    except ValueError:
        return None


def is_public_key(text: str, *kinds: KeyKind) -> bool:
    """Whether it is a public key of one of these kinds, of any without ``kinds``."""
    kind = key_kind(text)
    return kind is not None and (not kinds or kind in kinds)


def looks_secret(text: str) -> bool:
    """Whether it may be a seed, or most of one: what must not be shown in a message."""
    return text[:1] in "SP" and len(text) >= _ENCODED - 8 and text[:_ENCODED_SEED].isalnum()
