"""A directory with all accounts, kept equal among servers (``resolver { type: full }``).

(nats-server: ``DirAccResolver``.)
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from pubsub.auth.jwt.requests import FULL, PACK, Dialect, DirectoryRequests, look_up
from pubsub.auth.jwt.resolvers.directory import AccountDirectory
from pubsub.errors import CredentialsError
from pubsub.interfaces import IAccountResolver, IServerAccess
from pubsub.router.internal import InternalMessage

__all__ = ["DirectoryResolver", "FullResolver"]

#: Seconds between two looks for JWTs whose time is over; nats-server's.
_EXPIRE_EVERY = 60.0


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
        self._timers: dict[str, IDelayedCall] = {}

    def start(self, server: IServerAccess, book: Any) -> None:
        """Hear of updates, and answer for what is in the directory."""
        self._server = server
        self._requests = DirectoryRequests(server, book, self.directory, self._dialect)
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
        assert self._requests is not None
        return look_up(self._requests.desk, account, self._timeout).addCallback(
            self._found, account
        )

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

    def start(self, server: IServerAccess, book: Any) -> None:
        """Hear of updates, answer other servers, and ask them."""
        super().start(server, book)
        assert self._requests is not None
        desk = self._requests.desk
        self._inbox = b"$SYS._INBOX.%x.pack" % id(self)
        desk.subscribe(b"$SYS.REQ.ACCOUNT.*.CLAIMS.LOOKUP", self._looked_up)
        desk.subscribe(PACK, self._pack_wanted, b"responder")
        desk.subscribe(self._inbox, self._pack_received)
        self.every("sync", self._interval, self._ask_for_packs)
        self._log.info("Managing all jwt in exclusive directory {path}", path=self.directory.path)

    def _looked_up(self, message: InternalMessage) -> None:
        if not message.reply:
            return
        account = message.subject.decode("ascii", "replace").split(".")[3]
        assert self._server is not None
        loaded = self._server.defer_to_thread(self.directory.load, account)
        loaded.addCallback(self._answer_lookup, message.reply)
        loaded.addErrback(self._no_lookup, account)

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

    def _ask_for_packs(self) -> None:
        assert self._requests is not None
        self._requests.desk.publish(PACK, self.directory.hash(), self._inbox)

    def _pack_wanted(self, message: InternalMessage) -> None:
        """Another server has what its hash says: all of ours, if that is something else."""
        if not message.reply:
            return
        assert self._requests is not None
        if message.payload == self.directory.hash():
            packs: Deferred[list[tuple[str, str]]] = succeed([])
        else:
            packs = self._requests.in_turn(lambda: list(self.directory.packs()))
        packs.addCallback(self._send_packs, message.reply).addErrback(self.log_failure)

    def _send_packs(self, packs: list[tuple[str, str]], reply: bytes) -> None:
        assert self._requests is not None
        for account, token in packs:
            self._requests.desk.publish(reply, f"{account}|{token}".encode())
        self._requests.desk.publish(reply, b"")

    def _pack_received(self, message: InternalMessage) -> None:
        if message.payload:
            assert self._requests is not None
            merged = self._requests.in_turn(self._merge, message.payload)
            merged.addCallback(self._merged).addErrback(self.log_failure)

    def _merge(self, payload: bytes) -> list[tuple[str, str]]:
        """In a thread: the accounts that are new or newer."""
        changed = []
        for line in payload.decode("utf-8", "replace").split("\n"):
            account, bar, token = line.partition("|")
            try:
                if not bar:
                    raise CredentialsError("line in package didn't contain 2 entries")
                if self.directory.save_if_newer(account, token):
                    changed.append((account, token))
            except (CredentialsError, OSError) as error:
                self._log.error("Merging resulted in error: {error}", error=str(error))
        return changed

    def _merged(self, changed: list[tuple[str, str]]) -> None:
        assert self._requests is not None
        for account, token in changed:
            self._requests.apply(account, token)
