"""What nsc and other public tools make: keys, tokens, .creds files, sealed messages.

Nothing of the server is used here: tokens and keys come from the public library ``nkeys``,
encryption from PyNaCl, so that a mistake the server makes in its own is not made twice.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import time
from binascii import crc_hqx
from collections.abc import Mapping
from typing import Any

import nkeys
from nacl.public import Box, PrivateKey, PublicKey

__all__ = ["CurveKey", "Key", "Operator", "creds_file", "read_token", "token", "user_token"]

_PREFIXES = {
    "O": nkeys.PREFIX_BYTE_OPERATOR,
    "A": nkeys.PREFIX_BYTE_ACCOUNT,
    "U": nkeys.PREFIX_BYTE_USER,
    "N": nkeys.PREFIX_BYTE_SERVER,
}
#: what nsc writes for "no limit", of accounts and of users
ACCOUNT_LIMITS = {
    **dict.fromkeys(("subs", "data", "payload", "imports", "exports", "conn", "leaf"), -1),
    "wildcards": True,
}
USER_LIMITS = {"subs": -1, "data": -1, "payload": -1}


class Key:
    """A new key of that kind: O, A, U or N."""

    def __init__(self, kind: str) -> None:
        self.seed: bytes = bytes(nkeys.encode_seed(os.urandom(32), _PREFIXES[kind]))
        self._pair = nkeys.from_seed(bytearray(self.seed))
        self.public: str = self._pair.public_key.decode()

    def sign(self, data: bytes) -> bytes:
        """64 bytes."""
        signed: bytes = self._pair.sign(data)
        return signed

    def sign_nonce(self, nonce: str) -> str:
        """As clients write it in CONNECT."""
        return _base64url(self.sign(nonce.encode()))


class CurveKey:
    """A key to open what is sealed for it, ``xkv1``."""

    def __init__(self) -> None:
        self._key = PrivateKey.generate()
        raw = bytes([23 << 3]) + bytes(self._key.public_key)
        self.public = base64.b32encode(raw + crc_hqx(raw, 0).to_bytes(2, "little")).decode()

    def open(self, data: bytes, sender: str) -> bytes:
        """What the owner of that public key has sealed."""
        assert data.startswith(b"xkv1")
        return bytes(Box(self._key, _curve(sender)).decrypt(data[4:]))

    def seal(self, data: bytes, recipient: str) -> bytes:
        """For the owner of that public key."""
        return b"xkv1" + bytes(Box(self._key, _curve(recipient)).encrypt(data))


def _curve(public: str) -> PublicKey:
    return PublicKey(base64.b32decode(public + "=" * (-len(public) % 8))[1:33])


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _compact(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def token(claims: Mapping[str, Any], signer: Key, header: Mapping[str, Any] | None = None) -> str:
    """A JWT as the public tools encode it: the id is a hash of the claims."""
    whole: dict[str, Any] = {"iat": int(time.time()), "iss": signer.public, **claims}
    digest = hashlib.new("sha512_256", _compact(whole)).digest()
    whole = {"jti": base64.b32encode(digest).decode().rstrip("="), **whole}
    head = header or {"typ": "JWT", "alg": "ed25519-nkey"}
    signed = f"{_base64url(_compact(head))}.{_base64url(_compact(whole))}"
    return f"{signed}.{_base64url(signer.sign(signed.encode()))}"


def read_token(text: str) -> dict[str, Any]:
    """The claims, whoever signed them."""
    part = text.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return claims


def creds_file(user_jwt: str, seed: bytes) -> str:
    """The text of a .creds file, as nsc writes it."""
    return f"""-----BEGIN NATS USER JWT-----
{user_jwt}
------END NATS USER JWT------

************************* IMPORTANT *************************
NKEY Seed printed below can be used to sign and prove identity.
NKEYs are sensitive and should be treated as secrets.

-----BEGIN USER NKEY SEED-----
{seed.decode()}
------END USER NKEY SEED------

*************************************************************
"""


class Operator:
    """An operator with a system account, and what it signs."""

    def __init__(self) -> None:
        self.key = Key("O")
        self.system = Key("A")
        nats = {"type": "operator", "version": 2, "system_account": self.system.public}
        #: its own token, always the same: a reload may not bring another one
        self.jwt = token({"sub": self.key.public, "name": "O", "nats": nats}, self.key)

    def account(self, account: Key, name: str = "A", **nats: Any) -> str:
        """The token of an account."""
        claims = {"type": "account", "version": 2, "limits": ACCOUNT_LIMITS, **nats}
        return token({"sub": account.public, "name": name, "nats": claims}, self.key)

    def config(self, *accounts: str) -> str:
        """A configuration that has these accounts in memory."""
        system = self.account(self.system, "SYS")
        preload = "\n".join(f"  {read_token(a)['sub']}: {a}" for a in (system, *accounts))
        return (
            f"operator: {self.jwt}\nsystem_account: {self.system.public}\n"
            f"resolver: MEMORY\nresolver_preload: {{\n{preload}\n}}\n"
        )


def user_token(user: Key, signer: Key, scoped: bool = False, **nats: Any) -> str:
    """The token of a user; ``exp`` and ``nbf`` among ``nats`` are claims of the token."""
    claims: dict[str, Any] = {
        name: nats.pop(name) for name in ("exp", "nbf", "iat") if name in nats
    }
    limits = {} if scoped else USER_LIMITS
    body = {"type": "user", "version": 2, **limits, **nats}
    return token({"sub": user.public, "name": "U", **claims, "nats": body}, signer)
