"""Trace lines in nats-server's format, with the secrets of CONNECT blanked."""

from __future__ import annotations

import json
import re

from pubsub.errors import go_quote

__all__ = ["payload_line", "redact_connect", "trace_line"]

REDACTED = b"[REDACTED]"
_SECRETS = ("auth_token", "pass", "password", "jwt", "sig", "proxy_sig", "nkey")
_ARROWS = {"in": "<<-", "out": "->>"}

#: nats-server looks for fields *beginning* with pass and auth_token, and exactly the others
_SECRET = re.compile(
    rb"""(?i)((?:^|[^a-z0-9_])(?:auth_token[^\s":=]{0,64}|pass[^\s":=]{0,64}|proxy_sig|nkey|sig|jwt)"""
    rb"""["']?\s*[:=]\s*)(?:("[^"]*"?)|[^,\r\n}]*)"""
)


def trace_line(direction: str, operation: str, argument: bytes) -> str:
    """``<<- [PUB foo 5]``; ``<->`` for what is neither in nor out."""
    arrow = "<->" if operation == "DELSUB" else _ARROWS.get(direction, "<->")
    if operation == "CONNECT":
        argument = redact_connect(argument)
    if not argument:
        return f"{arrow} [{operation}]"
    return f"{arrow} [{operation} {argument.decode('utf-8', 'backslashreplace')}]"


def payload_line(direction: str, message: bytes, limit: int, headers_only: bool) -> str:
    """``<<- MSG_PAYLOAD: ["hello"]``, ``""`` when there is nothing to show.

    :param message: headers and payload.
    :param limit: bytes that are shown, 0 for all.
    :param headers_only: show the header block (without its blank line), or nothing.
    """
    if headers_only:
        end = message.find(b"\r\n\r\n") if message.startswith(b"NATS/1.0") else -1
        message = message[: max(0, end)]
    if not message:
        return ""
    arrow = _ARROWS.get(direction, "<->")
    if 0 < limit < len(message):
        return f'{arrow} MSG_PAYLOAD: ["{go_quote(message[:limit])[1:-1]}..."]'
    return f"{arrow} MSG_PAYLOAD: [{go_quote(message)}]"


def _blank(match: re.Match[bytes]) -> bytes:
    return match[1] + (b'"%b"' % REDACTED if match[2] else REDACTED)


def redact_connect(argument: bytes) -> bytes:
    """The argument of CONNECT without passwords, tokens, signatures, JWTs and keys.

    Escapes can hide a key from the eye and end a value early, so what has any is read as
    JSON and written anew; what then cannot be read is not shown.
    """
    if b"\\" not in argument:
        return _SECRET.sub(_blank, argument)
    try:
        fields = json.loads(argument)
    except (ValueError, RecursionError):
        return REDACTED
    if not isinstance(fields, dict):
        return REDACTED
    shown = {
        key: "[REDACTED]" if key.lower().startswith(_SECRETS) else value
        for key, value in fields.items()
    }
    return json.dumps(shown, separators=(",", ":")).encode()
