"""Comparing what a client shows with what is configured.

A configured password or token is clear text, or a bcrypt string (``$2a$10$…``), which costs
tenths of a second of a processor to check: that is done in a thread, a few at a time.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, DeferredSemaphore, succeed

from pubsub.errors import InvalidOption

__all__ = ["DeferToThread", "Secret", "is_bcrypt"]

#: ``twisted.internet.threads.deferToThread``, which is injected: it needs the reactor
DeferToThread = Callable[..., "Deferred[Any]"]

#: nats-server's test for a bcrypt string
_BCRYPT = re.compile(r"\$2[abxy]\$(\d\d)\$")
#: bcrypt's own lower bound
_MIN_COST = 4
#: Each step doubles the time. 17 takes some 8 s on a fast processor, longer than any client
#: waits: a higher cost only locks everybody out, so it is refused when the server starts.
_MAX_COST = 17
#: bcrypt looks at this many bytes; Go ignores what follows, the Python library refuses it
_MAX_LENGTH = 72
#: Checks at a time: they must not occupy all of the reactor's ten threads.
_PARALLEL = 4


def is_bcrypt(configured: str) -> bool:
    """Whether ``configured`` is not the password itself but a bcrypt string."""
    return _BCRYPT.match(configured) is not None


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _check(password: bytes, hashed: bytes) -> bool:
    """Whether ``password`` has that bcrypt string. Slow: call it in a thread."""
    import bcrypt  # a compiled module that only this kind of password needs

    try:
        return bcrypt.checkpw(password[:_MAX_LENGTH], hashed)
    except ValueError:
        return False


class Secret:
    """A configured password or token.

    A client that showed the right one is recognised at once when it comes back: a keyed
    digest of it is kept, with a key that only this process has. Otherwise a thousand
    reconnecting clients would keep the processors busy for minutes.

    :param configured: clear text or a bcrypt string.
    :param option: what the configuration calls it, for error messages.
    :raises pubsub.errors.InvalidOption: a bcrypt string whose cost is out of bounds.
    """

    def __init__(self, configured: str, option: str) -> None:
        match = _BCRYPT.match(configured)
        if match is not None and not _MIN_COST <= int(match[1]) <= _MAX_COST:
            raise InvalidOption(
                f"{option}: bcrypt cost {int(match[1])} is not between "
                f"{_MIN_COST} and {_MAX_COST}; make a new one with a lower cost"
            )
        self.slow = match is not None
        self._configured = _encode(configured)
        # The four letters are four histories of one algorithm; the library knows two of them.
        self._hashed = b"$2b$" + self._configured[4:]
        self._semaphore = DeferredSemaphore(_PARALLEL)
        self._key = secrets.token_bytes(32)
        self._known = b""

    def matches(self, shown: str) -> bool:
        """Whether it is the configured clear text; takes the same time for any."""
        return hmac.compare_digest(self._configured, _encode(shown))

    def matches_later(self, shown: str, defer_to_thread: DeferToThread) -> Deferred[bool]:
        """Whether ``shown`` has the configured bcrypt string."""
        password = _encode(shown)
        digest = hmac.digest(self._key, password, "sha256")
        if self._is_known(digest):
            return succeed(True)
        checking: Deferred[bool] = self._semaphore.run(
            self._begin, password, digest, defer_to_thread
        )
        return checking

    def _begin(
        self, password: bytes, digest: bytes, defer_to_thread: DeferToThread
    ) -> Deferred[bool]:
        """Its turn has come; somebody before it may have shown the same."""
        if self._is_known(digest):
            return succeed(True)
        checking: Deferred[bool] = defer_to_thread(_check, password, self._hashed)
        # before the next one has its turn, which may be spared the work
        return checking.addCallback(self._remember, digest)

    def _is_known(self, digest: bytes) -> bool:
        return bool(self._known) and hmac.compare_digest(self._known, digest)

    def _remember(self, right: bool, digest: bytes) -> bool:
        if right:
            self._known = digest
        return right
