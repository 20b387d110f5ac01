"""Who this server is: its id, and what runs it."""

from __future__ import annotations

import base64
import os
import platform
from binascii import crc_hqx
from collections.abc import Callable

__all__ = ["new_server_id", "runtime_name"]

#: the prefix of NKEYs of servers; it makes the text begin with ``N``
_SERVER_PREFIX = 13 << 3
_KEY_BYTES = 32


def new_server_id(random_bytes: Callable[[int], bytes] = os.urandom) -> str:
    """A new id: 56 characters in the form of a server's public NKEY, as nats-server's are.

    Tools recognise a server by that form, checksum included. The key behind it is not
    kept by anybody, since nothing is ever signed with it.
    """
    key = bytes([_SERVER_PREFIX]) + random_bytes(_KEY_BYTES)
    checksum = crc_hqx(key, 0).to_bytes(2, "little")
    return base64.b32encode(key + checksum).decode("ascii").rstrip("=")


def runtime_name() -> str:
    """``CPython 3.11.2``: what INFO has where nats-server names its version of Go."""
    return f"{platform.python_implementation()} {platform.python_version()}"
