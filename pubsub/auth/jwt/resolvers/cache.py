"""A directory with the accounts that are used here (``resolver { type: cache }``).

Others are asked for at servers with a full directory. (nats-server: ``CacheDirAccResolver``.)
"""

from __future__ import annotations

from typing import Any

from pubsub.auth.jwt.requests import CACHE
from pubsub.auth.jwt.resolvers.directory import AccountDirectory
from pubsub.auth.jwt.resolvers.full import DirectoryResolver
from pubsub.interfaces import IServerAccess

__all__ = ["DEFAULT_LIMIT", "CacheResolver"]

#: accounts to keep where nothing is said; nats-server's
DEFAULT_LIMIT = 1000
#: the longest and the shortest time between two looks for old ones, seconds
_SELDOM = 60.0
_OFTEN = 0.5


class CacheResolver(DirectoryResolver):
    """Keeps what it had to ask for.

    :param ttl: seconds after its last use when a JWT is forgotten, 0 if it is when it expires.
    """

    _dialect = CACHE

    def __init__(self, directory: AccountDirectory, timeout: float = 1.9, ttl: float = 0.0) -> None:
        every = min(_SELDOM, max(_OFTEN, ttl / 2)) if ttl else _SELDOM
        super().__init__(directory, timeout, every)

    def start(self, server: IServerAccess, book: Any) -> None:
        """Hear of updates of what is here."""
        super().start(server, book)
        self._log.info("Managing some jwt in exclusive directory {path}", path=self.directory.path)
