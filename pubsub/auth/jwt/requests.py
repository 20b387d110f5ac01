"""Requests about account JWTs in the system account, which ``nsc push`` and its like send.

:class:`UpdateRequests` is for resolvers that keep nothing (memory, URL): accounts in use
are updated. :class:`DirectoryRequests` is for those with a directory, whose differences are
in a :class:`Dialect`. Answers are nats-server's (``accounts.go``: ``DirAccResolver.Start``,
``CacheDirAccResolver.Start``; ``events.go``: ``accountClaimUpdate``).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, DeferredLock
from twisted.logger import Logger
from twisted.python.failure import Failure

from pubsub.auth.jwt.account_claims import AccountClaims
from pubsub.auth.jwt.codec import decode_account, decode_generic
from pubsub.auth.jwt.keys import is_account
from pubsub.auth.jwt.resolvers.directory import AccountDirectory, Deletion
from pubsub.auth.jwt.validation import account_problems, time_problem
from pubsub.errors import CredentialsError
from pubsub.wire.gotime import rfc3339

if TYPE_CHECKING:
    from pubsub.auth.jwt.lookup import AccountBook
    from pubsub.interfaces import IServerAccess
    from pubsub.router.internal import InternalClient, InternalMessage

__all__ = ["CACHE", "FULL", "Dialect", "DirectoryRequests", "UpdateRequests"]

_UPDATE = (b"$SYS.ACCOUNT.*.CLAIMS.UPDATE", b"$SYS.REQ.ACCOUNT.*.CLAIMS.UPDATE")

_OK, _FAILED = 200, 500
#: what an answer calls an account whose JWT cannot be read
_UNKNOWN = "n/a"
#: requests that wait for the directory; each holds a JWT
_MAX_WAITING = 1024


class Desk:
    """Hears requests in the system account and answers them.

    :param server: whose; without a system account nothing is heard.
    """

    _log = Logger()

    def __init__(self, server: IServerAccess, wall: Callable[[], float] = time.time) -> None:
        self.server = server
        self._wall = wall
        self._sequence = 0
        self.client: InternalClient | None = None
        if server.system_account:
            client: InternalClient = server.internal_client(server.system_account)
            # its own questions are for other servers
            client.link.options = replace(client.link.options, echo=False)
            self.client = client

    def subscribe(
        self, subject: bytes, callback: Callable[[InternalMessage], None], queue: bytes = b""
    ) -> None:
        """Have ``callback`` called for each request."""
        if self.client is not None:
            self.client.subscribe(subject, callback, queue)

    def publish(self, subject: bytes, payload: bytes, reply: bytes = b"") -> None:
        """Say something, unless there is no system account, or none any more."""
        if self.client is not None and subject:
            self.client.publish(subject, payload, reply)

    def answer(
        self, reply: bytes, account: str, message: str, error: Exception | str | None = None
    ) -> None:
        """``{"server": …, "data" or "error": …}`` (``respondToUpdate``)."""
        body: dict[str, Any] = {"account": account} if account else {}
        if error is None:
            self._log.debug("{message} - {account}", message=message, account=account)
            self._send(reply, {"data": {**body, "code": _OK, "message": message}})
            return
        self._log.error(
            "{message} - {account} - {error}", message=message, account=account, error=str(error)
        )
        description = f"{message} - {error}"
        self._send(reply, {"error": {**body, "code": _FAILED, "description": description}})

    def answer_list(self, reply: bytes, names: Sequence[str]) -> None:
        """``{"data": […], "server": …}``, in this order."""
        if reply:
            self._publish(reply, {"data": list(names), "server": self._stamp()})

    def _send(self, reply: bytes, body: dict[str, Any]) -> None:
        if reply:
            self._publish(reply, {"server": self._stamp(), **body})

    def _stamp(self) -> dict[str, Any]:
        """Who says it, with the number and the time of this message (``ServerInfo``)."""
        self._sequence += 1
        return {
            **self.server.server_info(),
            "seq": self._sequence,
            "time": rfc3339(self._wall()),
        }

    def _publish(self, reply: bytes, body: dict[str, Any]) -> None:
        self.publish(reply, json.dumps(body, separators=(",", ":")).encode("utf-8"))

    def close(self) -> None:
        """Hear nothing any more."""
        if self.client is not None:
            self.client.close()
            self.client = None


class UpdateRequests:
    """Updates of accounts in use, for resolvers that keep nothing themselves."""

    def __init__(self, server: IServerAccess, book: AccountBook) -> None:
        self._desk = Desk(server)
        self._book = book
        for subject in _UPDATE:
            self._desk.subscribe(subject, self._heard)

    def close(self) -> None:
        """Hear of no more updates."""
        self._desk.close()

    def _heard(self, message: InternalMessage) -> None:
        # The router is in the middle of a message now, and an update may tell it a lot.
        self._desk.server.clock.callLater(0, self._update, message)

    def _update(self, message: InternalMessage) -> None:
        account = _account_in(message.subject)
        failed = "jwt update resulted in error"
        if not message.payload:
            self._desk.answer(message.reply, account, "jwt update error", "request body is empty")
            return
        try:
            token = message.payload.decode("ascii")
            if decode_account(token).subject != account:
                raise CredentialsError("subject does not match jwt content")
            if not self._book.is_known(account):
                self._desk.answer(message.reply, account, "jwt update skipped")
                return
            self._book.apply(account, token)
        except (CredentialsError, UnicodeDecodeError) as error:
            self._desk.answer(message.reply, account, failed, error)
            return
        self._desk.answer(message.reply, account, "jwt updated")


@dataclass(frozen=True)
class Dialect:
    """How a resolver with a directory talks."""

    updated: str
    failed: str
    invalid: str
    #: said of accounts nobody uses here; ``""``: these are kept, too
    skipped: str = ""


FULL = Dialect("jwt updated", "jwt update resulted in error", "jwt validation failed")
CACHE = Dialect(
    "jwt updated cache",
    "jwt update cache resulted in error",
    "jwt update cache validation failed",
    "jwt update cache skipped",
)


@dataclass(frozen=True)
class _Outcome:
    account: str
    message: str
    error: Exception | str | None = None
    #: to be applied
    token: str = ""


class DirectoryRequests:
    """Updates, lists and deletions of what is in a directory.

    Signatures are verified and files written in threads, one request after the other.

    :param directory: where JWTs are kept.
    :param dialect: :data:`FULL` or :data:`CACHE`.
    """

    _log = Logger()

    def __init__(
        self,
        server: IServerAccess,
        book: AccountBook,
        directory: AccountDirectory,
        dialect: Dialect,
    ) -> None:
        self.desk = Desk(server)
        self._server = server
        self._book = book
        self._directory = directory
        self._dialect = dialect
        self._lock = DeferredLock()
        for subject in _UPDATE:
            self.desk.subscribe(subject, self._update_one)
        self.desk.subscribe(b"$SYS.REQ.CLAIMS.UPDATE", self._update_any)
        self.desk.subscribe(b"$SYS.REQ.CLAIMS.LIST", self._list)
        self.desk.subscribe(b"$SYS.REQ.CLAIMS.DELETE", self._delete)

    def close(self) -> None:
        """Hear nothing any more."""
        self.desk.close()

    def in_turn(self, function: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
        """Run ``function`` in a thread, after those that came before."""
        return self._lock.run(self._server.defer_to_thread, function, *arguments)

    def apply(self, account: str, token: str) -> None:
        """Have a new JWT take effect, if its account is in use."""
        if not self._book.is_known(account):
            return
        try:
            self._book.apply(account, token)
        except CredentialsError as error:
            self._log.error(
                "Update for account {account} resulted in error {error}",
                account=account,
                error=str(error),
            )

    # updates

    def _update_one(self, message: InternalMessage) -> None:
        self._update(message, _account_in(message.subject))

    def _update_any(self, message: InternalMessage) -> None:
        self._update(message, "")

    def _is_busy(self, message: InternalMessage, account: str = "") -> bool:
        busy = len(self._lock.waiting) >= _MAX_WAITING
        if busy:
            self.desk.answer(message.reply, account, "request refused", "too many at a time")
        return busy

    def _update(self, message: InternalMessage, account: str) -> None:
        if self._is_busy(message, account):
            return
        saved = self.in_turn(self._keep, message.payload, account, self._book.names())
        saved.addCallback(self._kept, message.reply)
        saved.addErrback(self._broken)

    def _kept(self, outcome: _Outcome, reply: bytes) -> None:
        if outcome.token:
            self.apply(outcome.account, outcome.token)
        self.desk.answer(reply, outcome.account, outcome.message, outcome.error)

    def _keep(self, payload: bytes, account: str, in_use: Sequence[str]) -> _Outcome:
        """In a thread. ``account`` is that of the subject, ``""`` if it names none."""
        words = self._dialect
        cached = bool(words.skipped)
        try:
            token = payload.decode("ascii")
            claims = decode_account(token)
        except (CredentialsError, UnicodeDecodeError) as error:
            return _Outcome(account if cached and account else _UNKNOWN, words.failed, error)
        name = account or claims.subject
        wrong = self._wrong(claims)
        if wrong and account and not cached:
            # what is wrong inside is said before what does not fit, by this one alone
            return _Outcome(claims.subject, words.invalid, wrong)
        if claims.subject != name:
            return _Outcome(name, words.failed, "subject does not match jwt content")
        if self._book.trust.refuses(claims.issuer):
            return _Outcome(name, words.failed, "operator requires issuer to be a signing key")
        if cached and name not in in_use:
            return _Outcome(name, words.skipped)
        if wrong:
            return _Outcome(name, words.invalid, wrong)
        try:
            changed = self._directory.save(name, token)
        except (CredentialsError, OSError) as error:
            return _Outcome(name, words.failed, error)
        return _Outcome(name, words.updated, token=token if changed else "")

    @staticmethod
    def _wrong(claims: AccountClaims) -> str:
        problems = account_problems(claims)
        return f"validation errors: [{' '.join(problems)}]" if problems else ""

    # list and delete

    def _list(self, message: InternalMessage) -> None:
        if message.reply and not self._is_busy(message):
            listed = self.in_turn(lambda: [key for key, _ in self._directory.packs()])
            listed.addCallback(lambda names: self.desk.answer_list(message.reply, names))
            listed.addErrback(self._broken)

    def _delete(self, message: InternalMessage) -> None:
        if self._is_busy(message):
            return
        deleted = self.in_turn(self._remove, message.payload)
        deleted.addCallback(self._removed, message.reply)
        deleted.addErrback(self._broken)

    def _removed(self, outcome: tuple[list[str], _Outcome], reply: bytes) -> None:
        gone, answer = outcome
        for account in gone:
            self._book.disable(account)
        self.desk.answer(reply, "", answer.message, answer.error)

    def _remove(self, payload: bytes) -> tuple[list[str], _Outcome]:
        """In a thread: what was deleted, and the answer."""
        subject = ""
        try:
            claims = decode_generic(payload.decode("ascii", "replace"))
            subject = claims.subject
            accounts = self._to_delete(claims.data, claims.issuer, subject)
            late = time_problem(claims, time.time())
            if late:
                raise CredentialsError(late)
        except CredentialsError as error:
            return [], _Outcome("", f"delete accounts request by {subject} failed", error)
        gone, passed, errors = [], 0, []
        for account in accounts:
            try:
                if self._directory.delete(account):
                    gone.append(account)
                passed += 1
            except (CredentialsError, OSError) as error:
                errors.append(str(error))
        if not errors:
            return gone, _Outcome("", f"deleted {passed} accounts")
        message = f"deleted {passed} accounts, failed for {len(errors)}"
        return gone, _Outcome("", message, "\n".join(errors))

    def _to_delete(self, data: Any, issuer: str, subject: str) -> list[str]:
        if self._directory.deletion is Deletion.REFUSED:
            raise CredentialsError("delete must be enabled in server config")
        if subject != issuer:
            raise CredentialsError("not self signed")
        if not self._book.trust.may_delete(issuer):
            raise CredentialsError("not trusted")
        accounts = data.get("accounts")
        if not isinstance(accounts, list):
            raise CredentialsError("malformed request")
        for account in accounts:
            if not isinstance(account, str) or not is_account(account):
                raise CredentialsError("malformed request")
            if account == self._server.system_account:
                raise CredentialsError("not allowed to delete system account")
        return accounts

    def _broken(self, failure: Failure) -> None:
        self._log.failure("A request about account JWTs failed", failure)


def _account_in(subject: bytes) -> str:
    tokens = subject.decode("ascii", "replace").split(".")
    return tokens[3] if len(tokens) == 6 else tokens[2]
