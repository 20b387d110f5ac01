"""Keys and JWTs for the tests, always the same ones."""

from __future__ import annotations

import base64
import json
from typing import Any

import nkeys

__all__ = ["ACCOUNT", "CURVE", "OPERATOR", "OTHER_ACCOUNT", "SEED", "USER", "jwt", "key"]


def key(kind: int, number: int) -> nkeys.KeyPair:
    """A key pair of that kind (``nkeys.PREFIX_BYTE_…``); each number makes another one."""
    return nkeys.from_seed(nkeys.encode_seed(bytes([number]) * 32, kind))


_OPERATOR = key(nkeys.PREFIX_BYTE_OPERATOR, 1)
_ACCOUNT = key(nkeys.PREFIX_BYTE_ACCOUNT, 2)
_USER = key(nkeys.PREFIX_BYTE_USER, 3)
_BY_TYPE = {"operator": _OPERATOR, "account": _OPERATOR, "user": _ACCOUNT}
_SUBJECTS = {"operator": _OPERATOR, "account": _ACCOUNT, "user": _USER}

OPERATOR = _OPERATOR.public_key.decode()
ACCOUNT = _ACCOUNT.public_key.decode()
OTHER_ACCOUNT = key(nkeys.PREFIX_BYTE_ACCOUNT, 4).public_key.decode()
USER = _USER.public_key.decode()
#: what must never be shown
SEED = bytes(_USER.seed).decode()
CURVE = "XACQKBIFAUCQKBIFAUCQKBIFAUCQKBIFAUCQKBIFAUCQKBIFAUCQK7IF"


def _part(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def jwt(
    kind: str,
    *,
    header: dict[str, Any] | None = None,
    signer: nkeys.KeyPair | None = None,
    claims: dict[str, Any] | None = None,
    **nats: Any,
) -> str:
    """A JWT of that type.

    :param claims: over those it has by itself.
    :param nats: what stands in its ``nats`` part, besides type and version.
    """
    signer = signer or _BY_TYPE[kind]
    body = {
        "iss": signer.public_key.decode(),
        "sub": _SUBJECTS[kind].public_key.decode(),
        "nats": {"type": kind, "version": 2, **nats},
        **(claims or {}),
    }
    signed = f"{_part(header or {'typ': 'JWT', 'alg': 'ed25519-nkey'})}.{_part(body)}"
    return f"{signed}.{_part(signer.sign(signed.encode()))}"
