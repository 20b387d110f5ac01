"""A directory with all accounts, kept equal among servers (``resolver { type: full }``).

(nats-server: ``DirAccResolver``.)
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from pubsub.auth.jwt.asking import Lookups
from pubsub.auth.jwt.requests import FULL, Dialect, DirectoryRequests
from pubsub.auth.jwt.resolvers.directory import AccountDirectory
from pubsub.auth.jwt.resolvers.packs import PackExchange
from pubsub.errors import CredentialsError
from pubsub.interfaces import IAccountResolver, IServerAccess
from pubsub.router.internal import InternalMessage

__all__ = ["DirectoryResolver", "FullResolver"]

#: Seconds between two looks for JWTs whose time is over; nats-server's.
_EXPIRE_EVERY = 60.0
#: Questions of other servers that are answered at a time; who asks one too many waits in vain.
_MAX_ANSWERING = 4096


@implementer(IAccountResolver)
class DirectoryResolver:
    """What the two resolvers with a directory have in common.

    :param directory: where the JWTs are.
    :param timeout: seconds for other servers to answer.
    :param expire_every: seconds.
    """

    _log = Logger()
    _dialect: Dialect

    def __init__(
        self,
        directory: AccountDirectory,
        timeout: float = 1.9,
        expire_every: float = _EXPIRE_EVERY,
    ) -> None:
        self.directory = directory
        self._timeout = timeout
        self._expire_every = expire_every
        self._server: IServerAccess | None = None
        self._requests: DirectoryRequests | None = None
        self._lookups: Lookups | None = None
        self._timers: dict[str, IDelayedCall] = {}

    def start(self, server: IServerAccess, book: Any) -> None:
        """Hear of updates, and answer for what is in the directory."""
        self._server = server
        self._requests = DirectoryRequests(server, book, self.directory, self._dialect)
        self._lookups = Lookups(self._requests.desk, self._timeout, book.trust)
        # before whatever else is done to it: it may be large
        self._requests.in_turn(self.directory.scan).addErrback(self.log_failure)
        for account in book.names():
            # known since before a reload: its file may be another one now
            loaded = server.defer_to_thread(self.directory.load, account)
            loaded.addCallback(self._reload, account).addErrback(self.log_failure)
        self.every("expire", self._expire_every, self._expire)

    def fetch(self, account: str) -> Deferred[str]:
        """From the directory, or else from another server."""
        if self._server is None:
            return fail(CredentialsError("the resolver has not been started"))
        loaded = self._server.defer_to_thread(self.directory.load, account)
        loaded.addErrback(self._unreadable, account)
        loaded.addCallback(self._loaded, account)
        return loaded

    def stop(self) -> None:
        """Hear nothing any more, and leave the directory alone."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        if self._lookups is not None:
            self._lookups.close()
        if self._requests is not None:
            self._requests.close()

    def every(self, name: str, seconds: float, what: Any) -> None:
        """Call ``what`` again and again; the first time after ``seconds``."""
        assert self._server is not None
        clock = self._server.clock

        def again() -> None:
            self._timers[name] = clock.callLater(seconds, again)
            what()

        self._timers[name] = clock.callLater(seconds, again)

    def log_failure(self, failure: Failure) -> None:
        """The end of work in the background."""
        self._log.failure("The directory {path} failed", failure, path=str(self.directory.path))

    def _reload(self, token: str, account: str) -> None:
        assert self._requests is not None
        if token:
            self._requests.apply(account, token)

    def _expire(self) -> None:
        assert self._requests is not None
        self._requests.in_turn(self.directory.expire).addErrback(self.log_failure)

    def _unreadable(self, failure: Failure, account: str) -> str:
        failure.trap(OSError)
        self._log.error(
            "Cannot read the JWT of {account} in {path}: {error}",
            account=account,
            path=str(self.directory.path),
            error=failure.getErrorMessage(),
        )
        return ""

    def _loaded(self, token: str, account: str) -> str | Deferred[str]:
        if token:
            return token
        assert self._lookups is not None
        return self._lookups.find(account).addCallback(self._found, account)

    def _found(self, token: str, account: str) -> Deferred[str]:
        """Keep what another server has sent."""
        assert self._requests is not None
        kept = self._requests.in_turn(self.directory.save_if_newer, account, token)
        return kept.addCallback(lambda _: token)


class FullResolver(DirectoryResolver):
    """Has all JWTs, tells other servers, and asks them at intervals what it is missing.

    :param interval: seconds.
    """

    _dialect = FULL

    def __init__(
        self, directory: AccountDirectory, timeout: float = 1.9, interval: float = 60.0
    ) -> None:
        super().__init__(directory, timeout)
        self._interval = interval
        self._packs: PackExchange | None = None
        self._answering = 0

    def start(self, server: IServerAccess, book: Any) -> None:
        """Hear of updates, answer other servers, and ask them."""
        super().start(server, book)
        assert self._requests is not None
        desk = self._requests.desk
        desk.subscribe(b"$SYS.REQ.ACCOUNT.*.CLAIMS.LOOKUP", self._looked_up)
        self._packs = PackExchange(self._requests, self.directory, book.trust)
        self.every("sync", self._interval, self._packs.ask)
        self._log.info("Managing all jwt in exclusive directory {path}", path=self.directory.path)

    def stop(self) -> None:
        """Hear nothing any more, and leave the directory alone."""
        if self._packs is not None:
            self._packs.close()
        super().stop()

    def _looked_up(self, message: InternalMessage) -> None:
        if not message.reply or self._answering >= _MAX_ANSWERING:
            return
        account = message.subject.decode("ascii", "replace").split(".")[3]
        assert self._server is not None
        self._answering += 1
        loaded = self._server.defer_to_thread(self.directory.load, account)
        loaded.addCallback(self._answer_lookup, message.reply)
        loaded.addErrback(self._no_lookup, account).addBoth(self._answered_lookup)

    def _answer_lookup(self, token: str, reply: bytes) -> None:
        assert self._requests is not None
        # nothing tells the asker that it is not here, so that it need not wait
        self._requests.desk.publish(reply, token.encode("utf-8"))

    def _no_lookup(self, failure: Failure, account: str) -> None:
        failure.trap(CredentialsError, OSError)
        self._log.error(
            "Error looking up account {account}: {error}",
            account=account,
            error=failure.getErrorMessage(),
        )

    def _answered_lookup(self, outcome: object) -> object:
        self._answering -= 1
        return outcome
