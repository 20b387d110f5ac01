"""Whose key it is, and keys that sign (:mod:`pubsub.values.strkey` reads public ones)."""

from __future__ import annotations

import base64
import binascii
import secrets
from typing import TYPE_CHECKING

from pubsub.errors import CredentialsError
from pubsub.values.strkey import KeyKind, is_public_key

if TYPE_CHECKING:
    from nacl.signing import SigningKey

__all__ = [
    "KeyPair",
    "encode_public",
    "is_account",
    "is_curve",
    "is_operator",
    "is_server",
    "is_user",
    "raw_seed",
]

_LETTERS = {
    "A": KeyKind.ACCOUNT,
    "C": KeyKind.CLUSTER,
    "N": KeyKind.SERVER,
    "O": KeyKind.OPERATOR,
    "U": KeyKind.USER,
    "X": KeyKind.CURVE,
}
#: the kind of the kind: makes a seed begin with ``S``
_SEED = 18 << 3
_SEED_LENGTH = 58
_SECRET_BYTES = 32


def is_operator(text: str) -> bool:
    """Whether it is an operator's public key."""
    return is_public_key(text, KeyKind.OPERATOR)


def is_account(text: str) -> bool:
    """Whether it is an account's public key."""
    return is_public_key(text, KeyKind.ACCOUNT)


def is_user(text: str) -> bool:
    """Whether it is a user's public key."""
    return is_public_key(text, KeyKind.USER)


def is_server(text: str) -> bool:
    """Whether it is a server's public key."""
    return is_public_key(text, KeyKind.SERVER)


def is_curve(text: str) -> bool:
    """Whether it is a public curve key (xkey)."""
    return is_public_key(text, KeyKind.CURVE)


def _encode(body: bytes) -> str:
    checksum = binascii.crc_hqx(body, 0).to_bytes(2, "little")
    return base64.b32encode(body + checksum).decode("ascii").rstrip("=")


def encode_public(kind: KeyKind, raw: bytes) -> str:
    """The spelling of 32 raw bytes as a public key of that kind."""
    return _encode(bytes([kind]) + raw)


def raw_seed(seed: str) -> tuple[KeyKind, bytes]:
    """Whose seed it is, and its 32 bytes.

    :raises pubsub.errors.CredentialsError: it is none. The text never holds it.
    """
    text = seed.strip()
    try:
        raw = base64.b32decode(text + "=" * (-len(text) % 8)) if len(text) == _SEED_LENGTH else b""
    except (ValueError, binascii.Error):
        raw = b""
    if not raw or raw[0] & 0xF8 != _SEED or _encode(raw[:-2]) != text:
        raise CredentialsError("not a seed")
    try:
        kind = KeyKind((raw[0] & 7) << 5 | raw[1] >> 3)
    except ValueError:
        raise CredentialsError("not a seed") from None
    return kind, raw[2:-2]


class KeyPair:
    """A key that can sign. Its seed is in no ``repr``.

    :ivar public_key: in base32, with its letter.
    :ivar seed: the secret, in base32.
    :raises pubsub.errors.CredentialsError: ``seed`` is not the seed of a signing key.
    """

    def __init__(self, seed: str) -> None:
        from nacl.signing import SigningKey  # a compiled library that only this needs

        kind, raw = raw_seed(seed)
        if kind is KeyKind.CURVE:
            raise CredentialsError("a curve key cannot sign")
        self.seed = seed.strip()
        self._key: SigningKey = SigningKey(raw)
        self.public_key = encode_public(kind, bytes(self._key.verify_key))

    @classmethod
    def generate(cls, letter: str) -> KeyPair:
        """A new one: ``"O"`` operator, ``"A"`` account, ``"U"`` user, ``"N"`` server."""
        prefix = int(_LETTERS[letter])
        head = bytes([_SEED | prefix >> 5, (prefix & 31) << 3])
        return cls(_encode(head + secrets.token_bytes(_SECRET_BYTES)))

    def sign(self, message: bytes) -> bytes:
        """64 bytes."""
        return bytes(self._key.sign(message).signature)

    def __repr__(self) -> str:
        return f"<KeyPair {self.public_key}>"
