"""Keeping directories of account JWTs equal among servers.

Theory of operation. At intervals a server sends the hash of its directory on
``$SYS.REQ.CLAIMS.PACK``. One other server answers, whichever the queue group chooses: with
nothing if its own hash is the same, else with one message for each JWT it has
(``<public key>|<JWT>``) and an empty one at the end. The one who asked keeps what is new or
was issued later, and what concerns accounts in use takes effect. It learns what the other has;
the other learns when it asks itself. Deletions are not told: a server that was down when an
account was deleted still has it, and gives it back to those who ask.

Files are read and written in threads, a batch at a time, so that neither thousands of JWTs nor
a peer that sends without end stop the server or fill its memory. What cannot be taken at once
is left out; it comes again at the next interval, when what was taken costs a hash only.

(nats-server: ``DirAccResolver.Start``, ``DirJWTStore.PackWalk`` and ``Merge``.)
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from pubsub.auth.jwt.asking import check_account
from pubsub.auth.jwt.codec import MAX_TOKEN_SIZE
from pubsub.auth.jwt.keys import is_account
from pubsub.errors import CredentialsError

if TYPE_CHECKING:
    from pubsub.auth.jwt.account_claims import AccountClaims
    from pubsub.auth.jwt.operators import TrustedOperators
    from pubsub.auth.jwt.requests import DirectoryRequests
    from pubsub.auth.jwt.resolvers.directory import AccountDirectory
    from pubsub.router.internal import InternalMessage

__all__ = ["PackExchange"]

_T = TypeVar("_T")

_PACK = b"$SYS.REQ.CLAIMS.PACK"
_QUEUE = b"responder"
#: JWTs that are read or written in one go, and applied in one turn of the reactor
_BATCH = 64
#: Seconds between two batches that are sent: what is sent waits in memory for links that may be
#: slower than the disk.
_PAUSE = 0.01
#: Servers that are answered one after the other. More have to ask again.
_MAX_ASKERS = 16
#: Bytes of packs that wait to be written: some ten thousand JWTs.
_MAX_WAITING = 32 * 1024 * 1024
#: what a line occupies besides its bytes
_OVERHEAD = 200
#: the longest line: a public key, a bar, a JWT
_MAX_LINE = MAX_TOKEN_SIZE + 64


class PackExchange:
    """Asks other servers what they have, and answers them.

    :param requests: of the same directory: one thing is done to it at a time.
    :param trust: who may have signed what others have.
    """

    _log = Logger()

    def __init__(
        self, requests: DirectoryRequests, directory: AccountDirectory, trust: TrustedOperators
    ) -> None:
        self._requests = requests
        self._desk = requests.desk
        self._clock = requests.desk.server.clock
        self._directory = directory
        self._trust = trust
        self._closed = False
        #: who waits for an answer; the first gets it
        self._askers: deque[tuple[bytes, bytes]] = deque()
        #: lines that wait to be looked into, and their size
        self._lines: deque[bytes] = deque()
        self._waiting = 0
        self._merging = False
        self._left_out = 0
        self.inbox = b"$SYS._INBOX.%s.pack" % secrets.token_hex(8).encode("ascii")
        self._desk.subscribe(_PACK, self._wanted, _QUEUE)
        self._desk.subscribe(self.inbox, self._received)

    def close(self) -> None:
        """Say nothing more; what was heard and not looked into is forgotten."""
        self._closed = True
        self._askers.clear()
        self._lines.clear()

    # asking

    def ask(self) -> None:
        """Ask one of the others, unless what the last one said is still being looked into."""
        if not self._merging:
            # in turn: the hash is right when the directory has been looked through
            self._requests.in_turn(self._directory.hash).addCallback(self._ask)

    def _ask(self, digest: bytes) -> None:
        self._desk.publish(_PACK, digest, self.inbox)

    def _received(self, message: InternalMessage) -> None:
        for line in message.payload.split(b"\n"):
            if line:
                self._take(line)
        if self._lines and not self._merging:
            self._merging = True
            self._next_batch()

    def _take(self, line: bytes) -> None:
        account, _, token = line.partition(b"|")
        if len(line) <= _MAX_LINE and self._directory.holds(account.decode("latin-1"), token):
            return
        size = len(line) + _OVERHEAD
        if self._waiting + size > _MAX_WAITING:
            self._left_out += 1
            return
        self._waiting += size
        self._lines.append(line)

    def _next_batch(self) -> None:
        batch = [self._lines.popleft() for _ in range(min(_BATCH, len(self._lines)))]
        if not batch:
            self._merging = False
            self._say_left_out()
            return
        self._waiting -= sum(len(line) + _OVERHEAD for line in batch)
        self._in_turn(self._merge, batch).addCallback(self._merged)

    def _merge(self, lines: list[bytes]) -> list[tuple[str, str]]:
        """In a thread: the accounts that are new or newer."""
        changed, wrong, reason = [], 0, ""
        for line in lines:
            try:
                token, claims = self._read(line)
                if self._directory.save_if_newer(claims.subject, token, claims):
                    changed.append((claims.subject, token))
            except (CredentialsError, OSError) as error:
                wrong += 1
                reason = reason or str(error)
        if wrong:
            self._log.error(
                "Merging resulted in error: {error} ({wrong} of {count} JWTs of another server)",
                error=reason,
                wrong=wrong,
                count=len(lines),
            )
        return changed

    def _read(self, line: bytes) -> tuple[str, AccountClaims]:
        """The JWT, and what it says, if it may be kept."""
        if len(line) > _MAX_LINE:
            raise CredentialsError("line in package is too long")
        parts = line.split(b"|")
        if len(parts) != 2:
            raise CredentialsError("line in package didn't contain 2 entries")
        try:
            account, token = (part.decode("ascii") for part in parts)
        except UnicodeDecodeError:
            raise CredentialsError("line in package is no text") from None
        if not is_account(account):
            raise CredentialsError("key to merge is not a valid public account key")
        return token, check_account(account, token, self._trust)

    def _merged(self, changed: list[tuple[str, str]]) -> None:
        if self._closed:
            return
        for account, token in changed:
            self._requests.apply(account, token)
        # not at once: others, who push accounts, want to have their turn, too
        self._clock.callLater(0, self._next_batch)

    def _say_left_out(self) -> None:
        left_out, self._left_out = self._left_out, 0
        if left_out:
            self._log.warn(
                "{count} account JWTs of another server were too many at a time, and are left to"
                " the next exchange",
                count=left_out,
            )

    # answering

    def _wanted(self, message: InternalMessage) -> None:
        if not message.reply or len(self._askers) >= _MAX_ASKERS:
            return
        self._askers.append((message.reply, message.payload))
        if len(self._askers) == 1:
            self._answer_next()

    def _answer_next(self) -> None:
        if self._askers:
            reply, digest = self._askers[0]
            self._in_turn(self._what_for, digest).addCallback(self._send, reply)

    def _what_for(self, digest: bytes) -> list[str]:
        """The accounts to send to a server whose directory has that hash."""
        return [] if digest == self._directory.hash() else self._directory.names()

    def _send(self, keys: list[str], reply: bytes) -> None:
        self._send_some(iter(keys), reply)

    def _send_some(self, keys: Iterator[str], reply: bytes) -> None:
        """One batch; the others after a pause."""
        batch = [] if self._closed else list(islice(keys, _BATCH))
        if batch:
            read = self._in_turn(lambda: list(self._directory.packs(batch)))
            read.addCallback(self._send_batch, keys, reply)
        elif not self._closed:
            self._desk.publish(reply, b"")
            self._askers.popleft()
            self._answer_next()

    def _send_batch(self, packs: list[tuple[str, str]], rest: Iterator[str], reply: bytes) -> None:
        for account, token in packs:
            self._desk.publish(reply, f"{account}|{token}".encode())
        self._clock.callLater(_PAUSE, self._send_some, rest, reply)

    # both

    def _in_turn(self, function: Callable[..., list[_T]], *arguments: Any) -> Deferred[list[_T]]:
        """What it returns; nothing, if it fails in a way nobody has thought of."""
        return self._requests.in_turn(function, *arguments).addErrback(self._broken)

    def _broken(self, failure: Failure) -> list[Any]:
        self._log.failure("The exchange of account JWTs failed", failure)
        return []
