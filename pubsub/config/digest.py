"""A digest of what a configuration says, equal to nats-server's for the same file.

``nats-server -t`` prints it, ``/varz`` shows it as ``config_digest``, and tools compare it
across a cluster. It is the SHA-256 of the values written as JSON the way Go does, keys in
the order of their bytes: layout and comments do not count, included files do.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from pubsub.config.parser import Token, plain

__all__ = ["config_digest"]

#: Go escapes these so that JSON can stand inside HTML and JavaScript.
_ESCAPED = re.compile("[<>&\u2028\u2029]")
#: bytes that are not UTF-8
_UNDECODED = re.compile("[\udc80-\udcff]")


def config_digest(entries: Mapping[str, Token]) -> str:
    """``"sha256:"`` and 64 hexadecimal digits."""
    text = _json(plain(dict(entries))) + "\n"
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def _json(value: object) -> str:
    if isinstance(value, dict):
        ordered = sorted(value.items(), key=lambda entry: _bytes(entry[0]))
        return "{" + ",".join(f"{_string(key)}:{_json(item)}" for key, item in ordered) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_json, value)) + "]"
    if isinstance(value, datetime):
        return f'"{value.replace(tzinfo=None).isoformat()}Z"'
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, float):
        return _float(value)
    return json.dumps(value)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _string(text: str) -> str:
    quoted = json.dumps(text, ensure_ascii=False)
    escaped = _ESCAPED.sub(lambda match: f"\\u{ord(match[0]):04x}", quoted)
    return _UNDECODED.sub(lambda _: "\\ufffd", escaped)


def _float(number: float) -> str:
    """The shortest digits, with an exponent only below 1e-6 and from 1e21 on."""
    if number == 0 or 1e-6 <= abs(number) < 1e21:
        return format(Decimal(repr(number)), "f").removesuffix(".0")
    mantissa, _, exponent = repr(number).partition("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent):+d}"
