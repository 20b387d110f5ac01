"""Subjects: what is valid, what matches, what overlaps. Pure functions on ``bytes``.

A subject is a row of tokens between dots. In a subscription the whole token ``*`` stands
for any one token and ``>``, as the last token, for one or more; ``foo*`` is an ordinary
token. In a published subject no character is special. (nats-server: ``sublist.go``.)
"""

from __future__ import annotations

__all__ = [
    "has_empty_token",
    "has_wildcard",
    "is_subset",
    "is_valid",
    "is_valid_literal",
    "is_valid_pattern",
    "matches",
    "overlaps",
    "token_count",
    "tokens",
]

_ANY = b"*"
_REST = b">"
_SPACES = b" \t\n\r\f"


def tokens(subject: bytes) -> list[bytes]:
    """The tokens, empty ones included: ``b"a..b"`` has three."""
    return subject.split(b".")


def token_count(subject: bytes) -> int:
    """How many tokens there are; 0 for the empty subject."""
    return subject.count(b".") + 1 if subject else 0


def has_empty_token(subject: bytes) -> bool:
    """Whether a token is missing: such a subject reaches nobody."""
    return not subject or subject[0] == 46 or subject[-1] == 46 or b".." in subject


def has_wildcard(pattern: bytes) -> bool:
    """Whether a whole token is ``*`` or ``>``."""
    if b"*" not in pattern and b">" not in pattern:
        return False
    row = pattern.split(b".")
    return _ANY in row or _REST in row


def is_valid_pattern(pattern: bytes) -> bool:
    """Whether one may subscribe to it: no empty token, ``>`` only at the end."""
    if has_empty_token(pattern):
        return False
    return b">" not in pattern or _REST not in pattern.split(b".")[:-1]


def is_valid(subject: bytes) -> bool:
    """As :func:`is_valid_pattern`, and without white space (``IsValidSubject``)."""
    return is_valid_pattern(subject) and not any(space in subject for space in _SPACES)


def is_valid_literal(subject: bytes) -> bool:
    """No empty token and no wildcard: what a pedantic client may publish to."""
    return not has_empty_token(subject) and not has_wildcard(subject)


def matches(subject: bytes, pattern: bytes) -> bool:
    """Whether a message published on ``subject`` reaches a subscription to ``pattern``.

    Nothing matches a subject, or a pattern, with an empty token.
    """
    if has_empty_token(subject) or not is_valid_pattern(pattern):
        return False
    return _covers(pattern.split(b"."), subject.split(b"."))


def _covers(pattern: list[bytes], row: list[bytes]) -> bool:
    for at, wanted in enumerate(pattern):
        if at == len(row):
            return False
        if wanted == _REST:
            return True
        if wanted != _ANY and wanted != row[at]:
            return False
    return len(row) == len(pattern)


def is_subset(subject: bytes, pattern: bytes) -> bool:
    """Whether everything ``subject`` (itself maybe a pattern) matches, ``pattern`` matches.

    ``foo.*`` is a subset of ``foo.>``, not of ``foo.bar``.
    """
    if not is_valid_pattern(subject) or not is_valid_pattern(pattern):
        return False
    narrow, wide = subject.split(b"."), pattern.split(b".")
    for at, wanted in enumerate(wide):
        if at == len(narrow):
            return False
        if wanted == _REST:
            return True
        if narrow[at] == _REST or (wanted != _ANY and wanted != narrow[at]):
            return False
    return len(narrow) == len(wide)


def overlaps(one: bytes, other: bytes) -> bool:
    """Whether some subject matches both patterns (``SubjectsCollide``)."""
    if not is_valid_pattern(one) or not is_valid_pattern(other):
        return False
    left, right = one.split(b"."), other.split(b".")
    for mine, yours in zip(left, right):  # noqa: B905 (the lengths are compared below)
        if _REST in (mine, yours):
            return True
        if _ANY not in (mine, yours) and mine != yours:
            return False
    return len(left) == len(right)
