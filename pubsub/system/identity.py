"""Who this server is: its id, the keys behind it, and what runs it.

A server is known by the public part of an ed25519 key, written as an NKEY (``N…``). Most
servers never sign anything, so what starts with the program is only the arithmetic that
makes that public key, and the curve key in INFO (RFC 8032, section 5.1.5); the cryptographic
library is loaded when auth callout needs a signature, or something sealed.
"""

from __future__ import annotations

import base64
import hashlib
import os
import platform
from binascii import crc_hqx
from collections.abc import Callable
from typing import TYPE_CHECKING

from zope.interface import implementer

from pubsub.errors import CredentialsError
from pubsub.interfaces import IServerIdentity
from pubsub.values.strkey import KeyKind, raw_key

if TYPE_CHECKING:
    from nacl.public import Box, PrivateKey

__all__ = ["ServerIdentity", "public_nkey", "runtime_name"]

_KEY_BYTES = 32
#: version of the sealed format of nkeys, and the bytes of its nonce
_SEALED = b"xkv1"
_NONCE_BYTES = 24

_PRIME = 2**255 - 19
#: the d of edwards25519, its base point, and zero, in extended coordinates
_D = -121665 * pow(121666, -1, _PRIME) % _PRIME
_BASE_Y = 4 * pow(5, -1, _PRIME) % _PRIME
_BASE_X = 15112221349535400772501151409588531511454012693041857206046113283949847762202
_Point = tuple[int, int, int, int]
_BASE: _Point = (_BASE_X, _BASE_Y, 1, _BASE_X * _BASE_Y % _PRIME)
_ZERO: _Point = (0, 1, 1, 0)


def public_nkey(kind: KeyKind, key: bytes) -> str:
    """A public key of 32 bytes as text: its kind, itself and a checksum in base 32."""
    raw = bytes([kind]) + key
    checksum = crc_hqx(raw, 0).to_bytes(2, "little")
    return base64.b32encode(raw + checksum).decode("ascii").rstrip("=")


def _add(a: _Point, b: _Point) -> _Point:
    """RFC 8032, section 5.1.4."""
    x = (a[1] - a[0]) * (b[1] - b[0]) % _PRIME
    y = (a[1] + a[0]) * (b[1] + b[0]) % _PRIME
    t = 2 * a[3] * b[3] * _D % _PRIME
    z = 2 * a[2] * b[2] % _PRIME
    e, f, g, h = y - x, z - t, z + t, y + x
    return (e * f % _PRIME, g * h % _PRIME, f * g % _PRIME, e * h % _PRIME)


def _multiple(secret: bytes) -> _Point:
    """The base point times these 32 bytes, of which some bits are always the same.

    Once or twice for each server, where no time can be measured.
    """
    clamped = bytearray(secret)
    clamped[0] &= 248
    clamped[31] = clamped[31] & 127 | 64
    scalar = int.from_bytes(clamped, "little")
    point, power = _ZERO, _BASE
    while scalar:
        if scalar & 1:
            point = _add(point, power)
        power = _add(power, power)
        scalar >>= 1
    return point


def _public_key(seed: bytes) -> bytes:
    """The ed25519 public key of a seed."""
    point = _multiple(hashlib.sha512(seed).digest()[:_KEY_BYTES])
    inverse = pow(point[2], -1, _PRIME)
    x, y = point[0] * inverse % _PRIME, point[1] * inverse % _PRIME
    return (y | (x & 1) << 255).to_bytes(_KEY_BYTES, "little")


def _public_curve_key(seed: bytes) -> bytes:
    """The x25519 public key of a seed: the same curve in other coordinates (RFC 7748, 4.1)."""
    _, y, z, _ = _multiple(seed)
    return ((z + y) * pow(z - y, -1, _PRIME) % _PRIME).to_bytes(_KEY_BYTES, "little")


def _curve_key(text: str) -> bytes:
    """The 32 bytes of a public curve NKEY (``X…``)."""
    try:
        kind, key = raw_key(text)
    except ValueError:
        kind, key = KeyKind.SERVER, b""
    if kind is not KeyKind.CURVE:
        raise CredentialsError("not a public curve key")
    return key


@implementer(IServerIdentity)
class ServerIdentity:
    """One server's keys, new each time it starts. They never leave memory.

    :param random_bytes: ``os.urandom``; tests fix it.
    """

    def __init__(self, random_bytes: Callable[[int], bytes] = os.urandom) -> None:
        self._random = random_bytes
        self._seed = random_bytes(_KEY_BYTES)
        self._curve_seed = random_bytes(_KEY_BYTES)
        self._xkey = ""
        #: 56 characters beginning with ``N``
        self.server_id = public_nkey(KeyKind.SERVER, _public_key(self._seed))

    def __repr__(self) -> str:
        return f"<ServerIdentity {self.server_id}>"

    def sign(self, data: bytes) -> bytes:
        """The ed25519 signature of ``data``, 64 bytes.

        :raises pubsub.errors.CredentialsError: PyNaCl is not installed.
        """
        try:
            from nacl.signing import SigningKey
        except ImportError as error:
            raise CredentialsError("signing needs PyNaCl, which is not installed") from error
        return bytes(SigningKey(self._seed).sign(data).signature)

    @property
    def xkey(self) -> str:
        """The public curve key others seal messages for this server with; ``X…``."""
        if not self._xkey:
            self._xkey = public_nkey(KeyKind.CURVE, _public_curve_key(self._curve_seed))
        return self._xkey

    def seal(self, data: bytes, recipient: str) -> bytes:
        """``data`` for the owner of the public curve key ``recipient``: the ``xkv1`` of nkeys.

        :raises pubsub.errors.CredentialsError: it is no such key.
        """
        box = self._box(recipient)
        nonce = self._random(_NONCE_BYTES)
        return _SEALED + nonce + bytes(box.encrypt(data, nonce).ciphertext)

    def open(self, data: bytes, sender: str) -> bytes:
        """What the owner of the public curve key ``sender`` sealed for this server.

        :raises pubsub.errors.CredentialsError: it was not, or not by that key.
        """
        box = self._box(sender)
        from nacl.exceptions import CryptoError

        start = len(_SEALED) + _NONCE_BYTES
        if not data.startswith(_SEALED) or len(data) <= start:
            raise CredentialsError("not in the format xkv1")
        try:
            return bytes(box.decrypt(data[start:], data[len(_SEALED) : start]))
        except (CryptoError, ValueError) as error:
            raise CredentialsError("could not decrypt input") from error

    def _private_key(self) -> PrivateKey:
        try:
            from nacl.public import PrivateKey
        except ImportError as error:
            raise CredentialsError("encryption needs PyNaCl, which is not installed") from error
        return PrivateKey(self._curve_seed)

    def _box(self, other: str) -> Box:
        key = _curve_key(other)
        private = self._private_key()
        from nacl.public import Box, PublicKey

        return Box(private, PublicKey(key))


def runtime_name() -> str:
    """``CPython 3.11.2``: what INFO has where nats-server names its version of Go."""
    return f"{platform.python_implementation()} {platform.python_version()}"
