"""Who is asked about a client, in which order, and for how long.

The authenticators come from plugins (:mod:`pubsub.auth.discovery`): those that
``authorization`` names are asked first, in the order they are written, then those of this
package that the configuration concerns, in nats-server's order. The first to know a client's
kind of credentials decides. An authenticator that fails has refused: nobody gets in by
breaking it.

Before anybody is asked, the signature of a proxy is looked at: one nobody trusts refuses, and
if ``authorization { proxy_required: true }`` so does having none. (nats-server applies that
option to tokens and the single user only; here it means everybody.)

An authenticator that has a method ``use_rest`` is given the rest of the chain:
``rest(attempt)`` answers as :meth:`AuthenticatorChain.authenticate` does, by those after it.
It can so judge by what they would say.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from pubsub.auth.discovery import make_authenticators
from pubsub.auth.proxies import TrustedProxies, require_proxy
from pubsub.auth.slowwork import DeferToThread, SlowWork
from pubsub.errors import AuthenticationFailed, BackendUnavailable, ConfigError
from pubsub.interfaces import (
    ConnectionAttempt,
    IAuthenticator,
    IAuthenticatorPlugin,
    Identity,
    IServerAccess,
    IServerAuthenticator,
    IThreadedAuthenticator,
)

__all__ = ["AuthenticatorChain", "create_chain"]

#: Seconds between two lines about failures of the same authenticator: it may fail for each
#: of ten thousand reconnecting clients, and says the same each time.
_SAY_AGAIN = 1.0

#: what an authenticator's answer comes to in the end
_Answer = Identity | None


@implementer(IAuthenticator)
class AuthenticatorChain:
    """Asks authenticators in order until one knows.

    :param authenticators: their names (for the log) and themselves, in order.
    :param clock: limits the time.
    :param limit: seconds for all of them together; who is not known by then is refused.
    :param proxies: who may vouch for clients.
    :param proxy_required: refuse who does not come by one of these.
    """

    _log = Logger()

    def __init__(
        self,
        authenticators: Iterable[tuple[str, IAuthenticator]],
        clock: IReactorTime,
        limit: float,
        proxies: TrustedProxies | None = None,
        proxy_required: bool = False,
    ) -> None:
        self._authenticators = tuple(authenticators)
        self._clock = clock
        self._limit = limit
        self._proxies = TrustedProxies(()) if proxies is None else proxies
        self._proxy_required = proxy_required
        self._said: dict[str, float] = {}
        for place, (_, authenticator) in enumerate(self._authenticators):
            use_rest = getattr(authenticator, "use_rest", None)
            if use_rest is not None:
                use_rest(partial(self._ask_from, place + 1))

    @property
    def required(self) -> bool:
        """Whether CONNECT has to come first. It changes with the users of the server."""
        # Without any, nobody gets in: say so before they try.
        return (
            self._proxy_required
            or not self._authenticators
            or any(authenticator.required for _, authenticator in self._authenticators)
        )

    @property
    def needs_nonce(self) -> bool:
        """Whether INFO has to carry a nonce. It changes with the users of the server."""
        return bool(self._proxies) or any(
            getattr(authenticator, "needs_nonce", False)
            for _, authenticator in self._authenticators
        )

    @property
    def names(self) -> Sequence[str]:
        """The names of the authenticators, in the order they are asked."""
        return [name for name, _ in self._authenticators]

    def identity_of(self, key: str) -> Identity | None:
        """Who the user of that name or public key is, without asking for credentials.

        ``None`` if no list has it, or if that is not all there is to ask: see :meth:`admit`.
        """
        return None if self._proxy_required else self._listed("identity_of", key)

    def admit(self, key: str, attempt: ConnectionAttempt) -> Identity | None:
        """The user of that name or public key, if it may come this way: for ``no_auth_user``.

        No credentials are asked for, but all else is; ``None`` if no list has it.

        :raises pubsub.errors.AuthenticationFailed: not by this kind of connection, or not
            without a trusted proxy, or not by this one.
        """
        attempt = self._checked_way(attempt)
        identity = self._listed("admit", key, attempt)
        return _by_proxy(identity, attempt.proxy_key)

    def _listed(self, method: str, *arguments: Any) -> Identity | None:
        for _, authenticator in self._authenticators:
            look = getattr(authenticator, method, None)
            identity: Identity | None = look(*arguments) if look is not None else None
            if identity is not None:
                return identity
        return None

    def _checked_way(self, attempt: ConnectionAttempt) -> ConnectionAttempt:
        attempt = self._proxies.checked(attempt)
        if self._proxy_required:
            require_proxy(attempt)
        return attempt

    def stop(self) -> None:
        """End what the authenticators began; they are not asked any more."""
        for name, authenticator in self._authenticators:
            if IServerAuthenticator.providedBy(authenticator):
                try:
                    authenticator.stop()
                except Exception:  # noqa: BLE001 - third-party code must not keep the others running
                    self._log.failure("Authenticator {name} failed to stop", name=name)

    def authenticate(self, attempt: ConnectionAttempt) -> _Answer | Deferred[_Answer]:
        """What the first authenticator says that knows these credentials; ``None`` if none does.

        :raises pubsub.errors.AuthenticationFailed: it refused, failed, or took too long; or the
            proxy is not trusted, or none is where one is required.
        """
        attempt = self._checked_way(attempt)
        outcome = self._ask_from(0, attempt)
        if isinstance(outcome, Deferred) and attempt.proxy_key:
            return outcome.addCallback(_by_proxy, attempt.proxy_key)
        return outcome if isinstance(outcome, Deferred) else _by_proxy(outcome, attempt.proxy_key)

    def _ask_from(self, first: int, attempt: ConnectionAttempt) -> _Answer | Deferred[_Answer]:
        return self._ask(attempt, first, self._clock.seconds() + self._limit)

    def _ask(
        self, attempt: ConnectionAttempt, first: int, until: float
    ) -> _Answer | Deferred[_Answer]:
        for place in range(first, len(self._authenticators)):
            name, authenticator = self._authenticators[place]
            try:
                outcome = authenticator.authenticate(attempt)
            except AuthenticationFailed:
                raise
            except Exception:  # noqa: BLE001 - third-party code: whatever it raises is a refusal
                raise self._failed(name, Failure()) from None
            if isinstance(outcome, Deferred):
                return self._wait(outcome, attempt, place, until)
            if outcome is not None:
                return self._checked(name, outcome)
        return None

    def _wait(
        self, outcome: Deferred[_Answer], attempt: ConnectionAttempt, place: int, until: float
    ) -> Deferred[_Answer]:
        """The answer of the authenticator at ``place``, or of those after it."""
        name = self._authenticators[place][0]
        left = max(0.0, until - self._clock.seconds())
        timer = self._clock.callLater(left, outcome.cancel)

        def stop_timer(result: Any) -> Any:
            if timer.active():
                timer.cancel()
            return result

        def answered(answer: _Answer) -> _Answer | Deferred[_Answer]:
            if answer is None:
                return self._ask(attempt, place + 1, until)
            return self._checked(name, answer)

        def refused(failure: Failure) -> Failure:
            if failure.check(AuthenticationFailed) is not None:
                return failure
            if failure.check(CancelledError) is None:
                return Failure(self._failed(name, failure))
            if self._clock.seconds() < until:
                return failure  # who asked does not want to know any more
            return Failure(
                AuthenticationFailed(f"{name} did not answer within {self._limit:g} seconds")
            )

        outcome.addBoth(stop_timer)
        return outcome.addCallbacks(answered, refused)

    def _checked(self, name: str, answer: object) -> Identity:
        """``answer``, if it is one: ``True`` is a plausible mistake, and must not let in."""
        if isinstance(answer, Identity):
            return answer
        raise self._failed(
            name, Failure(TypeError(f"its answer is {type(answer).__name__}, not an Identity"))
        )

    def _failed(self, name: str, failure: Failure) -> AuthenticationFailed:
        """One line in the log, and what to raise."""
        error = f"{getattr(failure.type, '__name__', failure.type)}: {failure.getErrorMessage()}"
        now = self._clock.seconds()
        if now - self._said.get(name, -_SAY_AGAIN) >= _SAY_AGAIN:
            self._said[name] = now
            where = ""
            if failure.frames:
                function, file, line = failure.frames[-1][:3]
                where = f" ({file}:{line} in {function})"
            self._log.error(
                "Authenticator {name} failed and refused a client: {error}{where}",
                name=name,
                error=error,
                where=where,
            )
        return AuthenticationFailed(f"{name} failed: {error}")


def _by_proxy(answer: _Answer, key: str) -> _Answer:
    return replace(answer, proxy_key=key) if answer is not None and key else answer


def create_chain(
    options: Any,
    clock: IReactorTime,
    defer_to_thread: DeferToThread,
    plugins: Iterable[IAuthenticatorPlugin] | None = None,
    server: IServerAccess | None = None,
) -> AuthenticatorChain:
    """The authenticators that ``options`` ask for, ready to be asked.

    :param options: :class:`pubsub.config.options.Options`.
    :param defer_to_thread: given to those that provide
        :class:`pubsub.interfaces.IThreadedAuthenticator`. This package's own share a
        :class:`pubsub.auth.slowwork.SlowWork` on top of it.
    :param plugins: in place of those that are installed.
    :param server: given to those that provide :class:`pubsub.interfaces.IServerAuthenticator`.
    :raises pubsub.errors.BackendUnavailable: a named plugin is not installed, or fails.
    :raises pubsub.errors.ConfigError: an authenticator cannot use its options.
    """
    made = make_authenticators(options, plugins)
    slow_work = SlowWork(defer_to_thread, clock.seconds)
    chain = AuthenticatorChain(
        [(name, authenticator) for name, authenticator, _ in made],
        clock,
        options.authorization.timeout,
        TrustedProxies(options.trusted_proxies),
        options.authorization.proxy_required,
    )
    try:
        for name, authenticator, built_in in made:
            if IThreadedAuthenticator.providedBy(authenticator):
                authenticator.use_threads(slow_work if built_in else defer_to_thread)
            if server is not None and IServerAuthenticator.providedBy(authenticator):
                _give_server(name, authenticator, server)
    except (BackendUnavailable, ConfigError):
        chain.stop()
        raise
    return chain


def _give_server(name: str, authenticator: IServerAuthenticator, server: IServerAccess) -> None:
    try:
        authenticator.use_server(server)
    except (BackendUnavailable, ConfigError):
        raise
    except Exception as error:
        raise BackendUnavailable(
            f"authenticator {name!r} cannot work with this server: {type(error).__name__}: {error}"
        ) from error
