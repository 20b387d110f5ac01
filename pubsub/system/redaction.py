"""Secrets never reach the log: the second line of defence.

The code that logs what peers send blanks the secrets it knows (the CONNECT fields). What
slips through, in an exception's text or a third party's plugin, is caught here by its
looks. It errs on the side of blanking.
"""

from __future__ import annotations

import re

__all__ = ["REDACTED", "is_secret_name", "redact"]

#: nats-server's replacement text.
REDACTED = "[REDACTED]"

_NAMES = (
    "password|passwd|pass|auth_token|token|jwt|sig|nkey_seed|seed|secret|api_key|apikey|key_pass"
)

#: ``"pass":"x"``, ``password = x``, ``token: 'x'``: the name and what follows it
_NAMED = re.compile(
    rf"""(?P<name>(?<![A-Za-z0-9_])["']?(?:{_NAMES})["']?\s*(?::|=)\s*)"""
    r"""(?P<value>\[REDACTED\]|"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|[^\s,;&}\])"']+)""",
    re.IGNORECASE,
)
# Peers choose much of what is logged, so none of these may look at a text twice: each can
# begin only where a run of the characters it repeats begins.
#: user information in a URL: everything between ``://`` and ``@``
_URL = re.compile(r"(?<=://)[^\s/@:\[\]]*(?::[^\s/@]*)?@")
#: three base64url parts, of which the first two are JSON objects
_JWT = re.compile(r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
#: seeds of NKEYs: 58 characters of base32
_SEED = re.compile(r"\bS[ACNOUXP][A-Z2-7]{56}\b")
#: one cheap look decides whether any of the above can match
_SUSPECT = re.compile(
    r"pass|token|jwt|sig|seed|secret|api_?key|://|eyJ|S[ACNOUXP][A-Z2-7]{56}", re.IGNORECASE
)
_SECRET_NAME = re.compile(rf"(?:{_NAMES})\Z", re.IGNORECASE)


def is_secret_name(name: str) -> bool:
    """Whether a structured field of that name holds a secret."""
    return _SECRET_NAME.match(name) is not None


def redact(text: str) -> str:
    """``text`` with everything that looks like a secret replaced by :data:`REDACTED`."""
    if _SUSPECT.search(text) is None:
        return text
    text = _NAMED.sub(_blank_value, text)
    text = _URL.sub(f"{REDACTED}@", text)
    text = _JWT.sub(REDACTED, text)
    return _SEED.sub(REDACTED, text)


def _blank_value(match: re.Match[str]) -> str:
    value = match["value"]
    quote = value[0] if value[0] in "\"'" else ""
    return f"{match['name']}{quote}{REDACTED}{quote}"
