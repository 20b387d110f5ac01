"""Signatures over the nonce of INFO: who can make them has the key, and is not replaying.

Used for NKeys, user JWTs and trusted proxies. The cryptographic library is loaded by the
first signature that has to be verified.
"""

from __future__ import annotations

import base64
import re

from pubsub.errors import AuthenticationFailed
from pubsub.values.strkey import KeyKind, raw_key

__all__ = ["decode_signature", "is_signed_by", "verify_nonce"]

#: of an ed25519 signature
_BYTES = 64
#: 64 bytes without padding, and with it
_RAW_URL = re.compile(r"[A-Za-z0-9_-]{86}\Z")
_STANDARD = re.compile(r"[A-Za-z0-9+/]{86}==\Z")


def decode_signature(text: str, standard: bool = True) -> bytes:
    """The 64 bytes of a signature: URL-safe base64 without padding, or standard base64.

    :param standard: whether the latter will do (proxies have to use the former).
    :raises pubsub.errors.AuthenticationFailed: it is neither, or too long, or too short.
    """
    if _RAW_URL.match(text):
        return base64.urlsafe_b64decode(text + "==")
    if standard and _STANDARD.match(text):
        return base64.b64decode(text)
    raise AuthenticationFailed("the signature is not 64 bytes in base64")


def is_signed_by(public_key: str, message: bytes, signature: bytes) -> bool:
    """Whether the owner of that public key (an NKEY of any kind but X) made the signature.

    A key that is none has signed nothing.
    """
    from nacl.exceptions import CryptoError
    from nacl.signing import VerifyKey

    try:
        kind, key = raw_key(public_key)
        if kind is KeyKind.CURVE:
            return False
        VerifyKey(key).verify(message, signature)
    except (CryptoError, ValueError):
        return False
    return len(signature) == _BYTES


def verify_nonce(public_key: str, nonce: bytes, signature: str) -> None:
    """Return if the owner of the key has signed the nonce.

    :param signature: the ``sig`` of CONNECT.
    :raises pubsub.errors.AuthenticationFailed: no signature, not one, not of this nonce or
        not by this key; or there was no nonce, so that any signature would be good for ever.
    """
    if not signature:
        raise AuthenticationFailed("the signature is missing")
    if not nonce:
        raise AuthenticationFailed("there was no nonce to sign")
    if not is_signed_by(public_key, nonce, decode_signature(signature)):
        raise AuthenticationFailed("the signature is not the key's, or not of this nonce")
