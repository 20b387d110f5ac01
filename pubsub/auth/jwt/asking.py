"""Asking other servers for the JWT of an account.

Theory of operation. A question is a message in the system account, on
``$SYS.REQ.ACCOUNT.<public key>.CLAIMS.LOOKUP``; servers with all JWTs answer it, with nothing if
they have none of that account. The first answer that can be used ends the question. What cannot
be used (garbage, another account's, not signed by an operator who is trusted) counts as nothing.

Nobody has it when as many have answered with nothing as links the question went over, and a
moment has passed: behind one link to another cluster there may be many servers. As long as it
went nowhere and there may be other servers, it is asked again: after a start clients may be
faster than links. All ends with the time limit.

(nats-server: ``Server.fetch``. It asks once, and takes the first answer with anything in it.)
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred, fail
from twisted.logger import Logger

from pubsub.auth.jwt.codec import decode_account
from pubsub.auth.jwt.validation import account_problems
from pubsub.errors import CredentialsError

if TYPE_CHECKING:
    from twisted.internet.interfaces import IDelayedCall

    from pubsub.auth.jwt.account_claims import AccountClaims
    from pubsub.auth.jwt.operators import TrustedOperators
    from pubsub.auth.jwt.requests import Desk
    from pubsub.router.internal import InternalMessage

__all__ = ["Lookups", "check_account"]

_SUBJECT = "$SYS.REQ.ACCOUNT.{}.CLAIMS.LOOKUP"
#: seconds between two tries to reach anybody
_AGAIN = 0.1
#: seconds to wait for more answers where those that are sure to come have come
_GRACE = 0.25
#: Answers to one question that are looked into. Each takes a verification of a signature, and
#: nothing keeps others from answering without end.
_MAX_ANSWERS = 16


def check_account(account: str, token: str | bytes, trust: TrustedOperators) -> AccountClaims:
    """The claims of a JWT that came from another server, if it may be kept.

    :raises pubsub.errors.CredentialsError: it is none, or of another account; nobody who is
        trusted signed it; it is not valid.
    """
    claims = decode_account(token)
    if claims.subject != account:
        raise CredentialsError("jwt subject nkey and provided nkey do not match")
    if not trust.trusts(claims.issuer):
        raise CredentialsError("account JWT not signed by trusted operator")
    problems = account_problems(claims)
    if problems:
        raise CredentialsError(f"validation errors: [{' '.join(problems[:8])}]")
    return claims


class Lookups:
    """The questions of one resolver.

    :param desk: the server in its system account.
    :param timeout: seconds for one question.
    :param trust: who may have signed the answers.
    """

    def __init__(self, desk: Desk, timeout: float, trust: TrustedOperators) -> None:
        self.desk = desk
        self.timeout = timeout
        self.trust = trust
        # One subscription for all: servers far away know of it before they are asked.
        self._inbox = b"$SYS._INBOX.%s." % secrets.token_hex(8).encode("ascii")
        self._asked = 0
        self._waiting: dict[bytes, _Lookup] = {}
        desk.subscribe(self._inbox + b"*", self._heard)

    def find(self, account: str) -> Deferred[str]:
        """What another server has.

        :raises pubsub.errors.CredentialsError: (by the Deferred) none has it, or says so.
        """
        if self.desk.client is None:
            return fail(CredentialsError("account jwt not found"))
        self._asked += 1
        name = b"%d" % self._asked
        lookup = _Lookup(self, account, self._inbox + name)
        self._waiting[name] = lookup
        lookup.answer.addBoth(self._answered, name)
        lookup.ask()
        return lookup.answer

    def close(self) -> None:
        """Nobody is asked any more, and nobody waits."""
        for lookup in list(self._waiting.values()):
            lookup.end(CredentialsError("fetching jwt failed due to shutdown"))

    def _heard(self, message: InternalMessage) -> None:
        lookup = self._waiting.get(message.subject[len(self._inbox) :])
        if lookup is not None:
            lookup.heard(message.payload)

    def _answered(self, outcome: object, name: bytes) -> object:
        self._waiting.pop(name).stop()
        return outcome


class _Lookup:
    """One question."""

    _log = Logger()

    def __init__(self, of: Lookups, account: str, inbox: bytes) -> None:
        self._of = of
        self._account = account
        self._inbox = inbox
        self.answer: Deferred[str] = Deferred()
        #: to how many links it went; -1 while it goes there
        self._links = -1
        self._empty = 0
        self._bad = 0
        #: the next try, or the end of the grace
        self._next: IDelayedCall | None = None
        self._late = of.desk.server.clock.callLater(
            of.timeout, self.end, CredentialsError("fetching jwt timed out")
        )

    def ask(self) -> None:
        """Send it, once more if it went nowhere."""
        client = self._of.desk.client
        subject = _SUBJECT.format(self._account).encode("ascii")
        self._next = None
        self._links = client.publish(subject, b"", self._inbox) if client is not None else 0
        if self.answer.called:
            return
        if self._links:
            self._consider()
        elif client is not None and self._of.desk.server.may_be_linked():
            self._next = self._of.desk.server.clock.callLater(_AGAIN, self.ask)
        else:
            self._give_up()

    def heard(self, payload: bytes) -> None:
        """One answer, while it is waited for."""
        if payload and self._bad < _MAX_ANSWERS:
            try:
                check_account(self._account, payload, self._of.trust)
            except CredentialsError as error:
                self._bad += 1
                self._log.error(
                    "Another server's JWT of account {account} cannot be used: {error}",
                    account=self._account,
                    error=str(error),
                )
            else:
                self.answer.callback(payload.decode("ascii"))
                return
        self._empty += 1
        self._consider()

    def end(self, error: CredentialsError) -> None:
        """There is no answer."""
        if not self.answer.called:
            self.answer.errback(error)

    def stop(self) -> None:
        """Nobody waits for it any more."""
        for call in (self._late, self._next):
            if call is not None and call.active():
                call.cancel()

    def _consider(self) -> None:
        if not 0 < self._links <= self._empty or self._next is not None:
            return
        server = self._of.desk.server
        if server.may_be_linked():
            self._next = server.clock.callLater(_GRACE, self._give_up)
        else:
            self._give_up()

    def _give_up(self) -> None:
        self.end(CredentialsError("account jwt not found"))
