"""The accounts of operator mode: fetched when somebody needs them, checked, made to work.

Theory of operation. An account is *known* once its JWT was applied to
:class:`pubsub.interfaces.IAccounts`. :meth:`AccountBook.find` answers at once for a known
one that has not expired; otherwise the resolver is asked, once for all who wait. What comes
is verified (signature, a trusted operator, its content, its time) and applied. Accounts that
it imports from are fetched before, so that its first client finds its imports. What these
import is not waited for, nor is one that is being fetched already, since accounts may import
from each other: :mod:`pubsub.accounts` asks for whom it misses (:meth:`AccountBook.miss`),
and completes imports when the exporter appears.

(nats-server: ``lookupAccount``, ``fetchAccount``, ``updateAccount``,
``updateAccountWithClaimJWT``, ``verifyAccountClaims``, ``removeCb``.)
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from twisted.internet.defer import CancelledError, Deferred, DeferredList, fail, succeed
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from pubsub.auth.jwt.account import account_options
from pubsub.auth.jwt.account_claims import AccountClaims
from pubsub.auth.jwt.codec import decode_account
from pubsub.auth.jwt.keys import is_account
from pubsub.auth.jwt.operators import TrustedOperators
from pubsub.auth.jwt.validation import account_problems, time_problem
from pubsub.errors import ConfigError, CredentialsError
from pubsub.values.accounts import AccountOptions

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

    from pubsub.interfaces import IAccountResolver, IAccounts

__all__ = ["AccountBook", "verify_account"]

#: Seconds before an expired account is fetched again: each of its clients asks.
#: nats-server's number.
_TOO_SOON = 1.0
#: Accounts that are fetched at a time. Anybody can invent accounts and ask for them; who comes
#: when so many are under way is refused, and known accounts do not need a fetch.
_MAX_FETCHES = 256

#: ``then(token, name)``: an account of what was fetched
_Fetched = Callable[[str, str], "AccountOptions | Deferred[AccountOptions]"]


@dataclass
class _Known:
    token: str
    #: epoch seconds when it was applied
    updated: float


def verify_account(token: str, trust: TrustedOperators, now: float) -> AccountClaims:
    """The claims of an account that may be used now.

    :raises pubsub.errors.CredentialsError: nobody trusted signed it, or it cannot be used.
    """
    claims = decode_account(token)
    if not trust.trusts(claims.issuer):
        raise CredentialsError("account JWT not signed by trusted operator")
    problems = account_problems(claims)
    late = time_problem(claims, now)
    if late:
        problems.append(late)
    if problems:
        raise CredentialsError(f"account validation failed: {'; '.join(problems[:8])}")
    return replace(claims, strict=trust.is_strict(claims.issuer))


class AccountBook:
    """The accounts whose JWTs this server has seen.

    :param accounts: where they take effect.
    :param trust: who may sign them.
    :param resolver: where they come from.
    :param clock: the reactor, or a Clock in tests.
    :param wall: epoch seconds.
    """

    _log = Logger()

    def __init__(
        self,
        accounts: IAccounts,
        trust: TrustedOperators,
        resolver: IAccountResolver,
        clock: IReactorTime,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.trust = trust
        self._accounts = accounts
        self._resolver = resolver
        self._clock = clock
        self._wall = wall
        self._known: dict[str, _Known] = {}
        self._fetching: dict[str, list[Deferred[AccountOptions]]] = {}

    def adopt(self) -> None:
        """Know the accounts that came as JWTs before a reload, if they are still trusted."""
        for name in self._accounts.names():
            options = self._accounts.find(name)
            claims = options.claims if options is not None else None
            if not isinstance(claims, AccountClaims):
                continue
            if self.trust.trusts(claims.issuer):
                # what their JWTs were is not kept: the next one is taken for another
                self._known[name] = _Known("", 0.0)
            else:
                self._accounts.remove(name)

    def is_known(self, name: str) -> bool:
        """Whether the account has been applied, and not been deleted since."""
        return name in self._known

    def names(self) -> list[str]:
        """The accounts that are known."""
        return list(self._known)

    def known(self, name: str) -> AccountOptions | None:
        """The account, if nobody has to be asked: it is known and has not expired."""
        if name not in self._known:
            return None
        options = self._accounts.find(name)
        return None if options is None or self._is_over(options) else options

    def find(self, name: str) -> Deferred[AccountOptions]:
        """The account, now or when the resolver has answered.

        :raises pubsub.errors.CredentialsError: (by the Deferred) it is not there, cannot be
            used, or has expired.
        """
        options = self.known(name)
        if options is not None:
            return succeed(options)
        known = self._known.get(name)
        there = self._accounts.find(name) is not None
        if there and known is not None and self._wall() - known.updated < _TOO_SOON:
            return fail(CredentialsError(f"account {name} has expired"))
        if not is_account(name):
            return fail(CredentialsError("will only fetch valid account keys"))
        if name not in self._fetching and len(self._fetching) >= _MAX_FETCHES:
            return fail(CredentialsError("too many accounts are being fetched"))
        return self._join(name, self._with_exporters)

    def miss(self, name: str) -> Deferred[AccountOptions]:
        """As :meth:`find`, from the next turn on: a chain of imports is no chain of calls."""
        turn: Deferred[None] = deferLater(self._clock, 0)
        return turn.addCallback(lambda _: self.find(name))

    def apply(self, name: str, token: str) -> AccountOptions:
        """Make the account what ``token`` says; its clients are updated or go.

        :raises pubsub.errors.CredentialsError: the token cannot be used, or is not its.
        """
        return self._install(name, token, self._verified(name, token))

    def disable(self, name: str) -> None:
        """The account was deleted: forget it, and have its clients go."""
        if self._known.pop(name, None) is None:
            return
        self._log.debug("Disable account {name} due to remove", name=name)
        self._accounts.remove(name)

    def close(self) -> None:
        """The server ends: nobody waits any more."""
        for waiting in list(self._fetching.values()):
            for deferred in list(waiting):
                deferred.cancel()

    # fetching

    def _join(self, name: str, then: _Fetched) -> Deferred[AccountOptions]:
        """Wait with all others for one fetch.

        :param then: makes the account of what was fetched.
        """

        def leave(deferred: Deferred[AccountOptions]) -> None:
            waiting = self._fetching.get(name, [])
            if deferred in waiting:
                waiting.remove(deferred)

        waiter: Deferred[AccountOptions] = Deferred(leave)
        if name in self._fetching:
            self._fetching[name].append(waiter)
            return waiter
        self._fetching[name] = [waiter]
        try:
            fetched = self._resolver.fetch(name)
        except Exception:  # noqa: BLE001 - a third party's resolver
            fetched = fail(Failure())
        installed: Deferred[AccountOptions] = fetched.addCallback(then, name)
        installed.addBoth(self._answer, name)
        return waiter

    def _alone(self, token: str, name: str) -> AccountOptions:
        return self._install(name, token, self._verified(name, token))

    def _with_exporters(self, token: str, name: str) -> AccountOptions | Deferred[AccountOptions]:
        claims = self._verified(name, token)
        wanted = [
            self._join(exporter, self._alone)
            for exporter in dict.fromkeys(import_.account for import_ in claims.imports)
            if is_account(exporter)
            and not self.is_known(exporter)
            and exporter not in self._fetching
            and len(self._fetching) < _MAX_FETCHES
        ]
        if not wanted:
            return self._install(name, token, claims)

        def ready(_: object) -> AccountOptions:
            return self._install(name, token, claims)

        return DeferredList(wanted, consumeErrors=True).addCallback(ready)

    def _answer(self, outcome: AccountOptions | Failure, name: str) -> None:
        waiting = self._fetching.pop(name, [])
        if isinstance(outcome, Failure):
            if outcome.check(CredentialsError, CancelledError) is None:
                self._log.failure("Account {name} could not be fetched", outcome, name=name)
                outcome = Failure(CredentialsError("account fetch failed"))
            else:
                self._log.debug(
                    "Account fetch failed: {name}: {error}",
                    name=name,
                    error=outcome.getErrorMessage(),
                )
        for deferred in waiting:
            if isinstance(outcome, Failure):
                deferred.errback(Failure(CredentialsError(outcome.getErrorMessage())))
            else:
                deferred.callback(outcome)

    # applying

    def _verified(self, name: str, token: str) -> AccountClaims:
        claims = verify_account(token, self.trust, self._wall())
        if claims.subject != name:
            raise CredentialsError("account JWT is that of another account")
        return claims

    def _install(self, name: str, token: str, claims: AccountClaims) -> AccountOptions:
        known, options = self._known.get(name), self._accounts.find(name)
        if known is not None and known.token == token and options is not None:
            known.updated = self._wall()
            return options
        options = account_options(claims)
        try:
            self._accounts.update(options)
        except ConfigError as error:
            raise CredentialsError(f"account cannot be used: {error}") from error
        self._known[name] = _Known(token, self._wall())
        return options

    def _is_over(self, options: AccountOptions) -> bool:
        return 0.0 < options.expires <= self._wall()
