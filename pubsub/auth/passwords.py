"""Comparing what a client shows with what is configured.

A configured password or token is clear text, a bcrypt string (``$2a$10$…``) or an argon2
string (``$argon2id$v=19$m=65536,t=3,p=4$…``, since pubsub 0.2). The latter cost tenths of a
second of a processor to check: that is done in threads (:mod:`pubsub.auth.slowwork`).
"""

from __future__ import annotations

import base64
import hmac
import re
import secrets
import string
from typing import Any

from twisted.internet.defer import Deferred, succeed

from pubsub.auth.slowwork import DeferToThread
from pubsub.errors import InvalidOption

__all__ = ["Secret", "encode_password", "is_argon2", "is_bcrypt", "is_hash"]

#: nats-server's test for a bcrypt string
_BCRYPT = re.compile(r"\$2[abxy]\$(\d\d)\$")
#: bcrypt's own lower bound
_MIN_COST = 4
#: Each step doubles the time. 17 takes some 8 s on a fast processor, longer than any client
#: waits: a higher cost only locks everybody out, so it is refused when the server starts.
_MAX_COST = 17
#: bcrypt looks at this many bytes; Go ignores what follows, the Python library refuses it
_MAX_LENGTH = 72

#: letters of its salt and of what follows
_BCRYPT_SALT, _BCRYPT_DIGEST = 22, 31
_LETTERS = string.ascii_letters + string.digits

_ARGON2 = re.compile(r"\$argon2(?:id|i|d)\$")
_ARGON2_STRING = re.compile(
    r"\$argon2(id|i|d)\$v=(?:16|19)\$m=(\d{1,10}),t=(\d{1,10}),p=(\d{1,8})"
    r"\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{16,171})\Z"
)
#: KiB of one check, of which four may run at a time: four times what RFC 9106 suggests to
#: those who have little memory, and argon2-cffi does unless told otherwise
_MAX_MEMORY = 256 * 1024
#: KiB times passes, which is what the time goes with: some 4 s on a slow processor
_MAX_WORK = 2 * 1024 * 1024
#: lanes; each is a thread of its own while the check lasts
_MAX_LANES = 16


def is_bcrypt(configured: str) -> bool:
    """Whether ``configured`` is not the password itself but a bcrypt string."""
    return _BCRYPT.match(configured) is not None


def is_argon2(configured: str) -> bool:
    """Whether ``configured`` is not the password itself but an argon2 string."""
    return _ARGON2.match(configured) is not None


def is_hash(configured: str) -> bool:
    """Whether ``configured`` is either."""
    return is_bcrypt(configured) or is_argon2(configured)


def encode_password(text: str) -> bytes:
    """What is compared and hashed: any text has its own bytes."""
    return text.encode("utf-8", "surrogatepass")


def _check_bcrypt(password: bytes, hashed: bytes) -> bool:
    """Whether ``password`` has that bcrypt string. Slow: call it in a thread."""
    import bcrypt  # a compiled module that only this kind of password needs

    try:
        return bcrypt.checkpw(password[:_MAX_LENGTH], hashed)
    except ValueError:
        return False


def _check_argon2(password: bytes, hashed: bytes) -> bool:
    """Whether ``password`` has that argon2 string. Slow: call it in a thread."""
    from argon2.exceptions import Argon2Error, InvalidHashError
    from argon2.low_level import verify_secret

    kind = _argon2_kind(hashed)
    try:
        return verify_secret(hashed, password, kind)
    except (Argon2Error, InvalidHashError):
        return False


def _argon2_kind(hashed: bytes) -> Any:
    from argon2.low_level import Type

    return {b"id": Type.ID, b"i": Type.I, b"d": Type.D}[hashed[7:].partition(b"$")[0]]


def _limit_bcrypt(configured: str, option: str) -> None:
    match = _BCRYPT.match(configured)
    assert match is not None
    if not _MIN_COST <= int(match[1]) <= _MAX_COST:
        raise InvalidOption(
            f"{option}: bcrypt cost {int(match[1])} is not between "
            f"{_MIN_COST} and {_MAX_COST}; make a new one with a lower cost"
        )


def _limit_argon2(configured: str, option: str) -> None:
    match = _ARGON2_STRING.match(configured)
    if match is None:
        raise InvalidOption(f"{option}: the argon2 string cannot be read; make a new one")
    memory, passes, lanes = int(match[2]), int(match[3]), int(match[4])
    if memory > _MAX_MEMORY or memory * passes > _MAX_WORK or lanes > _MAX_LANES:
        raise InvalidOption(
            f"{option}: argon2 with m={memory},t={passes},p={lanes} costs too much; at most "
            f"m={_MAX_MEMORY}, m*t={_MAX_WORK}, p={_MAX_LANES}"
        )
    if memory < 8 * lanes or not passes or not lanes:
        raise InvalidOption(f"{option}: argon2 needs t and p of 1, and m of 8 times p, at least")
    try:
        import argon2  # noqa: F401
    except ImportError as error:
        raise InvalidOption(
            f"{option}: argon2 strings need argon2-cffi: pip install 'txpubsub[argon2]'"
        ) from error


class Secret:
    """A configured password or token.

    A client that showed the right one is recognised at once when it comes back: a keyed
    digest of it is kept, with a key that only this process has. Otherwise a thousand
    reconnecting clients would keep the processors busy for minutes.

    :param configured: clear text, or a bcrypt or argon2 string.
    :param option: what the configuration calls it, for error messages.
    :raises pubsub.errors.InvalidOption: a string nobody can check, or not in a time that
        somebody would wait.
    """

    def __init__(self, configured: str, option: str) -> None:
        self.slow = is_hash(configured)
        self._configured = encode_password(configured)
        self._check = _check_bcrypt
        self._hashed = b""
        if is_bcrypt(configured):
            _limit_bcrypt(configured, option)
            # Four letters are four histories of one algorithm; the library knows two of them.
            self._hashed = b"$2b$" + self._configured[4:]
        elif self.slow:
            _limit_argon2(configured, option)
            self._check, self._hashed = _check_argon2, self._configured
        self._key = secrets.token_bytes(32)
        self._known = b""

    def matches(self, shown: str) -> bool:
        """Whether it is the configured clear text; takes the same time for any."""
        return hmac.compare_digest(self._configured, encode_password(shown))

    def matches_later(self, shown: str, defer_to_thread: DeferToThread) -> Deferred[bool]:
        """Whether ``shown`` has the configured bcrypt or argon2 string."""
        password = encode_password(shown)
        digest = hmac.digest(self._key, password, "sha256")
        if self._is_known(digest):
            return succeed(True)
        checking: Deferred[bool] = defer_to_thread(self._check_unknown, password, digest)
        return checking.addCallback(self._remember, digest)

    def decoy(self) -> Secret:
        """One that takes as long to check and that nothing matches: for users who are not there.

        Without it, how long a refusal takes would tell which users there are.
        """
        head, _, digest = self._hashed.decode("ascii").rpartition("$")
        if self._check is _check_bcrypt:
            digest = digest[:_BCRYPT_SALT] + secrets.choice(_LETTERS) * _BCRYPT_DIGEST
        else:
            raw = secrets.token_bytes(len(digest) * 3 // 4)
            digest = base64.b64encode(raw).decode("ascii").rstrip("=")
        return Secret(f"{head}${digest}", "decoy")

    def _check_unknown(self, password: bytes, digest: bytes) -> bool:
        """In a thread; while it waited, somebody else may have shown the same."""
        return self._is_known(digest) or self._check(password, self._hashed)

    def _is_known(self, digest: bytes) -> bool:
        return bool(self._known) and hmac.compare_digest(self._known, digest)

    def _remember(self, right: bool, digest: bytes) -> bool:
        if right:
            self._known = digest
        return right
