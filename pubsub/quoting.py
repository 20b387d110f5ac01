"""Text from peers as nats-server writes it into errors and logs: Go's ``%q``."""

from __future__ import annotations

__all__ = ["go_quote", "quoted"]

_ESCAPES = {
    '"': '\\"', "\\": "\\\\", "\a": "\\a", "\b": "\\b", "\f": "\\f",
    "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v",
}  # fmt: skip


def go_quote(raw: bytes) -> str:
    """``raw`` in double quotes, escaped as Go's ``%q`` does: clients match on it."""
    out = []
    for char in raw.decode("utf-8", "surrogateescape"):
        code = ord(char)
        if char in _ESCAPES:
            out.append(_ESCAPES[char])
        elif 0xDC80 <= code <= 0xDCFF:
            out.append(f"\\x{code - 0xDC00:02x}")
        elif char.isprintable():
            out.append(char)
        elif code < 0x80:
            out.append(f"\\x{code:02x}")
        else:
            out.append(f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")
    return '"' + "".join(out) + '"'


def quoted(text: str) -> str:
    """``text`` that came as JSON, quoted likewise; halves of surrogate pairs become ``?``."""
    return go_quote(text.encode("utf-8", "replace"))
